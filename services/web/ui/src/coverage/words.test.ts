import { describe, expect, it } from 'vitest';
import type { CoverageDay } from '../api/model';
import { causesOf, datesOf, dayNumber, gradeOf, shareText, totalOf } from './words';

const day = (recordedMs: number, scheduledMs = 86_400_000, date = '2026-11-26'): CoverageDay => ({
  date,
  startMs: 0,
  endMs: 86_400_000,
  scheduledMs,
  recordedMs,
  unscheduledMs: 86_400_000 - scheduledMs,
  percent: 0,
  causes: recordedMs < scheduledMs ? [{ cause: 'network', ms: 1, message: '' }, { cause: 'disk', ms: scheduledMs - recordedMs - 1, message: '' }] : [],
});

describe('a share', () => {
  it('is 100 % only when not a millisecond is missing', () => {
    expect(shareText(86_400_000, 86_400_000)).toBe('100 %');
    expect(shareText(86_399_999, 86_400_000)).toBe('99.9 %');
    expect(shareText(86_000_000, 86_400_000)).toBe('99.5 %');
  });
  it('is 0 % only when there is nothing', () => {
    expect(shareText(0, 10)).toBe('0 %');
    expect(shareText(1, 86_400_000)).toBe('0.1 %');
    expect(shareText(0, 0)).toBe('–');
  });
});

it('grades days', () => {
  expect([day(0, 0), day(86_400_000), day(86_300_000), day(80_000_000), day(1)].map(gradeOf)).toEqual(['none', 'full', 'good', 'fair', 'poor']);
});

it('sums days up', () => expect(totalOf([day(10, 20), day(5, 5)])).toEqual({ scheduledMs: 25, recordedMs: 15 }));

it('takes the dates of all cameras', () => {
  expect(datesOf([{ days: [day(1, 1, '2026-11-02'), day(1, 1, '2026-11-03')] }, { days: [day(1, 1, '2026-11-01')] }])).toEqual(['2026-11-01', '2026-11-02', '2026-11-03']);
  expect(dayNumber('2026-11-02')).toBe('2');
});

it('names the largest cause first', () => expect(causesOf(day(0)).map((one) => one.cause)).toEqual(['disk', 'network']));
