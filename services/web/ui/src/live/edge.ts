import { rangeAt, type Range } from '../mse/ranges';

/** What to do with the element: jump to a time (seconds), and play at a rate. */
export type Move = { seekTo: number | undefined; rate: number };

type Arrival = { at: number; reserve: number; step: number };

/** Arrivals are judged over this long, or over the last few where they are rarer. */
const windowS = 3;
const fewest = 4;
const maxTargetS = 1.5;
const shrinkPerS = 0.002;
/** Too much by more than this takes too long to catch up by playing faster: it is jumped over. */
const jumpS = 0.9;
/** Buffered this far over what can be explained, whatever the arrivals say. */
const farS = 3;

/** How close to go, and how fast: a change of rate is heard, so that a stream with sound is moved little and gently. */
type Manner = { minTargetS: number; rates: readonly { over: number; rate: number }[]; under: number; growS: number; dryS: number };
const gentle: Manner = { minTargetS: 0.3, rates: [{ over: 0.5, rate: 1.1 }, { over: 0.15, rate: 1.05 }], under: 0.02, growS: 0.2, dryS: 0.03 };
const brisk: Manner = { minTargetS: 0.06, rates: [{ over: 0.25, rate: 1.5 }, { over: 0.06, rate: 1.15 }, { over: 0.02, rate: 1.05 }], under: 0.005, growS: 0.04, dryS: 0.01 };

/**
 * Keeps live playback close behind the newest picture, yet not so close that it stutters.
 *
 * Video comes frame by frame or a group of pictures at a time, so what is buffered saws up and down. What tells whether
 * there is too much or too little is the reserve: what was still unplayed when the next step came. The smallest recent
 * reserve is held at a target, which grows when playback ran dry (an uneven network) and shrinks slowly.
 *
 * All times are in seconds; `now` is any clock that does not run backwards.
 */
export class EdgeControl {
  private arrivals: Arrival[] = [];
  private readonly manner: Manner;
  private targetS: number;
  private firstAt: number | undefined;
  private lastAt: number | undefined;
  private dry = false;
  private rate = 1;

  constructor(sounding = true) {
    this.manner = sounding ? gentle : brisk;
    this.targetS = this.manner.minTargetS;
  }

  /** Something was appended: `reserve` was unplayed just before, `step` has come on top. */
  arrived(now: number, reserve: number, step: number): void {
    this.firstAt ??= now;
    this.targetS = Math.max(this.manner.minTargetS, this.targetS - (now - (this.lastAt ?? now)) * shrinkPerS);
    this.lastAt = now;
    const dry = reserve < this.manner.dryS;
    // Each time it runs dry counts once. The first steps always find nothing.
    if (dry && !this.dry && now - this.firstAt > 1) this.targetS = Math.min(maxTargetS, this.targetS + this.manner.growS);
    this.dry = dry;
    // Before the very first there was nothing; that says nothing about what is to come.
    if (this.firstAt !== now) this.arrivals.push({ at: now, reserve: Math.max(0, reserve), step });
    while (this.arrivals.length > fewest && now - (this.arrivals[0]?.at ?? now) > windowS) this.arrivals.shift();
  }

  /** What to do at `time`, with these ranges buffered. */
  decide(now: number, time: number, ranges: Range[]): Move {
    const newest = ranges.at(-1);
    if (!newest) return { seekTo: undefined, rate: 1 };
    const step = Math.max(0, ...this.arrivals.map((arrival) => arrival.step));
    const wanted = Math.max(newest.start, newest.end - step - this.targetS);
    if (!rangeAt(ranges, time, 0.02)) {
      // At the end of the newest range more is awaited; anywhere else there is nothing to wait for.
      if (time >= newest.start && time <= newest.end + 0.5) return { seekTo: undefined, rate: 1 };
      return this.jump(wanted);
    }
    if (time < newest.start) return this.jump(wanted);
    const settled = this.arrivals.length >= 3 && now - (this.arrivals[0]?.at ?? now) >= 0.8;
    if (!settled) return { seekTo: undefined, rate: 1 };
    if (newest.end - time > step + this.targetS + farS) return this.jump(wanted);
    const excess = Math.min(...this.arrivals.map((arrival) => arrival.reserve)) - this.targetS;
    if (excess > jumpS) return this.jump(Math.min(time + excess, newest.end));
    return { seekTo: undefined, rate: this.rateFor(excess) };
  }

  /** One of a few rates, kept until its work is done: every change costs the browser's audio a hiccup. */
  private rateFor(excess: number): number {
    if (this.rate > 1) {
      if (excess < this.manner.under) this.rate = 1;
    } else if (this.rate < 1) {
      if (excess > -0.05) this.rate = 1;
    } else {
      const faster = this.manner.rates.find(({ over }) => excess > over);
      if (faster) this.rate = faster.rate;
      else if (excess < -0.6 * this.targetS) this.rate = 0.97;
    }
    return this.rate;
  }

  private jump(seekTo: number): Move {
    this.arrivals = [];
    this.rate = 1;
    return { seekTo, rate: 1 };
  }
}
