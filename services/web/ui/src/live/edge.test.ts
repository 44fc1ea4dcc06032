import { describe, expect, it } from 'vitest';
import { EdgeControl } from './edge';

type Stream = {
  /** What each message covers, in seconds. */
  step: number;
  /** How long the stream is watched, in seconds. */
  lasts: number;
  /** How late message n is, in seconds. */
  delay?: (n: number) => number;
  /** Video that comes at once at the start: from the last keyframe on. */
  burst?: number;
};
type Run = { latency: number[]; dry: number; seeks: number };

const turn = 0.02;

/** Watches a live stream in simulated time; latency is what lies between an instant and its being shown. */
function watch({ step, lasts, delay = () => 0, burst = step }: Stream): Run {
  const control = new EdgeControl();
  const run: Run = { latency: [], dry: 0, seeks: 0 };
  let time = 0;
  let end = 0;
  let n = 0;
  let wasDry = false;
  for (let now = 0; now < lasts; now += turn) {
    // Time 0 of the video is `burst` before the first message comes; later ones end a step later each.
    while (now >= n * step + (n === 0 ? 0 : delay(n))) {
      const added = n === 0 ? burst : step;
      control.arrived(now, end - time, added);
      end += added;
      n++;
    }
    const move = control.decide(now, time, end > 0 ? [{ start: 0, end }] : []);
    if (move.seekTo !== undefined) {
      time = move.seekTo;
      run.seeks++;
    }
    time = Math.min(end, time + turn * move.rate);
    const dry = time === end;
    if (dry && !wasDry && now > 3) run.dry++;
    wasDry = dry;
    run.latency.push(now + burst - time);
  }
  return run;
}

function worst(run: Run, seconds: number): number {
  return Math.max(...run.latency.slice(-Math.round(seconds / turn)));
}

describe('EdgeControl', () => {
  it('frame by frame, comes within half a second after a burst, and soon', () => {
    const run = watch({ step: 0.04, lasts: 60, burst: 3 });
    expect(Math.max(...run.latency.slice(2 / turn))).toBeLessThan(1);
    expect(worst(run, 20)).toBeLessThan(0.55);
    expect(run.dry).toBe(0);
    expect(run.seeks).toBe(1);
  });

  it('group by group, settles within a group and half a second', () => {
    const run = watch({ step: 1, lasts: 120 });
    expect(worst(run, 20)).toBeLessThan(1.6);
    expect(run.dry).toBeLessThan(3);
  });

  it('does not jump about in a steady stream', () => {
    expect(watch({ step: 0.04, lasts: 300, burst: 0.5 }).seeks).toBe(0);
    expect(watch({ step: 2, lasts: 300 }).seeks).toBe(0);
  });

  it('learns to live with an uneven network instead of running dry again and again', () => {
    const run = watch({ step: 0.04, lasts: 300, delay: (n) => ((n % 50) / 50) * 0.9 });
    expect(run.dry).toBeLessThan(12);
    expect(worst(run, 30)).toBeLessThan(2.2);
  });

  it('does not creep: the latency after an hour is that after two minutes', () => {
    const delay = (n: number) => (n % 3) * 0.05;
    const early = watch({ step: 0.2, lasts: 120, delay });
    const late = watch({ step: 0.2, lasts: 3600, delay });
    expect(Math.abs(worst(late, 20) - worst(early, 20))).toBeLessThan(0.3);
  });

  it('gets over a pause of the network without staying behind', () => {
    // Everything of ten seconds comes at once, as after a stall of the line.
    const run = watch({ step: 0.04, lasts: 90, delay: (n) => (n > 500 && n < 750 ? (750 - n) * 0.04 : 0) });
    expect(worst(run, 20)).toBeLessThan(1);
  });

  it('jumps over a hole to the newest range', () => {
    const control = new EdgeControl();
    const ranges = [{ start: 0, end: 5 }, { start: 9, end: 9.2 }];
    expect(control.decide(0, 4, ranges).seekTo).toBe(9);
    expect(control.decide(0, 5, ranges).seekTo).toBe(9);
  });

  it('waits at the end of the newest range', () => {
    expect(new EdgeControl().decide(0, 10, [{ start: 9, end: 10 }])).toEqual({ seekTo: undefined, rate: 1 });
  });

  it('goes to where the video is before it has begun', () => {
    expect(new EdgeControl().decide(0, 0, [{ start: 1, end: 1.1 }]).seekTo).toBe(1);
  });
});
