import { addDays, dayStart } from './days';
import { toX, type View } from './scale';

/** A line of the ruler; `major` ones carry a label. */
export type Tick = { ms: number; x: number; major: boolean; seconds: boolean; day: boolean };

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Distances of labels, each with that of the small lines between them. */
const steps: readonly (readonly [labelMs: number, lineMs: number])[] = [
  [second, second],
  [2 * second, second],
  [5 * second, second],
  [10 * second, 2 * second],
  [30 * second, 5 * second],
  [minute, 10 * second],
  [2 * minute, 30 * second],
  [5 * minute, minute],
  [10 * minute, 2 * minute],
  [15 * minute, 5 * minute],
  [30 * minute, 5 * minute],
  [hour, 15 * minute],
  [2 * hour, 30 * minute],
  [3 * hour, hour],
  [6 * hour, hour],
  [12 * hour, 3 * hour],
];

/**
 * The ruler of a view. Lines are placed by time that has really passed since the day's first instant, and labelled
 * with the wall clock: on a day of 25 hours one hour comes twice, on one of 23 hours one is missing.
 */
export function ticks(view: View, width: number, labelPx: number): Tick[] {
  const span = view.toMs - view.fromMs;
  if (width <= 0 || span <= 0) return [];
  if ((12 * hour * width) / span < labelPx) return dayTicks(view, width, labelPx);
  const coarsest = steps[steps.length - 1] as readonly [number, number];
  const [labelMs, lineMs] = steps.find(([label]) => (label / span) * width >= labelPx) ?? coarsest;
  const found: Tick[] = [];
  let at = dayStart(view.fromMs);
  at += Math.floor((view.fromMs - at) / lineMs) * lineMs;
  let lastLabelX = -Infinity;
  while (at <= view.toMs) {
    if (at >= view.fromMs) {
      const x = toX(view, width, at);
      const major = isLabelled(at, labelMs) && x - lastLabelX >= labelPx * 0.75;
      if (major) lastLabelX = x;
      found.push({ ms: at, x, major, seconds: labelMs < minute, day: false });
    }
    const next = at + lineMs;
    // A day's remainder may be no multiple of the distance; each day starts its own count.
    const nextDay = dayStart(next);
    at = nextDay > at ? nextDay : next;
  }
  return found;
}

const dayCounts = [1, 2, 7, 14, 28, 91, 182, 364] as const;

/** The ruler of weeks and months: midnights, every so many days since a Monday. */
function dayTicks(view: View, width: number, labelPx: number): Tick[] {
  const perDay = (24 * hour * width) / (view.toMs - view.fromMs);
  const every = dayCounts.find((count) => count * perDay >= labelPx) ?? 364;
  const lines = perDay >= 8 ? 1 : every;
  const found: Tick[] = [];
  for (let at = dayStart(view.fromMs); at <= view.toMs; at = addDays(at, 1)) {
    if (at < view.fromMs) continue;
    // Days since a Monday, by the calendar and not by hours.
    const date = new Date(at);
    const number = Math.round(Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) / (24 * hour)) - 4;
    if (number % lines === 0) found.push({ ms: at, x: toX(view, width, at), major: number % every === 0, seconds: false, day: true });
  }
  return found;
}

/** Whether the wall clock reads a multiple of the labels' distance. */
function isLabelled(ms: number, labelMs: number): boolean {
  const date = new Date(ms);
  const wallMs = ((date.getHours() * 60 + date.getMinutes()) * 60 + date.getSeconds()) * second;
  return wallMs % labelMs === 0;
}
