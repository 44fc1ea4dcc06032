import { confirmSessionEnd, liveAddress } from '../api/client';
import type { LiveMessage, StreamName } from '../api/model';
import { fragmentStartMs, timescales } from '../mse/mp4';
import { Source } from '../mse/source';
import { unsupported } from '../mse/support';
import { Backoff } from './backoff';
import { EdgeControl } from './edge';

/** How a tile's stream does. `waiting`: connected, but no picture comes; `reason` says why when it is known. */
export type FeedState = {
  status: 'connecting' | 'playing' | 'waiting' | 'lost' | 'unsupported';
  reason: string;
};

const tickMs = 200;
const quietMs = 6000;
const keepBehindS = 8;
const unsupportedRetryMs = 30_000;
/** Further back than a keyframe may lie after a reconnect. */
const clockStepMs = 15_000;
/** So many bytes unappended, and the page does not keep up: better to start over at the newest keyframe. */
const pileUpBytes = 32 << 20;

/**
 * Plays one stream of a camera live in one video element: connects, reconnects, feeds Media Source Extensions and holds
 * playback at the live edge. Everything happens on the page's own event loop; `close` ends it all.
 */
export class Feed {
  private socket: WebSocket | undefined;
  private source: Source | undefined;
  private originMs = 0;
  private mime = '';
  private playable = false;
  private initNext = false;
  private init: ArrayBuffer | undefined;
  private scales = new Map<number, number>();
  /** Received while an append was under way; they go together in the next one. */
  private pending: ArrayBuffer[] = [];
  private pendingBytes = 0;
  private feeding = false;
  /** When the last fragment began, UTC. */
  private newestMs = -Infinity;
  private edge = new EdgeControl();
  private readonly backoff = new Backoff();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly ticker: ReturnType<typeof setInterval>;
  private lastDataAt = 0;
  private lastTrimAt = 0;
  private failures = 0;
  /** End of what is buffered, in seconds of the element. */
  private bufferedTo = 0;
  private closed = false;
  private state: FeedState = { status: 'connecting', reason: '' };

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly video: HTMLVideoElement,
    private readonly onState: (state: FeedState) => void,
  ) {
    this.ticker = setInterval(() => this.tick(), tickMs);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.ticker);
    clearTimeout(this.retryTimer);
    this.disconnect();
    this.dropSource();
  }

  /** The appliance's time of the picture on show, UTC ms; undefined when there is none. */
  pictureMs(): number | undefined {
    if (!this.source || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
    return this.originMs + this.video.currentTime * 1000;
  }

  private connect(): void {
    const socket = new WebSocket(liveAddress(this.camera, this.stream));
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.initNext = false;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.lastDataAt = performance.now();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      if (typeof event.data === 'string') this.onText(event.data);
      else if (event.data instanceof ArrayBuffer) this.onBytes(event.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      // A refused handshake shows no status here: it may well be that the session has ended.
      if (!opened) void confirmSessionEnd();
      this.tell({ status: 'lost', reason: opened ? 'The stream broke off. Connecting again…' : 'No connection to the appliance. Trying again…' });
      this.retry();
    };
  }

  private disconnect(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  private retry(): void {
    if (this.closed) return;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), this.backoff.next());
  }

  private onText(text: string): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(text) as LiveMessage;
    } catch {
      return; // not for this client
    }
    if (message.type === 'init' && message.mime) {
      const why = unsupported(message.mime);
      // Another codec gets another source: what is pending still is of the old one.
      if (message.mime !== this.mime) this.dropSource();
      this.playable = why === '';
      this.mime = message.mime;
      this.initNext = true;
      if (why !== '') {
        // No use in receiving it; a look now and then tells when the camera's codec has changed.
        this.dropSource();
        this.disconnect();
        this.tell({ status: 'unsupported', reason: why });
        this.retryTimer = setTimeout(() => this.connect(), unsupportedRetryMs);
      }
    } else if (message.type === 'state') {
      const good = message.status === 'live' || message.status === 'connecting';
      if (!good || message.reason) this.tell({ status: 'waiting', reason: message.reason ?? '' });
    }
  }

  private onBytes(data: ArrayBuffer): void {
    this.lastDataAt = performance.now();
    if (!this.playable) return;
    if (this.initNext) {
      this.initNext = false;
      this.init = data;
      this.scales = timescales(data);
      // The running source goes on with the new parameters, after what is still of the old ones.
      if (this.source) this.take(data);
      return;
    }
    const startMs = fragmentStartMs(data, this.scales);
    if (startMs === undefined) return;
    // The appliance's clock was set back: on the old time axis this would come before what has been shown.
    if (startMs < this.newestMs - clockStepMs) this.dropSource();
    this.newestMs = startMs;
    if (!this.source) this.begin(startMs);
    this.take(data);
  }

  /** Opens a source whose time axis begins a second before the first fragment. */
  private begin(startMs: number): void {
    this.originMs = Math.floor(startMs) - 1000;
    this.source = new Source(this.video, this.originMs);
    this.edge = new EdgeControl();
    if (this.init) this.take(this.init);
  }

  private take(data: ArrayBuffer): void {
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
      if (this.source === source && !this.closed) this.fail(error);
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
    this.backoff.reset();
    this.failures = 0;
    this.tell({ status: 'playing', reason: '' });
    this.tick();
  }

  /** The browser gave up on the bytes: start over with a fresh source, ever more slowly if it goes on. */
  private fail(error: unknown): void {
    this.failures++;
    this.dropSource();
    this.disconnect();
    const reason =
      this.failures < 3
        ? 'The picture broke off. Connecting again…'
        : `The browser cannot play this stream (${error instanceof Error ? error.message : String(error)}). Trying again…`;
    this.tell({ status: 'lost', reason });
    this.retry();
  }

  private tick(): void {
    const source = this.source;
    const now = performance.now();
    if (this.state.status === 'playing' && now - this.lastDataAt > quietMs) {
      this.tell({ status: 'waiting', reason: 'No new picture for some seconds.' });
    }
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

  private tell(state: FeedState): void {
    if (state.status === this.state.status && state.reason === this.state.reason) return;
    this.state = state;
    this.onState(state);
  }
}
