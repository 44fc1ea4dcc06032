// A calendar's week as a grid of quarter hours, and what can be done with it.
import type { CalendarWeek, DaySpan } from '../api/model';

export const weekdays = ['monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'] as const;
/** The rows of the grid; the last one is for holidays. */
export const days = [...weekdays, 'holiday'] as const;
export type Day = (typeof days)[number];

export const dayNames: Record<Day, string> = {
  monday: 'Monday',
  tuesday: 'Tuesday',
  wednesday: 'Wednesday',
  thursday: 'Thursday',
  friday: 'Friday',
  saturday: 'Saturday',
  sunday: 'Sunday',
  holiday: 'Holiday',
};

export const quarters = 96;

/** One row: whether each quarter hour of the day is on. */
export type Row = readonly boolean[];
/** All rows, in order of `days`. */
export type Grid = readonly Row[];

/** Quarter hours `from` to `to`, `to` not included. */
export type Stretch = { from: number; to: number };

export function timeOf(quarter: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(quarter / 4))}:${two((quarter % 4) * 15)}`;
}

export function quarterOf(time: string): number {
  const [hours = 0, minutes = 0] = time.split(':').map(Number);
  return Math.min(quarters, hours * 4 + Math.floor(minutes / 15));
}

export function rowOf(spans: readonly DaySpan[]): Row {
  const row = new Array<boolean>(quarters).fill(false);
  for (const span of spans) row.fill(true, quarterOf(span.from), quarterOf(span.to));
  return row;
}

/** The stretches of a row that are on, none touching the next. */
export function stretchesOf(row: Row): Stretch[] {
  const found: Stretch[] = [];
  for (let at = 0; at < quarters; at++) {
    if (!row[at]) continue;
    const last = found.at(-1);
    if (last?.to === at) last.to = at + 1;
    else found.push({ from: at, to: at + 1 });
  }
  return found;
}

export function spansOf(row: Row): DaySpan[] {
  return stretchesOf(row).map(({ from, to }) => ({ from: timeOf(from), to: timeOf(to) }));
}

export function gridOf(week: CalendarWeek): Grid {
  return days.map((day) => rowOf(week[day]));
}

export function weekOf(grid: Grid): CalendarWeek {
  return Object.fromEntries(days.map((day, at) => [day, spansOf(grid[at] ?? [])])) as CalendarWeek;
}

/** A corner of the grid: row and quarter hour. */
export type Cell = { day: number; quarter: number };

/** Switches the rectangle between two cells, both included. */
export function paint(grid: Grid, from: Cell, to: Cell, on: boolean): Grid {
  const [top, bottom] = [Math.min(from.day, to.day), Math.max(from.day, to.day)];
  const [left, right] = [Math.min(from.quarter, to.quarter), Math.max(from.quarter, to.quarter)];
  return grid.map((row, day) => (day < top || day > bottom ? row : row.map((old, quarter) => (quarter < left || quarter > right ? old : on))));
}

/** Replaces one stretch of a row by another; undefined removes it or, as the old one, adds it. */
export function replaceStretch(grid: Grid, day: number, old: Stretch | undefined, next: Stretch | undefined): Grid {
  return grid.map((row, at) => {
    if (at !== day) return row;
    const changed = [...row];
    if (old) changed.fill(false, old.from, old.to);
    if (next) changed.fill(true, next.from, next.to);
    return changed;
  });
}

export function copyDay(grid: Grid, from: number, to: readonly number[]): Grid {
  const source = grid[from] ?? [];
  return grid.map((row, day) => (to.includes(day) ? [...source] : row));
}

export type Template = { id: string; title: string; make: () => Grid };

const empty = (): Row => new Array<boolean>(quarters).fill(false);
const full = (): Row => new Array<boolean>(quarters).fill(true);
const between = (from: number, to: number): Row => empty().map((_, quarter) => quarter >= from * 4 && quarter < to * 4);
const outside = (from: number, to: number): Row => between(from, to).map((on) => !on);
const isWorkday = (day: Day) => !['saturday', 'sunday', 'holiday'].includes(day);

export const templates: readonly Template[] = [
  { id: 'always', title: 'Always', make: () => days.map(full) },
  { id: 'office', title: 'Office hours', make: () => days.map((day) => (isWorkday(day) ? between(8, 18) : empty())) },
  { id: 'closed', title: 'Outside office hours', make: () => days.map((day) => (isWorkday(day) ? outside(8, 18) : full())) },
  { id: 'nights', title: 'Nights', make: () => days.map(() => outside(6, 20)) },
  { id: 'never', title: 'Never', make: () => days.map(empty) },
];

/** Hours of a row, as `10 h` or `10 h 15 min`. */
export function hoursText(row: Row): string {
  const minutes = row.filter(Boolean).length * 15;
  if (minutes === 0) return 'off';
  if (minutes === 24 * 60) return 'all day';
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours > 0 ? `${hours} h` : '', rest > 0 ? `${rest} min` : ''].filter(Boolean).join(' ');
}

/** A row in words, for those who do not see the grid. */
export function rowText(row: Row): string {
  const spans = spansOf(row);
  if (spans.length === 0) return 'nothing';
  if (spans.length === 1 && spans[0]?.from === '00:00' && spans[0].to === '24:00') return 'all day';
  return spans.map((span) => `${span.from} to ${span.to}`).join(', ');
}

/** Hours of a whole week without the holiday row. */
export function weekHours(grid: Grid): number {
  return grid.slice(0, weekdays.length).reduce((sum, row) => sum + row.filter(Boolean).length, 0) / 4;
}

export function sameGrid(one: Grid, other: Grid): boolean {
  return one.every((row, day) => row.every((on, quarter) => on === other[day]?.[quarter]));
}

/** More stretches in a day than the appliance takes. */
export const mostStretches = 48;
