import { describe, expect, it } from 'vitest';
import type { HistoryPoint } from '../api/model';
import { columns, sums } from './series';

const point = (atMs: number, bitrateBps = 1): HistoryPoint => ({ atMs, onlinePercent: 50, bitrateBps, framesPerSecond: 25, gopMs: 1000, lostFrames: 2, reconnects: 1 });

describe('columns', () => {
  it('puts one hole where steps are missing, and none between neighbours', () => {
    const [times, values] = columns([point(0), point(1000), point(5000), point(6000)], 1000, (one) => one.bitrateBps);
    expect(times).toEqual([0, 1, 2, 5, 6]);
    expect(values).toEqual([1, 1, null, 1, 1]);
  });
  it('does not take jitter of the steps for a hole', () => {
    expect(columns([point(0), point(1400)], 1000, () => 1)[0]).toHaveLength(2);
  });
  it('draws nothing of nothing', () => expect(columns([], 1000, () => 1)).toEqual([[], []]));
});

it('sums a span up', () => {
  expect(sums([point(0, 2), point(1, 4)])).toEqual({ onlinePercent: 50, meanBps: 3, lostFrames: 4, reconnects: 2 });
  expect(sums([])).toBeNull();
});
