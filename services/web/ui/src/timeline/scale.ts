/** The stretch of time on show. */
export type View = { fromMs: number; toMs: number };

export const shortestMs = 5_000;

/** Where an instant is drawn, in pixels from the left. */
export function toX(view: View, width: number, ms: number): number {
  return ((ms - view.fromMs) / (view.toMs - view.fromMs)) * width;
}

/** The instant at a pixel. */
export function toMs(view: View, width: number, x: number): number {
  return width > 0 ? view.fromMs + (x / width) * (view.toMs - view.fromMs) : view.fromMs;
}

/** Zooms by `factor` (above 1: closer), keeping the instant `aroundMs` in its place as far as `limits` let it. */
export function zoom(view: View, factor: number, aroundMs: number, limits: View): View {
  const span = view.toMs - view.fromMs;
  const longest = Math.max(shortestMs, limits.toMs - limits.fromMs);
  const wanted = Math.min(longest, Math.max(shortestMs, span / factor));
  const share = (aroundMs - view.fromMs) / span;
  const fromMs = aroundMs - share * wanted;
  return inside({ fromMs, toMs: fromMs + wanted }, limits);
}

export function pan(view: View, byMs: number, limits: View): View {
  return inside({ fromMs: view.fromMs + byMs, toMs: view.toMs + byMs }, limits);
}

/** Moves (never stretches) a view into the limits; one that is longer than they are becomes them. */
export function inside(view: View, limits: View): View {
  const span = view.toMs - view.fromMs;
  if (span >= limits.toMs - limits.fromMs) return { ...limits };
  if (view.fromMs < limits.fromMs) return { fromMs: limits.fromMs, toMs: limits.fromMs + span };
  if (view.toMs > limits.toMs) return { fromMs: limits.toMs - span, toMs: limits.toMs };
  return view;
}

/** Turns the page to `ms` without a change of scale, with a little of what lies before it. */
export function reveal(view: View, ms: number, limits: View): View {
  const span = view.toMs - view.fromMs;
  if (ms >= view.fromMs && ms <= view.toMs) return view;
  const fromMs = ms - span * 0.1;
  return inside({ fromMs, toMs: fromMs + span }, limits);
}

const hourMs = 3_600_000;

/**
 * What a day opens on. A past day opens whole; today on its last hours, or since recording began when that is not long
 * ago, with some room for what is to come.
 */
export function opening(day: View, nowMs: number, firstMs: number | undefined): View {
  if (nowMs < day.fromMs || nowMs >= day.toMs) return { ...day };
  const age = firstMs === undefined ? Infinity : nowMs - firstMs;
  const span = Math.min(3 * hourMs, Math.max(0.5 * hourMs, age * 1.5));
  return inside({ fromMs: nowMs - 0.8 * span, toMs: nowMs + 0.2 * span }, day);
}
