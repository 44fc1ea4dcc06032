import type { Holiday } from '../api/model';

/** What is wrong with a list of holidays: a sentence and the line at fault; undefined when nothing is. */
export function holidayProblem(list: readonly Holiday[]): { at: number; text: string } | undefined {
  for (const [at, one] of list.entries()) {
    if (!/^\d{4}-\d{2}-\d{2}$/.test(one.date)) return { at, text: 'Choose the date of this holiday.' };
    const twin = list.findIndex((other) => sameDay(one, other));
    if (twin < at) return { at, text: 'This date is in the list already.' };
  }
  return undefined;
}

/** A yearly holiday covers its day and month of every year. */
function sameDay(one: Holiday, other: Holiday): boolean {
  return one.yearly || other.yearly ? one.date.slice(5) === other.date.slice(5) : one.date === other.date;
}

/** The next day, counted from `today` (ISO), on which a holiday falls; undefined when it is past. */
export function nextDate(holiday: Holiday, today: string): string | undefined {
  if (!holiday.yearly) return holiday.date >= today ? holiday.date : undefined;
  const year = Number(today.slice(0, 4));
  // 29 February is not in every year.
  for (let at = year; at <= year + 8; at++) {
    const date = `${at}-${holiday.date.slice(5)}`;
    if (date >= today && exists(date)) return date;
  }
  return undefined;
}

function exists(date: string): boolean {
  const parsed = new Date(`${date}T00:00:00Z`);
  return !Number.isNaN(parsed.getTime()) && parsed.toISOString().startsWith(date);
}

/** By the day on which they fall next, those that are past last. */
export function inOrder(list: readonly Holiday[], today: string): Holiday[] {
  const key = (one: Holiday) => nextDate(one, today) ?? `9999 ${one.date}`;
  return [...list].sort((one, other) => (key(one) < key(other) ? -1 : 1));
}
