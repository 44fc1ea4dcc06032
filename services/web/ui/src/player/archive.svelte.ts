import { fetchMedia } from '../api/client';
import { ApiError, sentence } from '../api/error';
import type { StreamName } from '../api/model';
import { rangeAt } from '../mse/ranges';
import { Source } from '../mse/source';
import { unsupported } from '../mse/support';
import { Schedule, type Skip } from './schedule';

export const speeds = [0.5, 1, 2, 4, 8] as const;

/**
 * `empty`: nothing was asked for yet. `loading`: waiting for media. `ready`: there is a picture. `edge`: all that is
 * recorded has been played, more is awaited. `failed`: see `problem`.
 */
export type Phase = 'empty' | 'loading' | 'ready' | 'edge' | 'failed';

const tickMs = 100;
const keepBehindMs = 30_000;
const retryMs = 2_000;
/** The time axis begins this long before the wanted instant, so that steps back need no new one. */
const axisBeforeMs = 24 * 3_600_000;
const axisMs = 48 * 3_600_000;

/** Plays the recordings of one stream of a camera in one video element. All instants are UTC ms. */
export class ArchivePlayer {
  phase = $state<Phase>('empty');
  positionMs = $state(0);
  playing = $state(false);
  rate = $state<number>(1);
  problem = $state('');
  /** The gap that was last passed over, for a short while. */
  skipped = $state.raw<Skip | null>(null);

  private source: Source | undefined;
  private originMs = 0;
  private schedule: Schedule | undefined;
  private abort: AbortController | undefined;
  private fetching = false;
  /** Where to go once media is there; undefined when playback follows the element. */
  private targetMs: number | undefined;
  private retryAt = 0;
  private trimmedAt = 0;
  private skipTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly ticker: ReturnType<typeof setInterval>;

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly video: HTMLVideoElement,
  ) {
    this.ticker = setInterval(() => this.tick(), tickMs);
  }

  close(): void {
    clearInterval(this.ticker);
    clearTimeout(this.skipTimer);
    this.abort?.abort();
    this.source?.close();
    this.source = undefined;
  }

  /** Shows the picture of an instant, and goes on playing if it was. */
  seek(ms: number): void {
    const wantedMs = Math.floor(ms);
    this.problem = '';
    const ranges = this.source?.ranges() ?? [];
    if (this.source && rangeAt(ranges, this.toAxis(wantedMs)) && this.schedule) {
      this.targetMs = undefined;
      this.video.currentTime = this.toAxis(wantedMs);
      this.positionMs = wantedMs;
      this.phase = 'ready';
      return;
    }
    this.abort?.abort();
    this.abort = new AbortController();
    this.fetching = false;
    this.retryAt = 0;
    this.video.pause();
    if (!this.source || this.video.error || wantedMs < this.originMs || wantedMs > this.originMs + axisMs) {
      this.source?.close();
      this.originMs = wantedMs - axisBeforeMs;
      this.source = new Source(this.video, this.originMs);
    } else {
      void this.source.clear().catch(() => {});
    }
    this.schedule = new Schedule(wantedMs);
    this.targetMs = wantedMs;
    this.positionMs = wantedMs;
    this.phase = 'loading';
    this.tick();
  }

  play(): void {
    if (this.phase === 'empty' || this.phase === 'failed') return;
    this.playing = true;
    this.tick();
  }

  pause(): void {
    this.playing = false;
    this.video.pause();
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  step(byMs: number): void {
    if (this.phase !== 'empty') this.seek(this.positionMs + byMs);
  }

  setRate(rate: number): void {
    this.rate = rate;
    this.video.playbackRate = rate;
  }

  /** Next or previous of the speeds. */
  shift(by: 1 | -1): void {
    const at = speeds.indexOf(this.rate as (typeof speeds)[number]);
    const next = speeds[Math.min(speeds.length - 1, Math.max(0, at + by))];
    if (next !== undefined) this.setRate(next);
  }

  private toAxis(ms: number): number {
    return (ms - this.originMs) / 1000;
  }

  private tick(): void {
    const { source, schedule } = this;
    if (!source || !schedule) return;
    if (this.video.error) {
      this.fail('The browser could not play on. Choose an instant to start again.');
      return;
    }
    if (this.phase === 'failed') {
      if (this.retryAt !== 0 && performance.now() >= this.retryAt) this.fill(schedule);
      return;
    }
    this.follow(source, schedule);
    this.fill(schedule);
    if (performance.now() - this.trimmedAt > 5000) {
      this.trimmedAt = performance.now();
      const end = this.video.currentTime - (keepBehindMs / 1000) * Math.max(1, this.rate);
      if (end > 0 && this.targetMs === undefined) void source.trim(end).catch(() => {});
    }
  }

  /** Keeps element and state together: the first picture, gaps, the edge. */
  private follow(source: Source, schedule: Schedule): void {
    const ranges = source.ranges();
    if (this.targetMs !== undefined) {
      const skip = schedule.skipAt(this.targetMs, 0);
      const goalMs = skip ? skip.toMs : this.targetMs;
      const goal = this.toAxis(goalMs);
      // Sound and picture seldom begin at the same instant: what starts a little later will do.
      const range = rangeAt(ranges, goal) ?? ranges.find((one) => one.start >= goal && one.start - goal < 0.5);
      if (!range) {
        if (schedule.atEdge && !this.fetching) this.arriveAtEdge(ranges.at(-1)?.end);
        return;
      }
      this.targetMs = undefined;
      this.video.currentTime = Math.max(goal, range.start);
      this.positionMs = this.originMs + this.video.currentTime * 1000;
      if (skip) this.tellSkip(skip);
      this.phase = 'ready';
    }
    const now = this.video.currentTime;
    if (!this.video.seeking) this.positionMs = this.originMs + now * 1000;
    const skip = schedule.skipAt(this.positionMs, 120);
    const range = rangeAt(ranges, now);
    const atEnd = !range || range.end - now < 0.12;
    if (skip && atEnd && this.playing) {
      const goal = this.toAxis(skip.toMs);
      const after = ranges.find((one) => goal < one.end && one.start - goal < 0.5);
      if (after) {
        this.video.currentTime = Math.max(goal, after.start);
        this.tellSkip(skip);
      }
    } else if (atEnd && this.playing) {
      // A hole of a few frames: the element would stand still before it for ever.
      const after = ranges.find((one) => one.start > now && one.start - now < 1.5);
      if (after) this.video.currentTime = after.start;
    }
    const dry = atEnd && !skip;
    if (dry && schedule.atEdge) {
      this.phase = 'edge';
      if (this.rate > 1) this.setRate(1);
    } else if (dry && this.fetching) this.phase = 'loading';
    else this.phase = 'ready';
    if (this.playing && this.video.paused && !this.video.seeking) void this.resume();
    if (this.video.playbackRate !== this.rate) this.video.playbackRate = this.rate;
  }

  /** Asked for an instant after the last footage: the newest picture there is, or the word that there is none. */
  private arriveAtEdge(end: number | undefined): void {
    this.phase = 'edge';
    if (end === undefined) return;
    this.targetMs = undefined;
    this.video.currentTime = Math.max(0, end - 0.1);
  }

  private async resume(): Promise<void> {
    try {
      await this.video.play();
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return;
      // Sound is not allowed before the first click on the page.
      this.video.muted = true;
      await this.video.play().catch(() => {});
    }
  }

  private fill(schedule: Schedule): void {
    if (this.fetching) return;
    const position = this.targetMs ?? this.positionMs;
    const wanted = schedule.next(position, this.rate, performance.now());
    if (!wanted || !this.abort) return;
    void this.fetch(schedule, wanted.fromMs, wanted.durationMs, this.abort.signal);
  }

  private async fetch(schedule: Schedule, fromMs: number, durationMs: number, signal: AbortSignal): Promise<void> {
    this.fetching = true;
    try {
      const chunk = await fetchMedia(this.camera, this.stream, fromMs, durationMs, signal);
      if (signal.aborted) return;
      if (chunk) {
        const why = unsupported(chunk.mime);
        if (why !== '') {
          this.fail(why);
          return;
        }
        await this.source?.append(chunk.data, chunk.mime);
        if (signal.aborted) return;
      }
      schedule.took(chunk, performance.now());
      if (this.phase === 'failed') {
        this.problem = '';
        this.phase = 'loading';
      }
    } catch (error) {
      if (signal.aborted) return;
      this.fail(sentence(error));
      // An appliance that does not answer may do so again; what it refuses or the browser cannot read stays so.
      const passing = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
      if (passing) this.retryAt = performance.now() + retryMs;
    } finally {
      if (!signal.aborted) this.fetching = false;
    }
  }

  private fail(problem: string): void {
    this.retryAt = 0;
    this.problem = problem;
    this.phase = 'failed';
    this.video.pause();
  }

  private tellSkip(skip: Skip): void {
    this.skipped = skip;
    clearTimeout(this.skipTimer);
    this.skipTimer = setTimeout(() => (this.skipped = null), 4000);
  }
}
