import { describe, expect, it } from 'vitest';
import { covers, ofDays, readingOf } from './source';

const hour = 3_600_000;
const now = 1_795_000_000_000;

describe('readingOf', () => {
  it.each([
    [hour, 'files'],
    [20 * hour, 'overview'],
    [14 * 24 * hour, 'overview'],
    [90 * 24 * hour, 'days'],
  ])('a view of %d ms', (span, how) => expect(readingOf({ fromMs: now - span, toMs: now }, 1000, now).how).toBe(how));
  it('stays within what the appliance answers', () => {
    for (let span = 1000; span < 3000 * 24 * hour; span *= 1.3) {
      for (let fromMs = now - span; fromMs <= now + span; fromMs += span / 3) {
        const reading = readingOf({ fromMs, toMs: fromMs + span }, 1280, now);
        const length = reading.toMs - reading.fromMs;
        expect(reading.fromMs).toBeGreaterThanOrEqual(0);
        expect(length).toBeGreaterThan(0);
        if (reading.how === 'days') expect(length).toBeLessThanOrEqual(400 * 24 * hour);
        else expect(length).toBeLessThanOrEqual(31 * 24 * hour);
        expect(reading.resolutionMs).toBeGreaterThanOrEqual(length / 10_000);
      }
    }
  });
  it('does not change when the view moves a little', () => {
    const view = { fromMs: now - 4 * hour + 60_000, toMs: now - 3 * hour + 60_000 };
    const one = readingOf({ fromMs: now - 4 * hour, toMs: now - 3 * hour }, 1280, now);
    expect(covers(one, readingOf(view, 1280, now), view)).toBe(true);
    const far = { fromMs: now - 9 * hour, toMs: now - 8 * hour };
    expect(covers(one, readingOf(far, 1280, now), far)).toBe(false);
    const near = { fromMs: now - 3.5 * hour, toMs: now - 3.4 * hour };
    expect(covers(one, readingOf(near, 1280, now), near)).toBe(false);
  });
});

it('days become stretches by kind', () => {
  const reading = readingOf({ fromMs: now - 90 * 24 * hour, toMs: now }, 1000, now);
  const line = ofDays([{ date: '2026-01-01', startMs: 5, endMs: 9, standard: true, alarm: true }], reading, 'main');
  expect(line.segments.map((one) => [one.kind, one.startMs, one.endMs])).toEqual([
    ['standard', 5, 9],
    ['alarm', 5, 9],
  ]);
});
