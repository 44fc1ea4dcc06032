import { samplesOf, tracksOf, type Track } from '../mp4/demux';
import { Source } from '../mse/source';
import { EdgeControl } from './edge';
import type { Listener, Presenter } from './presenter';

const keepBehindS = 8;
/** Further back than a keyframe may lie after a reconnect. */
const clockStepMs = 15_000;
/** So many bytes unappended, and the page does not keep up: better to start over at the newest keyframe. */
const pileUpBytes = 32 << 20;

/** Plays through Media Source Extensions, held at the live edge. */
export class MsePresenter implements Presenter {
  readonly way = 'mse';
  private source: Source | undefined;
  private originMs = 0;
  private init: ArrayBuffer | undefined;
  private tracks: Track[] = [];
  /** Received while an append was under way; they go together in the next one. */
  private pending: ArrayBuffer[] = [];
  private pendingBytes = 0;
  private feeding = false;
  /** When the last fragment began, UTC. */
  private newestMs = -Infinity;
  private edge: EdgeControl;
  private lastTrimAt = 0;
  /** End of what is buffered, in seconds of the element. */
  private bufferedTo = 0;
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly mime: string,
    /** The stream has sound in it, of which a player's sound card wants some ready. */
    private readonly sounding: boolean,
    private readonly listener: Listener,
  ) {
    this.edge = new EdgeControl(sounding);
  }

  begin(init: ArrayBuffer): void {
    this.init = init;
    this.tracks = tracksOf(new Uint8Array(init), this.mime);
    // The running source goes on with the new parameters, after what is still of the old ones.
    if (this.source) this.queue(init);
  }

  take(message: ArrayBuffer): void {
    const startMs = Math.min(...samplesOf(new Uint8Array(message), this.tracks).map((sample) => sample.timeUs)) / 1000;
    if (!Number.isFinite(startMs)) return;
    // The appliance's clock was set back: on the old time axis this would come before what has been shown.
    if (startMs < this.newestMs - clockStepMs) this.dropSource();
    this.newestMs = startMs;
    if (!this.source) this.open(startMs);
    this.queue(message);
  }

  /** Opens a source whose time axis begins a second before the first fragment. */
  private open(startMs: number): void {
    this.originMs = Math.floor(startMs) - 1000;
    this.source = new Source(this.video, this.originMs);
    this.edge = new EdgeControl(this.sounding);
    if (this.init) this.queue(this.init);
  }

  private queue(data: ArrayBuffer): void {
    this.pending.push(data);
    this.pendingBytes += data.byteLength;
    if (this.pendingBytes > pileUpBytes) this.fail(new Error('this computer does not keep up'));
    else if (!this.feeding && this.source) void this.feed(this.source);
  }

  /** Appends all that has come, until nothing is left. */
  private async feed(source: Source): Promise<void> {
    this.feeding = true;
    try {
      while (this.pending.length > 0 && this.source === source) {
        const data = this.joined();
        await source.append(data, this.mime);
        if (this.source === source) this.appended(source);
      }
    } catch (error) {
      if (this.source === source) this.fail(error);
    } finally {
      if (this.source === source || this.source === undefined) this.feeding = false;
    }
  }

  private joined(): ArrayBuffer {
    const parts = this.pending;
    const whole = new Uint8Array(this.pendingBytes);
    let at = 0;
    for (const part of parts) {
      whole.set(new Uint8Array(part), at);
      at += part.byteLength;
    }
    this.pending = [];
    this.pendingBytes = 0;
    return whole.buffer;
  }

  private appended(source: Source): void {
    const newest = source.ranges().at(-1);
    if (!newest || newest.end <= this.bufferedTo) return;
    const time = this.video.currentTime;
    const step = newest.end - Math.max(this.bufferedTo, newest.start);
    this.edge.arrived(performance.now() / 1000, this.bufferedTo - Math.max(time, newest.start), step);
    this.bufferedTo = newest.end;
    this.listener.shown();
    this.tick(performance.now());
  }

  pictureMs(): number | undefined {
    if (!this.source || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
    return this.originMs + this.video.currentTime * 1000;
  }

  setAudible(audible: boolean): void {
    this.video.muted = !audible;
  }

  hasSound(): boolean {
    return this.sounding;
  }

  level(): number | undefined {
    return undefined;
  }

  tick(now: number): void {
    const source = this.source;
    if (!source) return;
    if (this.video.error) {
      this.fail(this.video.error);
      return;
    }
    const ranges = source.ranges();
    if (ranges.length === 0) return;
    const move = this.edge.decide(now / 1000, this.video.currentTime, ranges);
    if (move.seekTo !== undefined && !this.video.seeking) this.video.currentTime = move.seekTo;
    if (Math.abs(this.video.playbackRate - move.rate) > 0.005) this.video.playbackRate = move.rate;
    if (this.video.paused) this.video.play().catch(() => this.video.muted || this.playMuted());
    if (now - this.lastTrimAt > 5000) {
      this.lastTrimAt = now;
      const end = this.video.currentTime - keepBehindS;
      if (end > 0) void source.trim(end).catch(() => {});
    }
  }

  /** A browser may refuse sound before the first click; silence is better than no picture. */
  private playMuted(): void {
    this.video.muted = true;
    void this.video.play().catch(() => {});
  }

  private fail(error: unknown): void {
    if (!this.closed) this.listener.failed(error);
  }

  close(): void {
    this.closed = true;
    this.dropSource();
  }

  private dropSource(): void {
    this.source?.close();
    this.source = undefined;
    this.pending = [];
    this.pendingBytes = 0;
    this.feeding = false;
    this.bufferedTo = 0;
    this.newestMs = -Infinity;
    this.video.playbackRate = 1;
  }
}
