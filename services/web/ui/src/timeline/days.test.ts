// The zone is Europe/Berlin (vite.config.ts): in 2026 clocks go forward on 29 March and back on 25 October.
import { describe, expect, it } from 'vitest';
import { addDays, dayStart, isoDate, midnights, parseIsoDate, zoneIfTwice } from './days';

const hour = 3_600_000;

function day(text: string): number {
  const start = parseIsoDate(text);
  if (start === undefined) throw new Error(text);
  return start;
}

it('the tests run in the zone they speak of', () => {
  expect(Intl.DateTimeFormat().resolvedOptions().timeZone).toBe('Europe/Berlin');
});

describe('the length of a day', () => {
  it.each([
    ['2026-03-28', 24],
    ['2026-03-29', 23],
    ['2026-10-25', 25],
    ['2026-10-26', 24],
  ])('%s has %d hours', (text, hours) => {
    const start = day(text);
    expect((addDays(start, 1) - start) / hour).toBe(hours);
  });
});

it('every instant of a 25-hour day belongs to it', () => {
  const start = day('2026-10-25');
  for (let at = start; at < start + 25 * hour; at += hour / 4) {
    expect(dayStart(at)).toBe(start);
    expect(isoDate(at)).toBe('2026-10-25');
  }
  expect(isoDate(start + 25 * hour)).toBe('2026-10-26');
});

it('going back a day from summer time comes to winter time’s midnight', () => {
  expect(isoDate(addDays(day('2026-03-30'), -1))).toBe('2026-03-29');
  expect(isoDate(addDays(day('2026-01-01'), -1))).toBe('2025-12-31');
});

describe('parseIsoDate', () => {
  it.each(['', '2026-02-30', '2026-13-01', '26-01-01', 'today', '2026-1-1'])('refuses %j', (text) => {
    expect(parseIsoDate(text)).toBeUndefined();
  });
  it('reads what isoDate writes', () => expect(isoDate(day('2026-07-04'))).toBe('2026-07-04'));
});

it('midnights include both ends', () => {
  const from = day('2026-10-24');
  const to = day('2026-10-26');
  expect(midnights(from, to)).toEqual([from, day('2026-10-25'), to]);
  expect(midnights(from + 1, to - 1)).toEqual([day('2026-10-25')]);
});

it('the hour that comes twice is told apart by its zone', () => {
  const start = day('2026-10-25');
  expect([1, 2, 3, 4].map((hours) => zoneIfTwice(start + hours * hour))).toEqual(['', 'CEST', 'CET', '']);
  expect(zoneIfTwice(day('2026-03-29') + 2 * hour)).toBe('');
});
