import { addDays, parseIsoDate } from '../timeline/days';

/** How long a protection may be asked to last. */
export const spans = [
  { value: '', text: 'Until somebody lifts it' },
  { value: '30', text: '30 days' },
  { value: '90', text: '90 days' },
  { value: '365', text: 'One year' },
  { value: 'date', text: 'Until a date' },
] as const;

/** The instant at which a protection ends: undefined for never, null for a date that is missing or past. */
export function untilOf(span: string, date: string, nowMs: number): number | undefined | null {
  if (span === '') return undefined;
  if (span !== 'date') return addDays(nowMs, Number(span));
  const day = parseIsoDate(date);
  // The date that is named is still covered.
  const end = day === undefined ? undefined : addDays(day, 1);
  return end === undefined || end <= nowMs ? null : end;
}
