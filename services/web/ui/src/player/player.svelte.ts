import { fetchKeyframe } from '../api/client';
import { sentence } from '../api/error';
import type { StreamName } from '../api/model';
import { Clock } from './clock';
import { Sound } from './sound';
import { Track, type TrackState } from './track';
import { fastest } from './video';

/** Rates that people choose from; the same backwards. */
export const rates = [0.25, 0.5, 1, 2, 4, 8, 12, 16, 20, 64, 256] as const;
export const jumps = [1, 2, 4, 8, 16, 32, 64, 128, 256] as const;

/**
 * `empty`: nothing was asked for yet. `loading`: waiting for media. `ready`: there is a picture. `edge`: all that is
 * recorded has been played, more is awaited. `failed`: see `problem`.
 */
export type Phase = 'empty' | 'loading' | 'ready' | 'edge' | 'failed';

export type Skip = { fromMs: number; toMs: number };

/** Above this only keyframes are shown, whatever the browser could do. */
const fullestRate = 20;
/** A track that has no picture for so long no longer holds the others up. */
const patienceMs = 3_000;
/** So much of the time spent waiting for pictures, and they are too many to decode. */
const tooSlow = 0.4;
const judgedMs = 1_500;
/** This near the newest picture the camera itself is listened to. */
const followUs = 6_000_000;
const catchUpFromUs = 1_200_000;
const catchUpToUs = 600_000;
const skipShownMs = 4_000;

/** Plays any number of cameras on one clock. Instants are UTC ms outside, microseconds inside. */
export class Player {
  phase = $state<Phase>('empty');
  positionMs = $state(0);
  playing = $state(false);
  /** Below 0: backwards. */
  rate = $state(1);
  problem = $state('');
  /** The gap that was last passed over, for a short while. */
  skipped = $state.raw<Skip | null>(null);
  /** The picture stays while time goes on. */
  frozen = $state(false);
  loop = $state.raw<{ fromMs: number; toMs: number } | null>(null);
  /** What is on show comes from the camera. */
  live = $state(false);
  muted = $state(true);
  /** Something is heard. */
  sounding = $state(false);
  /** The browser's own player shows the pictures: see playerNotice. */
  byPlayer = $state(false);
  /** The appliance makes pictures of a recording that this browser cannot decode. */
  made = $state(false);
  /** Only keyframes are shown at this rate. */
  keyframesOnly = $state(false);

  private tracks: Track[] = [];
  /** What each camera has for the instant on show. */
  states = $state.raw<TrackState[]>([]);
  private readonly clock = new Clock();
  private readonly sound = new Sound();
  private handle = 0;
  private lastTickMs = 0;
  /** The instant that was shown last. */
  private lastUs = 0;
  private heldSinceMs = 0;
  private judge = { sinceMs: 0, heldMs: 0 };
  private steps = 0;
  /** The direction of the last step. */
  private facing: 1 | -1 = 1;
  private catchingUp = false;
  private jumping = 0;
  private skipTimer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    const tick = () => {
      this.tick(performance.now());
      this.handle = requestAnimationFrame(tick);
    };
    this.handle = requestAnimationFrame(tick);
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  /** Nobody looks, and nothing is shown: what cameras send would only pile up. */
  private readonly onVisibility = () => {
    if (document.hidden) for (const track of this.tracks) track.follow(false);
  };

  close(): void {
    cancelAnimationFrame(this.handle);
    document.removeEventListener('visibilitychange', this.onVisibility);
    clearTimeout(this.skipTimer);
    for (const track of this.tracks) track.close();
    this.tracks = [];
    this.sound.close();
  }

  /** Shows these cameras from now on, at the same instant; the first is the one that steps go by. */
  show(list: { camera: string; stream: StreamName; canvas: HTMLCanvasElement }[]): void {
    for (const track of this.tracks) track.close();
    this.tracks = list.map(({ camera, stream, canvas }) => new Track(camera, stream, canvas, list.length, () => {}));
    for (const track of this.tracks) track.frozen = false;
    this.frozen = false;
    this.problem = '';
    if (this.phase !== 'empty') {
      this.phase = 'loading';
      this.turn();
    }
  }

  /** The state of a camera that is shown. */
  stateOf(index: number): { state: TrackState; problem: string } {
    return { state: this.states[index] ?? 'waiting', problem: this.tracks[index]?.problem ?? '' };
  }

  private get us(): number {
    return this.clock.at(performance.now());
  }

  private place(us: number): void {
    this.clock.set(us, performance.now());
    this.lastUs = us;
    this.positionMs = us / 1000;
  }

  private turn(): void {
    this.steps = 0;
    this.judge = { sinceMs: performance.now(), heldMs: 0 };
    this.clock.run(false, performance.now());
    for (const track of this.tracks) track.turn(this.us);
  }

  /** Shows the picture of an instant, and goes on playing if it was. */
  seek(ms: number): void {
    // The appliance rounds the times of pictures down to milliseconds: one of this millisecond is meant, too.
    this.place(Math.floor(ms) * 1000 + 999);
    this.facing = 1;
    this.problem = '';
    this.live = false;
    this.skipped = null;
    this.phase = 'loading';
    this.turn();
    this.tick(performance.now());
  }

  play(): void {
    if (this.phase === 'empty' || this.phase === 'failed') return;
    this.steps = 0;
    this.playing = true;
  }

  pause(): void {
    this.playing = false;
    this.clock.run(false, performance.now());
    // What is on show is what stands still, to the frame.
    const shown = this.tracks[0]?.shownUs;
    if (shown !== undefined && Math.abs(shown - this.us) < 1_000_000 && !this.frozen) this.place(shown);
  }

  toggle(): void {
    if (this.playing) this.pause();
    else this.play();
  }

  /** Moves by a time. */
  move(byMs: number): void {
    if (this.phase !== 'empty') this.seek(this.positionMs + byMs);
  }

  setRate(rate: number): void {
    if (this.byPlayer) rate = Math.sign(rate) * Math.min(fastest, Math.abs(rate));
    this.rate = rate;
    this.setKeyframesOnly(Math.abs(rate) > fullestRate);
    this.judge = { sinceMs: performance.now(), heldMs: 0 };
    this.clock.setRate(rate, performance.now());
  }

  /** Next or previous of the rates, in the direction of playing. */
  shift(by: 1 | -1): void {
    const sign = Math.sign(this.rate);
    const at = rates.indexOf(Math.abs(this.rate) as (typeof rates)[number]);
    const next = rates[Math.min(rates.length - 1, Math.max(0, at + by))];
    if (next !== undefined) this.setRate(sign * next);
  }

  private setKeyframesOnly(only: boolean): void {
    if (only === this.keyframesOnly) return;
    this.keyframesOnly = only;
    if (!only) for (const track of this.tracks) track.unroll();
  }

  /** Shows the picture so many after (or, below 0, before) the one on show, however far away that is. */
  stepFrames(by: number): void {
    if (this.phase === 'empty') return;
    if (this.playing) this.pause();
    if (this.keyframesOnly) this.setRate(Math.sign(this.rate));
    if (this.frozen) this.freeze(false);
    this.steps += by;
    this.facing = by < 0 ? -1 : 1;
    this.tick(performance.now());
  }

  /** Shows the keyframe so many further on or back. */
  async jump(by: number): Promise<void> {
    const track = this.tracks[0];
    if (!track || this.phase === 'empty') return;
    const mine = ++this.jumping;
    if (this.playing) this.pause();
    try {
      const own = track.gops.at(this.us);
      // From within a GOP its own keyframe is the first one back.
      const skip = by < 0 && own && this.us > own.startUs + 1000 ? by + 1 : by;
      const key = await fetchKeyframe(track.camera, track.stream, this.us / 1000, skip);
      if (mine !== this.jumping || !key) return;
      this.seek(key.startMs);
    } catch (error) {
      this.fail(sentence(error));
    }
  }

  freeze(frozen: boolean): void {
    this.frozen = frozen;
    for (const track of this.tracks) track.frozen = frozen;
  }

  /** Plays a range over and over; null ends that. */
  repeat(range: { fromMs: number; toMs: number } | null): void {
    this.loop = range;
    if (range && (this.positionMs < range.fromMs || this.positionMs >= range.toMs)) this.seek(range.fromMs);
  }

  private tick(nowMs: number): void {
    const sinceMs = nowMs - this.lastTickMs;
    this.lastTickMs = nowMs;
    if (this.phase === 'empty' || this.tracks.length === 0) return;
    // Nothing was shown for a while (a hidden tab): no time has passed.
    if (sinceMs > 500) this.clock.set(this.lastUs, nowMs);
    if (this.steps !== 0) this.takeSteps();
    let us = this.clock.at(nowMs);
    if (this.loop && this.playing && (this.rate > 0 ? us >= this.loop.toMs * 1000 : us < this.loop.fromMs * 1000)) {
      us = this.rate > 0 ? this.loop.fromMs * 1000 : this.loop.toMs * 1000 - 1;
      this.clock.set(us, nowMs);
    }
    const rate = this.playing ? this.rate : this.facing;
    const states = this.tracks.map((track) => (this.keyframesOnly ? track.updateRoll(us, rate) : track.update(us, rate, nowMs, this.tracks.length, this.playing)));
    if (states.join() !== this.states.join()) this.states = states;
    this.byPlayer = this.tracks.some((track) => track.byPlayer);
    this.made = this.tracks.some((track) => track.made);
    this.follow(us);
    this.lastUs = us;
    this.positionMs = us / 1000;
    this.conclude(us, nowMs, sinceMs);
    this.hear();
  }

  /** Sound goes with pictures that run as they did. */
  private hear(): void {
    const track = this.tracks[0];
    const on = !this.muted && this.playing && this.rate === 1 && !this.catchingUp && this.clock.isRunning;
    for (const one of this.tracks) one.audible = on && one === track;
    if (on && track && !track.byPlayer) this.sound.play(track.gops, this.us);
    else this.sound.stop();
    this.sounding = on && (track?.byPlayer || this.sound.heard > 0);
  }

  /** Draws the consequences of what the cameras have for this instant. */
  private conclude(us: number, nowMs: number, sinceMs: number): void {
    const { states } = this;
    const some = (state: TrackState) => states.includes(state);
    if (some('waiting')) {
      if (this.heldSinceMs === 0) this.heldSinceMs = nowMs;
    } else this.heldSinceMs = 0;
    const hold = some('waiting') && !(some('ready') && this.heldSinceMs !== 0 && nowMs - this.heldSinceMs > patienceMs);
    if (!hold && !some('ready')) {
      if (some('hole')) this.passHole(us);
      else if (some('edge')) this.arrive(us);
      else this.fail(this.tracks.find((track) => track.problem !== '')?.problem ?? 'This cannot be played.');
      return;
    }
    if (some('ready') || !some('failed')) this.problem = '';
    this.phase = hold ? 'loading' : 'ready';
    this.clock.run(this.playing && !hold, nowMs);
    this.judgeRate(hold, nowMs, sinceMs);
  }

  /** When pictures come too slowly for the rate, keyframes have to do. */
  private judgeRate(hold: boolean, nowMs: number, sinceMs: number): void {
    if (!this.playing || Math.abs(this.rate) <= 1 || this.keyframesOnly || this.byPlayer) return;
    if (hold && this.tracks.every((track) => track.gops.at(this.us) !== undefined)) this.judge.heldMs += sinceMs;
    if (nowMs - this.judge.sinceMs < judgedMs) return;
    if (this.judge.heldMs > tooSlow * (nowMs - this.judge.sinceMs)) this.setKeyframesOnly(true);
    this.judge = { sinceMs: nowMs, heldMs: 0 };
  }

  /** No camera has anything at this instant: on to where the first one does. */
  private passHole(us: number): void {
    const holes = this.tracks.flatMap((track) => track.hole(us) ?? []);
    const back = this.playing ? this.rate < 0 : this.facing < 0;
    const toUs = back ? Math.max(...holes.map((hole) => hole.fromUs)) - 1 : Math.min(...holes.map((hole) => hole.toUs));
    if (!Number.isFinite(toUs)) {
      // There is nothing before.
      const first = Math.min(...holes.map((hole) => hole.toUs));
      this.playing = false;
      this.clock.run(false, performance.now());
      this.place(first);
      return;
    }
    this.tellSkip({ fromMs: Math.min(us, toUs) / 1000, toMs: Math.max(us, toUs) / 1000 });
    this.place(toUs);
    for (const track of this.tracks) track.turn(toUs);
  }

  /** All that is recorded has been shown: the newest picture stays until there is more. */
  private arrive(us: number): void {
    this.clock.run(false, performance.now());
    this.phase = 'edge';
    if (this.rate > 1) this.setRate(1);
    const newest = Math.max(...this.tracks.map((track) => track.newestUs));
    if (Number.isFinite(newest) && newest <= us) this.place(newest - 1);
  }

  /** Listens to the cameras when playing comes near what they send now. */
  private follow(us: number): void {
    const newest = Math.max(...this.tracks.map((track) => track.newestUs));
    const near = this.playing && this.rate > 0 && newest - us < followUs && this.tracks.some((track) => track.atEdge);
    if (near || newest - us > 3 * followUs || this.rate < 0 || !this.playing) for (const track of this.tracks) track.follow(near);
    this.live = near && this.tracks.some((track) => track.follows);
    if (!this.live || newest - us < catchUpToUs) this.catchUp(false);
    else if (newest - us > catchUpFromUs) this.catchUp(true);
  }

  private catchUp(on: boolean): void {
    if (on === this.catchingUp || (on && (this.rate !== 1 || !this.muted))) return;
    this.catchingUp = on;
    this.clock.setRate(on ? 1.1 : this.rate, performance.now());
  }

  /** Goes from picture to picture as far as they are known. */
  private takeSteps(): void {
    const track = this.tracks[0];
    if (!track) return;
    for (let tries = 0; tries < 20 && this.steps !== 0; tries++) {
      const us = this.us;
      const place = track.gops.placeAt(us);
      if (!place) return; // it is being fetched, or a hole that is passed over
      const { place: to, rest } = track.gops.step(place, this.steps);
      const sample = to.gop.shown[to.index];
      if (!sample) return;
      this.place(sample.timeUs);
      if (rest === 0) {
        this.steps = 0;
        return;
      }
      this.steps = rest;
      const hole = track.hole(rest > 0 ? to.gop.endUs : to.gop.startUs - 1);
      if (!hole) {
        if (rest > 0 && to.gop.open) this.steps = 0; // the newest picture
        return;
      }
      if (rest < 0 && !Number.isFinite(hole.fromUs)) {
        this.steps = 0;
        return;
      }
      this.tellSkip({ fromMs: hole.fromUs / 1000, toMs: hole.toUs / 1000 });
      this.place(rest > 0 ? hole.toUs : hole.fromUs - 1);
      this.steps = rest - Math.sign(rest);
      if (this.steps === 0) for (const one of this.tracks) one.turn(this.us);
    }
  }

  private fail(problem: string): void {
    this.clock.run(false, performance.now());
    this.problem = problem;
    this.phase = 'failed';
  }

  private tellSkip(skip: Skip): void {
    this.skipped = skip;
    clearTimeout(this.skipTimer);
    this.skipTimer = setTimeout(() => (this.skipped = null), skipShownMs);
  }
}
