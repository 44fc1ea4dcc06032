import { describe, expect, it } from 'vitest';
import { beginRange, fromLocalInput, localInput, moveEnd } from './range';

const day = { fromMs: 0, toMs: 86_400_000 };

describe('a range', () => {
  it('begins around the instant on show, in what is over', () => {
    expect(beginRange({ fromMs: 0, toMs: 50_000 }, 25_000, day, 86_400_000)).toEqual({ fromMs: 20_000, toMs: 30_000 });
    expect(beginRange({ fromMs: 0, toMs: 50_000 }, 48_000, day, 50_000)).toEqual({ fromMs: 40_000, toMs: 50_000 });
    expect(beginRange({ fromMs: 0, toMs: 50_000 }, 0, day, 86_400_000)).toEqual({ fromMs: 0, toMs: 10_000 });
  });
  it('keeps its ends apart and inside', () => {
    const range = { fromMs: 10_000, toMs: 20_000 };
    expect(moveEnd(range, 'fromMs', 30_000, day)).toEqual({ fromMs: 19_000, toMs: 20_000 });
    expect(moveEnd(range, 'toMs', 5_000, day)).toEqual({ fromMs: 10_000, toMs: 11_000 });
    expect(moveEnd(range, 'fromMs', -5, day)).toEqual({ fromMs: 0, toMs: 20_000 });
    expect(moveEnd(range, 'toMs', 99_999_999, day).toMs).toBe(day.toMs);
    expect(moveEnd(range, 'toMs', 23_456, day).toMs).toBe(23_000);
  });
});

it('writes and reads instants as a date field has them', () => {
  const ms = new Date(2026, 10, 26, 4, 5, 6).getTime();
  expect(localInput(ms)).toBe('2026-11-26T04:05:06');
  expect(fromLocalInput('2026-11-26T04:05:06')).toBe(ms);
  expect(fromLocalInput('')).toBeUndefined();
  expect(fromLocalInput('soon')).toBeUndefined();
});
