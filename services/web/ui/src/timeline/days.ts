// Calendar days of the browser's time zone. A day is what lies between two local midnights: 23 or 25 hours long when
// the clocks change. Nothing here assumes 24.

/** The first instant of the day that holds `ms`. */
export function dayStart(ms: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

/** The first instant of the day `days` later (or earlier, when negative). */
export function addDays(ms: number, days: number): number {
  const date = new Date(ms);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + days).getTime();
}

/** `2026-03-29`, as a date field wants it. */
export function isoDate(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The first instant of an ISO date's day; undefined for what is no date. */
export function parseIsoDate(text: string): number | undefined {
  const match = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!match) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(year, month - 1, day);
  if (date.getFullYear() !== year || date.getMonth() !== month - 1 || date.getDate() !== day) return undefined;
  return date.getTime();
}

/** The midnights in `[fromMs, toMs]`. */
export function midnights(fromMs: number, toMs: number): number[] {
  const found: number[] = [];
  let at = dayStart(fromMs);
  if (at < fromMs) at = addDays(at, 1);
  while (at <= toMs) {
    found.push(at);
    at = addDays(at, 1);
  }
  return found;
}

const zoneName = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

/** The zone's name where the wall clock alone does not say which instant it is: in the hour that comes twice. Else ''. */
export function zoneIfTwice(ms: number): string {
  const wall = (at: number) => {
    const date = new Date(at);
    return [date.getDate(), date.getHours(), date.getMinutes()].join();
  };
  const hour = 3_600_000;
  if (wall(ms) !== wall(ms - hour) && wall(ms) !== wall(ms + hour)) return '';
  return zoneName.formatToParts(ms).find((part) => part.type === 'timeZoneName')?.value ?? '';
}
