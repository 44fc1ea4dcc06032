// The zone is Europe/Berlin (vite.config.ts).
import { describe, expect, it } from 'vitest';
import { addDays, parseIsoDate } from './days';
import { ticks } from './ticks';

function hours(date: string, width: number): string[] {
  const fromMs = parseIsoDate(date) ?? 0;
  return ticks({ fromMs, toMs: addDays(fromMs, 1) }, width, 48)
    .filter((tick) => tick.major)
    .map((tick) => String(new Date(tick.ms).getHours()).padStart(2, '0'));
}

describe('a whole day, hour by hour', () => {
  it('has 24 hours and the next midnight', () => {
    expect(hours('2026-06-01', 2000)).toHaveLength(25);
  });
  it('misses 02 when the clocks go forward', () => {
    const labels = hours('2026-03-29', 2000);
    expect(labels.slice(0, 4)).toEqual(['00', '01', '03', '04']);
    expect(labels).toHaveLength(24);
  });
  it('has 02 twice when they go back', () => {
    const labels = hours('2026-10-25', 2000);
    expect(labels.slice(0, 5)).toEqual(['00', '01', '02', '02', '03']);
    expect(labels).toHaveLength(26);
  });
});

it('labels at three hours read multiples of three after the change', () => {
  expect(hours('2026-03-29', 500)).toEqual(['00', '03', '06', '09', '12', '15', '18', '21', '00']);
});

it('labels never crowd, at any scale', () => {
  const noon = (parseIsoDate('2026-10-25') ?? 0) + 3 * 3_600_000;
  for (let span = 5_000; span < 200_000_000; span *= 1.7) {
    const marks = ticks({ fromMs: noon - span / 2, toMs: noon + span / 2 }, 1200, 64);
    const labels = marks.filter((tick) => tick.major);
    expect(labels.length).toBeGreaterThan(0);
    expect(marks.length).toBeLessThan(700);
    labels.forEach((tick, index) => {
      const before = labels[index - 1];
      if (before) expect(tick.x - before.x).toBeGreaterThanOrEqual(48);
    });
  }
});

it('nothing to draw on, nothing drawn', () => expect(ticks({ fromMs: 0, toMs: 1 }, 0, 60)).toEqual([]));

it('weeks and months are ruled by midnights, Mondays first', () => {
  const fromMs = parseIsoDate('2026-09-28') ?? 0;
  for (const days of [10, 40, 200, 390]) {
    const marks = ticks({ fromMs, toMs: addDays(fromMs, days) }, 1200, 64);
    expect(marks.every((tick) => tick.day && new Date(tick.ms).getHours() === 0)).toBe(true);
    const labels = marks.filter((tick) => tick.major);
    expect(labels.length).toBeGreaterThan(2);
    if (days > 20) expect(labels.every((tick) => new Date(tick.ms).getDay() === 1 || days === 40)).toBe(true);
    labels.forEach((tick, n) => n > 0 && expect(tick.x - (labels[n - 1]?.x ?? 0)).toBeGreaterThanOrEqual(60));
  }
});
