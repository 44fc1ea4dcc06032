import { describe, expect, it } from 'vitest';
import { EdgeControl } from './edge';

type Run = { latency: number[]; stalls: number; seeks: number };

/**
 * Plays a live stream in simulated time, 20 ms a turn: one group of `gop` seconds arrives every `gop` seconds, each
 * late by `delay(n)`; returns the distance between the capture of the newest complete instant and what is shown.
 */
function simulate(gop: number, groups: number, delay: (n: number) => number, startLag = 0): Run {
  const control = new EdgeControl();
  const turn = 0.02;
  const run: Run = { latency: [], stalls: 0, seeks: 0 };
  let time = 0;
  let end = 0;
  let n = 0;
  let playing = false;
  let rate: number;
  let dry = false;
  for (let now = 0; n < groups; now += turn) {
    // Group n covers [n·gop, (n+1)·gop) and is complete when its last picture is taken.
    if (now >= (n + 1) * gop + delay(n)) {
      control.arrived(end - time, gop);
      end += gop;
      n++;
      if (!playing && end >= startLag + gop) playing = true;
    }
    const move = control.decide(time, end > 0 ? [{ start: 0, end }] : []);
    rate = move.rate;
    if (move.seekTo !== undefined) {
      time = move.seekTo;
      run.seeks++;
    }
    if (playing) {
      const next = Math.min(end, time + turn * rate);
      if (next === end && n > 4 && !dry) run.stalls++;
      dry = next === end;
      time = next;
    }
    run.latency.push(now - time);
  }
  return run;
}

function last(run: Run, seconds: number): number {
  return Math.max(...run.latency.slice(-Math.round(seconds / 0.02)));
}

describe('EdgeControl', () => {
  it('settles within a group and half a second of the present', () => {
    const run = simulate(1, 120, () => 0);
    expect(last(run, 20)).toBeLessThan(1.6);
    expect(run.seeks).toBe(0);
  });

  it('catches up a late start', () => {
    const run = simulate(1, 120, () => 0, 2);
    expect(last(run, 20)).toBeLessThan(1.7);
  });

  it('jumps when it is far behind', () => {
    const run = simulate(1, 60, () => 0, 8);
    expect(run.seeks).toBeGreaterThan(0);
    expect(last(run, 20)).toBeLessThan(1.7);
  });

  it('learns to live with an uneven network instead of stalling again and again', () => {
    const run = simulate(1, 300, (n) => (n % 7) * 0.08);
    expect(run.stalls).toBeLessThan(12);
    expect(last(run, 30)).toBeLessThan(2.6);
  });

  it('does not creep: the latency after an hour is that after two minutes', () => {
    const early = simulate(2, 60, (n) => (n % 3) * 0.05);
    const late = simulate(2, 1800, (n) => (n % 3) * 0.05);
    expect(Math.abs(last(late, 20) - last(early, 20))).toBeLessThan(0.3);
  });

  it('jumps over a hole to the newest range', () => {
    const control = new EdgeControl();
    control.arrived(0, 1);
    expect(control.decide(4, [{ start: 0, end: 5 }, { start: 9, end: 10 }]).seekTo).toBe(9);
    expect(control.decide(5, [{ start: 0, end: 5 }, { start: 9, end: 10 }]).seekTo).toBe(9);
  });

  it('waits at the end of the newest range', () => {
    const control = new EdgeControl();
    expect(control.decide(10, [{ start: 9, end: 10 }])).toEqual({ seekTo: undefined, rate: 1 });
  });

  it('goes to where the video is before it has begun', () => {
    const control = new EdgeControl();
    control.arrived(0, 1);
    expect(control.decide(0, [{ start: 1, end: 2 }]).seekTo).toBe(1);
  });
});
