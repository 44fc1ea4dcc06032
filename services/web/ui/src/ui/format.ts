// Numbers and instants as people read them. Times are those of the browser's zone, on 24 hours.

const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const shortTime = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const date = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', year: 'numeric' });
const shortDate = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });

export function clockTime(ms: number): string {
  return time.format(ms);
}

export function hourMinute(ms: number): string {
  return shortTime.format(ms);
}

export function calendarDate(ms: number): string {
  return date.format(ms);
}

/** A day, briefly: for rulers. */
export function dayLabel(ms: number): string {
  return shortDate.format(ms);
}

/** Date and time, without the date when it is today. */
export function moment(ms: number, nowMs: number): string {
  const sameDay = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  return sameDay ? time.format(ms) : `${shortDate.format(ms)}, ${time.format(ms)}`;
}

/** A span of time in its two largest units: `3 h 12 min`. */
export function span(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 1) return 'less than 1 s';
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return join(`${minutes} min`, seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return join(`${hours} h`, minutes % 60, 'min');
  return join(`${Math.floor(hours / 24)} days`, hours % 24, 'h');
}

function join(large: string, rest: number, unit: string): string {
  return rest === 0 ? large : `${large} ${rest} ${unit}`;
}

/** How long ago, as a sentence's end. */
export function ago(ms: number, nowMs: number): string {
  return nowMs - ms < 1500 ? 'just now' : `${span(nowMs - ms)} ago`;
}

const byteUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Bytes in decimal units, three digits at most. */
export function bytes(count: number): string {
  return scaled(count, byteUnits);
}

const bitUnits = ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s'];

export function bitrate(bitsPerSecond: number): string {
  return scaled(bitsPerSecond, bitUnits);
}

function scaled(count: number, units: string[]): string {
  let value = Math.max(0, count);
  let at = 0;
  // 999.5 would be shown as 1000.
  while (value >= 999.5 && at < units.length - 1) {
    value /= 1000;
    at++;
  }
  const digits = at === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${trim(value.toFixed(digits))} ${units[at] ?? ''}`;
}

function trim(digits: string): string {
  return digits.includes('.') ? digits.replace(/\.?0+$/, '') : digits;
}

export function percent(part: number, whole: number): string {
  return whole > 0 ? `${Math.round((part / whole) * 100)} %` : '–';
}
