// How much of what was to be recorded was, in words and colours.
import type { CoverageDay } from '../api/model';

/** A share in percent that says 100 only when nothing at all is missing, and 0 only when there is nothing. */
export function shareText(recordedMs: number, scheduledMs: number): string {
  if (scheduledMs <= 0) return '–';
  const percent = (recordedMs / scheduledMs) * 100;
  if (recordedMs >= scheduledMs) return '100 %';
  if (recordedMs <= 0) return '0 %';
  if (percent >= 99.9) return '99.9 %';
  if (percent < 0.1) return '0.1 %';
  return `${Math.floor(percent * 10) / 10} %`;
}

export type Grade = 'none' | 'full' | 'good' | 'fair' | 'poor';

/** Classes of a day's coverage: nothing scheduled, all, nearly all, most, less. */
export function gradeOf(day: CoverageDay): Grade {
  if (day.scheduledMs <= 0) return 'none';
  if (day.recordedMs >= day.scheduledMs) return 'full';
  const share = day.recordedMs / day.scheduledMs;
  return share >= 0.99 ? 'good' : share >= 0.9 ? 'fair' : 'poor';
}

export type Total = { scheduledMs: number; recordedMs: number };

export function totalOf(days: readonly CoverageDay[]): Total {
  return days.reduce((sum, day) => ({ scheduledMs: sum.scheduledMs + day.scheduledMs, recordedMs: sum.recordedMs + day.recordedMs }), { scheduledMs: 0, recordedMs: 0 });
}

/** All dates that occur, in order: the columns of the overview. */
export function datesOf(all: readonly { days: readonly CoverageDay[] }[]): string[] {
  return [...new Set(all.flatMap((one) => one.days.map((day) => day.date)))].sort();
}

/** The largest cause first. */
export function causesOf(day: CoverageDay): CoverageDay['causes'] {
  return [...day.causes].sort((one, other) => other.ms - one.ms);
}

/** A date as people read it, without shifting it into any zone. */
export function dateText(date: string): string {
  return new Date(`${date}T12:00:00Z`).toLocaleDateString(undefined, { weekday: 'short', day: 'numeric', month: 'short', timeZone: 'UTC' });
}

/** Day of the month, for narrow columns. */
export function dayNumber(date: string): string {
  return String(Number(date.slice(8)));
}
