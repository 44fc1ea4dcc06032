import { describe, expect, it } from 'vitest';
import { Schedule } from './schedule';

const t0 = 1_763_874_000_000;

describe('Schedule', () => {
  it('starts small, so that the first picture is soon there, and goes on in larger pieces', () => {
    const schedule = new Schedule(t0);
    expect(schedule.next(t0, 1, 0)).toEqual({ fromMs: t0, durationMs: 4000 });
    schedule.took({ startMs: t0 - 700, endMs: t0 + 4300, nextMs: t0 + 4300 }, 0);
    expect(schedule.next(t0, 1, 0)).toEqual({ fromMs: t0 + 4300, durationMs: 10_000 });
  });

  it('stops when enough is ahead and goes on as it is played', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0, endMs: t0 + 25_000, nextMs: t0 + 25_000 }, 0);
    expect(schedule.next(t0, 1, 0)).toBeUndefined();
    expect(schedule.next(t0 + 5001, 1, 0)?.fromMs).toBe(t0 + 25_000);
  });

  it('keeps more ahead when played faster, within what one request may ask for', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0, endMs: t0 + 25_000, nextMs: t0 + 25_000 }, 0);
    expect(schedule.next(t0, 8, 0)).toEqual({ fromMs: t0 + 25_000, durationMs: 60_000 });
  });

  it('passes over a gap and remembers it', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0, endMs: t0 + 3000, nextMs: t0 + 900_000 }, 0);
    expect(schedule.skips).toEqual([{ fromMs: t0 + 3000, toMs: t0 + 900_000 }]);
    // The gap takes no time to play, so the next piece is wanted at once.
    expect(schedule.next(t0 + 1000, 1, 0)?.fromMs).toBe(t0 + 900_000);
    expect(schedule.skipAt(t0 + 1000, 50)).toBeUndefined();
    expect(schedule.skipAt(t0 + 2960, 50)?.toMs).toBe(t0 + 900_000);
    expect(schedule.skipAt(t0 + 900_000, 50)).toBeUndefined();
  });

  it('says so when the wanted instant itself lies in a gap', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0 + 60_000, endMs: t0 + 70_000, nextMs: t0 + 70_000 }, 0);
    expect(schedule.skipAt(t0, 0)).toEqual({ fromMs: t0, toMs: t0 + 60_000 });
  });

  it('does not call a lost frame a gap', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0, endMs: t0 + 3000, nextMs: t0 + 3080 }, 0);
    expect(schedule.skips).toEqual([]);
    expect(schedule.next(t0, 1, 0)?.fromMs).toBe(t0 + 3080);
  });

  it('asks again once a second at the newest footage, and goes on when it grows', () => {
    const schedule = new Schedule(t0);
    schedule.took({ startMs: t0, endMs: t0 + 3000, nextMs: undefined }, 100);
    expect(schedule.atEdge).toBe(true);
    expect(schedule.next(t0 + 2900, 1, 1000)).toBeUndefined();
    expect(schedule.next(t0 + 2900, 1, 1100)?.fromMs).toBe(t0 + 3000);
    schedule.took(null, 1100);
    expect(schedule.next(t0 + 3000, 1, 2000)).toBeUndefined();
    schedule.took({ startMs: t0 + 2000, endMs: t0 + 4000, nextMs: t0 + 4000 }, 2200);
    expect(schedule.atEdge).toBe(false);
    expect(schedule.next(t0 + 3000, 1, 2200)?.fromMs).toBe(t0 + 4000);
  });

  it('does not run in circles on a piece that brings nothing new', () => {
    const schedule = new Schedule(t0 + 5000);
    schedule.took({ startMs: t0 + 4000, endMs: t0 + 5000, nextMs: t0 + 5000 }, 0);
    expect(schedule.atEdge).toBe(true);
    expect(schedule.next(t0 + 5000, 1, 500)).toBeUndefined();
  });
});
