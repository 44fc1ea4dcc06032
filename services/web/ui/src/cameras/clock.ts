import type { StreamClock } from '../api/model';
import { offsetText } from '../system/words';

/** What frame times are taken from: `Camera's clock, −12 ms` or `Arrival`. */
export function clockText(clock: StreamClock | undefined): string | undefined {
  if (!clock) return undefined;
  const source = clock.source === 'rtcp' ? "Camera's clock" : 'Arrival';
  return clock.offsetMs === undefined ? source : `${source}, ${offsetText(clock.offsetMs)}`;
}

/** How much faster the camera's clock runs, and how unevenly frames come. */
export function driftText(clock: StreamClock | undefined): string | undefined {
  if (!clock) return undefined;
  const drift = clock.driftPpm === undefined ? '' : `${clock.driftPpm < 0 ? '−' : '+'}${Math.abs(clock.driftPpm).toFixed(1)} ppm`;
  const jitter = clock.jitterUs === undefined ? '' : `jitter ${(clock.jitterUs / 1000).toFixed(1)} ms`;
  return [drift, jitter].filter(Boolean).join(', ') || undefined;
}
