import type { View } from './scale';

const shortestMs = 1000;

/** What a choice of a range begins with: a fifth of the view around an instant, within what is over. */
export function beginRange(view: View, aroundMs: number, limits: View, nowMs: number): View {
  const last = Math.min(limits.toMs, nowMs);
  const length = Math.min(last - limits.fromMs, (view.toMs - view.fromMs) / 5);
  const fromMs = Math.max(limits.fromMs, Math.min(aroundMs - length / 2, last - length));
  return { fromMs: round(fromMs), toMs: round(fromMs + length) };
}

/** Moves one end of a range; it stops a second before the other and at the limits. */
export function moveEnd(range: View, end: 'fromMs' | 'toMs', ms: number, limits: View): View {
  const at = round(ms);
  if (end === 'fromMs') return { ...range, fromMs: Math.max(limits.fromMs, Math.min(at, range.toMs - shortestMs)) };
  return { ...range, toMs: Math.min(limits.toMs, Math.max(at, range.fromMs + shortestMs)) };
}

function round(ms: number): number {
  return Math.round(ms / 1000) * 1000;
}

/** An instant as a `datetime-local` field wants it, in the browser's zone. */
export function localInput(ms: number): string {
  const date = new Date(ms);
  const two = (value: number) => String(value).padStart(2, '0');
  return `${String(date.getFullYear()).padStart(4, '0')}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** The instant of a `datetime-local` field; undefined when it is not filled in. */
export function fromLocalInput(text: string): number | undefined {
  const ms = new Date(text).getTime();
  return text === '' || Number.isNaN(ms) ? undefined : ms;
}
