import type { FootageDay, FootageSpan, Overview, Segment, StreamName, Timeline } from '../api/model';
import type { View } from './scale';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** What one request may ask for. */
const longestMs = 31 * dayMs;
/** Up to here single files show. */
const filesMs = 12 * hourMs;
const longestDaysMs = 400 * dayMs;

/** How a view is to be read: file by file, merged to what a screen can show, or only which days have footage. */
export type Reading = { how: 'files' | 'overview' | 'days'; fromMs: number; toMs: number; resolutionMs: number };

/**
 * What to read for a view `width` pixels wide: more than the view, so that moving it a little shows what is there already,
 * and on a grid, so that a view that moves does not ask for something else each time.
 */
export function readingOf(view: View, width: number, nowMs: number): Reading {
  const span = Math.max(1000, view.toMs - view.fromMs);
  const grid = 2 ** Math.ceil(Math.log2(span / 2));
  const fromMs = Math.max(0, Math.floor((view.fromMs - span / 4) / grid) * grid);
  const toMs = Math.min(Math.ceil((view.toMs + span / 4) / grid) * grid, nowMs + dayMs);
  const length = Math.max(1, toMs - fromMs);
  const resolutionMs = Math.max(1000, Math.ceil(length / 9000), Math.ceil(span / Math.max(200, width)));
  if (length <= filesMs) return { how: 'files', fromMs, toMs: fromMs + length, resolutionMs };
  if (length <= longestMs) return { how: 'overview', fromMs, toMs: fromMs + length, resolutionMs };
  return { how: 'days', fromMs: Math.max(fromMs, toMs - longestDaysMs), toMs: fromMs + length, resolutionMs };
}

/** Whether what was read does for a view that is now to be read like `wanted`. */
export function covers(reading: Reading, wanted: Reading, view: View): boolean {
  const whole = reading.fromMs <= Math.max(0, view.fromMs) && reading.toMs >= Math.min(view.toMs, wanted.toMs);
  return whole && reading.how === wanted.how && reading.resolutionMs <= wanted.resolutionMs * 1.5 && reading.resolutionMs >= wanted.resolutionMs / 3;
}

function asSegment(span: FootageSpan): Segment {
  return { id: '', stream: span.stream, kind: span.kind, startMs: span.startMs, endMs: span.endMs, open: false, sizeBytes: 0, volume: '' };
}

/** An overview in the shape of a timeline; its stretches are no files. */
export function ofOverview(overview: Overview): Timeline {
  const { fromMs, toMs, firstMs, lastMs, gaps } = overview;
  return { fromMs, toMs, firstMs, lastMs, gaps, segments: overview.spans.map(asSegment) };
}

/** Days in the shape of a timeline: each is drawn whole. */
export function ofDays(days: readonly FootageDay[], reading: Reading, stream: StreamName): Timeline {
  const segments = days.flatMap((day) =>
    (['standard', 'alarm'] as const).filter((kind) => day[kind]).map((kind) => asSegment({ stream, kind, startMs: day.startMs, endMs: day.endMs })),
  );
  return { fromMs: reading.fromMs, toMs: reading.toMs, gaps: [], segments };
}
