// What a camera's plan and retention mean, in words and in bytes.
import type { Calendar, CameraState, RecordingPlan, RecordingRule, Recording, Retention, StreamName } from '../api/model';
import { bytes } from '../ui/format';

/** What a new camera gets when nothing else is chosen; the appliance has the same. */
export function defaultPlan(): RecordingPlan {
  return {
    standard: { calendar: 'always', streams: ['main'] },
    alarm: { calendar: 'always', streams: ['main'] },
    preSeconds: 5,
    preMb: 16,
    postSeconds: 10,
    segmentSeconds: 300,
    segmentMb: 1024,
  };
}

export function defaultRetention(): Retention {
  return { standardDays: 0, standardMinDays: 0, alarmDays: 0, alarmMinDays: 0 };
}

/** Bounds of the numbers of a plan, as the API has them. */
export const bounds = {
  preSeconds: [0, 600],
  preMb: [2, 128],
  postSeconds: [1, 3600],
  segmentSeconds: [10, 3300],
  segmentMb: [4, 4096],
  days: [0, 3650],
} as const;

/** What is wrong with a number as typed (nothing typed: null); empty when it will do. */
export function numberProblem(value: number | null | undefined, [least, most]: readonly [number, number]): string {
  if (value === null || value === undefined || !Number.isInteger(value) || value < least || value > most) {
    return `A whole number from ${least} to ${most}.`;
  }
  return '';
}

/** What is wrong with a plan, by field as the API names it. */
export function planProblems(plan: RecordingPlan, hasSub: boolean): Record<string, string> {
  const found: Record<string, string> = {};
  for (const field of ['preSeconds', 'preMb', 'postSeconds', 'segmentSeconds', 'segmentMb'] as const) {
    const problem = numberProblem(plan[field], bounds[field]);
    if (problem) found[`recording.${field}`] = problem;
  }
  for (const kind of ['standard', 'alarm'] as const) {
    if (!hasSub && plan[kind].streams.includes('sub')) found[`recording.${kind}.streams`] = 'The camera has no second stream: type its address above, or choose the main stream.';
  }
  return found;
}

export function retentionProblems(retention: Retention): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [days, min] of [['standardDays', 'standardMinDays'], ['alarmDays', 'alarmMinDays']] as const) {
    for (const field of [days, min]) {
      const problem = numberProblem(retention[field], bounds.days);
      if (problem) found[`retention.${field}`] = problem;
    }
    if (retention[days] > 0 && retention[min] > retention[days]) found[`retention.${min}`] = 'More days are promised than recordings are kept.';
  }
  return found;
}

const streamWords: Record<StreamName, string> = { main: 'main stream', sub: 'second stream' };

/** `main stream always`, `second stream by Nights`, `nothing`. */
export function ruleText(rule: RecordingRule, calendars: readonly Calendar[]): string {
  if (rule.streams.length === 0 || rule.calendar === 'never') return 'nothing';
  const streams = rule.streams.length === 2 ? 'both streams' : streamWords[rule.streams[0] ?? 'main'];
  if (rule.calendar === 'always') return `${streams} always`;
  const name = calendars.find((one) => one.id === rule.calendar)?.name;
  return `${streams} ${name ? `by “${name}”` : 'by a calendar'}`;
}

export function planText(plan: RecordingPlan, calendars: readonly Calendar[]): string {
  const alarm = ruleText(plan.alarm, calendars);
  const around = alarm === 'nothing' ? '' : ` from ${plan.preSeconds} s before to ${plan.postSeconds} s after`;
  return `Standard: ${ruleText(plan.standard, calendars)}. On alarm: ${alarm}${around}.${plan.duplicate ? ' Recorded twice, to two volumes.' : ''}`;
}

const daysText = (days: number) => (days === 1 ? '1 day' : `${days} days`);

function keptText(days: number, min: number): string {
  const most = days === 0 ? 'while there is room' : `${daysText(days)}`;
  return min === 0 ? most : `${most}, ${daysText(min)} promised`;
}

export function retentionText({ standardDays, standardMinDays, alarmDays, alarmMinDays }: Retention): string {
  const standard = keptText(standardDays, standardMinDays);
  const alarm = keptText(alarmDays, alarmMinDays);
  return standard === alarm ? `Kept ${standard}.` : `Standard kept ${standard}; alarms ${alarm}.`;
}

/** Bit rate of a stream as it comes now; 0 when it is not known. */
export function rateOf(state: CameraState | undefined, stream: StreamName): number {
  const found = state?.streams?.find((one) => one.name === stream)?.bitrateBps;
  return found ?? (stream === 'main' ? (state?.bitrateBps ?? 0) : 0);
}

const dayS = 86_400;

/** Bytes that standard recording of these streams takes in a day of so many hours. */
export function bytesPerDay(rule: RecordingRule, rates: Record<StreamName, number>, hoursPerDay: number): number {
  if (rule.calendar === 'never') return 0;
  const bps = rule.streams.reduce((sum, stream) => sum + rates[stream], 0);
  return (bps / 8) * dayS * (hoursPerDay / 24);
}

export type Estimate = {
  perDay: number;
  /** For the days that are promised and for those that are wanted. */
  promised: number;
  wanted: number;
  /** What all volumes may hold up to their limits. */
  room: number;
};

/** What standard recording needs, and what the volumes have; null while no bit rate is known. */
export function estimate(retention: Retention, perDay: number, recording: Recording | null): Estimate | null {
  if (perDay <= 0) return null;
  const room = (recording?.volumes ?? []).reduce((sum, one) => sum + (one.sizeBytes * one.limitPercent) / 100, 0);
  return { perDay, promised: perDay * retention.standardMinDays, wanted: perDay * retention.standardDays, room };
}

/** An estimate in a sentence or two, and whether it is a warning. */
export function estimateText(found: Estimate, retention: Retention): { warn: boolean; text: string } {
  const parts = [`Standard recording takes about ${bytes(found.perDay)} a day.`];
  if (retention.standardDays > 0) parts.push(`${daysText(retention.standardDays)} are ${bytes(found.wanted)}.`);
  if (retention.standardMinDays > 0) parts.push(`The promise of ${daysText(retention.standardMinDays)} needs ${bytes(found.promised)}.`);
  if (found.room === 0) return { warn: false, text: parts.join(' ') };
  if (retention.standardDays === 0 && retention.standardMinDays === 0) {
    parts.push(`Alone on the volumes it would reach back ${daysText(Math.floor(found.room / found.perDay))}.`);
    return { warn: false, text: parts.join(' ') };
  }
  parts.push(`All volumes hold ${bytes(found.room)}, shared by all cameras.`);
  return { warn: found.promised > found.room || found.wanted > found.room, text: parts.join(' ') };
}

/** Memory that the prebuffer may take: its size is per stream that alarms record. */
export function prebufferBytes(plan: RecordingPlan): number {
  if (plan.preSeconds === 0 || plan.alarm.calendar === 'never') return 0;
  return plan.preMb * 1024 * 1024 * plan.alarm.streams.length;
}

/** Seconds that the size of the prebuffer allows at a bit rate, when that is less than what is asked for. */
export function prebufferShort(plan: RecordingPlan, bps: number): number | undefined {
  if (bps <= 0 || plan.preSeconds === 0) return undefined;
  const seconds = (plan.preMb * 1024 * 1024 * 8) / bps;
  return seconds < plan.preSeconds ? Math.floor(seconds) : undefined;
}
