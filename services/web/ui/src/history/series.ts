// How a stream was, made ready to be drawn.
import type { HistoryPoint } from '../api/model';

const hourMs = 3_600_000;

export const spans = [
  { value: 'hour', text: 'Hour', ms: hourMs },
  { value: 'day', text: 'Day', ms: 24 * hourMs },
  { value: 'week', text: 'Week', ms: 7 * 24 * hourMs },
  { value: 'month', text: 'Month', ms: 31 * 24 * hourMs },
] as const;
export type Span = (typeof spans)[number]['value'];

/** Something of an instant, to be drawn. */
type Instant = { atMs: number };

export type Measure<P extends Instant = HistoryPoint> = {
  id: string;
  title: string;
  colour: 'standard' | 'accent' | 'bad' | 'alarm' | 'good';
  /** null: nothing is known of it then. */
  of: (point: P) => number | null;
  /** Bars for what is counted in a step, a line for what is measured. */
  bars: boolean;
  /** Its values may be below zero, too: the scale is even around it. */
  signed?: boolean;
  /** Where its scale ends; without, where its values do. */
  most?: number;
  text: (value: number) => string;
};

/**
 * Seconds and values side by side, as the drawing wants them. Where steps are missing a hole is put in, so that no line
 * is drawn over time of which nothing is known.
 */
export function columns<P extends Instant>(points: readonly P[], stepMs: number, of: (point: P) => number | null): [number[], (number | null)[]] {
  const times: number[] = [];
  const values: (number | null)[] = [];
  let last: number | undefined;
  for (const point of points) {
    if (last !== undefined && point.atMs - last > stepMs * 1.5) {
      times.push((last + stepMs) / 1000);
      values.push(null);
    }
    times.push(point.atMs / 1000);
    values.push(of(point));
    last = point.atMs;
  }
  return [times, values];
}

export type Sums = { onlinePercent: number; meanBps: number; lostFrames: number; reconnects: number };

/** A span in four numbers; null when nothing is known of it. Time without data counts in none of them. */
export function sums(points: readonly HistoryPoint[]): Sums | null {
  if (points.length === 0) return null;
  const total = (of: (point: HistoryPoint) => number) => points.reduce((sum, point) => sum + of(point), 0);
  return {
    onlinePercent: total((point) => point.onlinePercent) / points.length,
    meanBps: total((point) => point.bitrateBps) / points.length,
    lostFrames: total((point) => point.lostFrames),
    reconnects: total((point) => point.reconnects),
  };
}
