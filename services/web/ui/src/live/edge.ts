import { rangeAt, type Range } from '../mse/ranges';

/** What to do with the element: jump to a time (seconds), and play at a rate. */
export type Move = { seekTo: number | undefined; rate: number };

const history = 8;
const minTargetS = 0.2;
const maxTargetS = 1.5;
/** This far over what is needed, catching up by playing faster would take too long. */
const jumpS = 2.5;

/**
 * Keeps live playback close behind the newest picture, yet not so close that it stutters.
 *
 * Video comes in steps (a group of pictures at a time), so what is buffered saws up and down. What tells whether
 * there is too much or too little is the reserve: what was still unplayed when the next step came. The smallest
 * recent reserve is held at a target, which grows when playback ran dry (an uneven network) and shrinks slowly.
 */
export class EdgeControl {
  private reserves: number[] = [];
  private steps: number[] = [];
  private targetS = minTargetS;

  /** Something was appended: `beforeS` was unplayed just before, `addedS` has come on top. */
  arrived(beforeS: number, addedS: number): void {
    const reserve = Math.max(0, beforeS);
    const settled = this.reserves.length >= 2;
    if (settled && reserve < 0.03) this.targetS = Math.min(maxTargetS, this.targetS + 0.15);
    else this.targetS = Math.max(minTargetS, this.targetS - 0.005);
    this.reserves = [...this.reserves, reserve].slice(-history);
    if (addedS > 0) this.steps = [...this.steps, addedS].slice(-history);
  }

  /** What to do at `time`, with these ranges buffered. */
  decide(time: number, ranges: Range[]): Move {
    const newest = ranges.at(-1);
    if (!newest) return { seekTo: undefined, rate: 1 };
    const step = Math.max(0, ...this.steps);
    const wanted = Math.max(newest.start, newest.end - step - this.targetS);
    if (!rangeAt(ranges, time, 0.02)) {
      // At the end of the newest range more is awaited; anywhere else there is nothing to wait for.
      if (time >= newest.start && time <= newest.end + 0.5) return { seekTo: undefined, rate: 1 };
      return this.jump(wanted);
    }
    // In an older range with newer video after a hole: play the rest only if it is about to end.
    if (time < newest.start) return this.jump(wanted);
    if (newest.end - time > step + this.targetS + jumpS) return this.jump(wanted);
    return { seekTo: undefined, rate: this.rate() };
  }

  private rate(): number {
    if (this.reserves.length < 3) return 1;
    const excess = Math.min(...this.reserves) - this.targetS;
    if (excess > 0.1) return 1 + Math.min(0.1, 0.02 + excess * 0.1);
    if (excess < -0.5 * this.targetS) return 0.97;
    return 1;
  }

  private jump(seekTo: number): Move {
    this.reserves = [];
    return { seekTo, rate: 1 };
  }
}
