import { describe, expect, it } from 'vitest';
import { inside, opening, pan, reveal, shortestMs, toMs, toX, zoom } from './scale';

const limits = { fromMs: 0, toMs: 90_000_000 }; // a day of 25 hours
const view = { fromMs: 10_000_000, toMs: 20_000_000 };

it('pixels and instants are each other’s inverse', () => {
  for (const x of [0, 1, 333.5, 999, 1000]) expect(toX(view, 1000, toMs(view, 1000, x))).toBeCloseTo(x, 9);
  expect(toX(limits, 1000, 45_000_000)).toBe(500);
});

it('a width of zero is no division', () => expect(toMs(view, 0, 5)).toBe(view.fromMs));

describe('zoom', () => {
  it('keeps the instant under the pointer', () => {
    const around = 12_000_000;
    const closer = zoom(view, 2, around, limits);
    expect(closer.toMs - closer.fromMs).toBe(5_000_000);
    expect(toX(closer, 1000, around)).toBeCloseTo(toX(view, 1000, around), 9);
  });
  it('stops at the limits', () => expect(zoom(view, 1e-6, 12_000_000, limits)).toEqual(limits));
  it('stops at the shortest', () => {
    const closest = zoom(view, 1e9, 12_000_000, limits);
    expect(closest.toMs - closest.fromMs).toBe(shortestMs);
  });
  it('does not leave the day at its edge', () => {
    const out = zoom({ fromMs: 0, toMs: 1_000_000 }, 0.5, 900_000, limits);
    expect(out).toEqual({ fromMs: 0, toMs: 2_000_000 });
  });
});

it('pan stops at either end', () => {
  expect(pan(view, -1e9, limits)).toEqual({ fromMs: 0, toMs: 10_000_000 });
  expect(pan(view, 1e9, limits)).toEqual({ fromMs: 80_000_000, toMs: 90_000_000 });
});

it('inside never stretches', () => {
  const moved = inside({ fromMs: -5, toMs: 95 }, limits);
  expect(moved).toEqual({ fromMs: 0, toMs: 100 });
});

describe('reveal', () => {
  it('leaves a view that shows it', () => expect(reveal(view, 15_000_000, limits)).toBe(view));
  it('turns the page', () => expect(reveal(view, 20_000_001, limits).fromMs).toBe(19_000_001));
  it('turns it back', () => expect(reveal(view, 9_000_000, limits).fromMs).toBe(8_000_000));
});

describe('opening', () => {
  const minute = 60_000;
  const now = 40_000_000;
  it('shows a past day whole', () => expect(opening(limits, limits.toMs, 0)).toEqual(limits));
  it('shows the last hours of today', () => {
    const view = opening(limits, now, 0);
    expect(view.toMs - view.fromMs).toBe(180 * minute);
    expect(view.toMs).toBe(now + 36 * minute);
  });
  it('looks closer at a young recording', () => {
    const view = opening(limits, now, now - minute);
    expect(view.toMs - view.fromMs).toBe(30 * minute);
    expect(toX(view, 100, now)).toBeCloseTo(80);
  });
  it('stays in the day early in the morning', () => expect(opening(limits, minute, undefined).fromMs).toBe(0));
});
