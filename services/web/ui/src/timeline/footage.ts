import type { Gap, Protection, Segment, StreamName, Timeline, Trigger } from '../api/model';

/** What lies at an instant of a timeline. */
export type Found = { kind: 'segment'; segment: Segment } | { kind: 'gap'; gap: Gap } | { kind: 'nothing' };

/** The segment at an instant; of two that overlap (an alarm within standard recording), the alarm. */
export function segmentAt(segments: readonly Segment[], ms: number): Segment | undefined {
  const hits = segments.filter((segment) => ms >= segment.startMs && ms < segment.endMs);
  return hits.find((segment) => segment.kind === 'alarm') ?? hits[0];
}

export function gapAt(gaps: readonly Gap[], ms: number): Gap | undefined {
  return gaps.find((gap) => ms >= gap.startMs && ms < gap.endMs);
}

/** What is under the pointer; `slackMs` makes things of less than a pixel or two touchable. */
export function findAt(segments: readonly Segment[], gaps: readonly Gap[], ms: number, slackMs: number): Found {
  const segment = segmentAt(segments, ms);
  const near = gaps.find((gap) => ms >= gap.startMs - slackMs && ms < gap.endMs + slackMs);
  if (near && (!segment || near.endMs - near.startMs < 2 * slackMs)) return { kind: 'gap', gap: near };
  if (segment) return { kind: 'segment', segment };
  return { kind: 'nothing' };
}

/** The part of a timeline that is of one stream; gaps without a stream are of both. */
export function ofStream(timeline: Timeline, stream: StreamName): Timeline {
  return {
    ...timeline,
    segments: timeline.segments.filter((segment) => segment.stream === stream),
    gaps: timeline.gaps.filter((gap) => gap.stream === undefined || gap.stream === stream),
  };
}

/** The protection over an instant. */
export function protectionAt(protections: readonly Protection[], ms: number): Protection | undefined {
  return protections.find((one) => ms >= one.fromMs && ms < one.toMs);
}

/** The trigger nearest to an instant among those whose condition held then, or within `slackMs` of it. */
export function triggerAt(triggers: readonly Trigger[], ms: number, slackMs: number): Trigger | undefined {
  const near = triggers.filter((one) => ms >= one.atMs - slackMs && ms <= Math.max(one.atMs, one.endMs) + slackMs);
  return near.sort((one, other) => Math.abs(one.atMs - ms) - Math.abs(other.atMs - ms))[0];
}

/** What set an alarm off, in words. */
export function triggerText(trigger: Trigger): string {
  const what = trigger.source === 'forced' ? 'Recorded by hand' : `Alarm: ${trigger.source}`;
  return [what, trigger.text ? `“${trigger.text}”` : '', trigger.by ? `by ${trigger.by}` : ''].filter(Boolean).join(' ');
}

export type Stretch = { startMs: number; endMs: number; kind: Segment['kind'] };

/**
 * Joins segments of one kind that touch (or all but touch) into stretches, so that drawing a day costs by what can
 * be seen and not by the number of files. Segments come in order of start.
 */
export function stretches(segments: readonly Segment[], joinMs: number): Stretch[] {
  const found: Stretch[] = [];
  const open = new Map<Segment['kind'], Stretch>();
  for (const segment of segments) {
    const last = open.get(segment.kind);
    if (last && segment.startMs <= last.endMs + joinMs) {
      last.endMs = Math.max(last.endMs, segment.endMs);
      continue;
    }
    const stretch = { startMs: segment.startMs, endMs: segment.endMs, kind: segment.kind };
    open.set(segment.kind, stretch);
    found.push(stretch);
  }
  return found;
}

const causes: Record<Gap['cause'], string> = {
  camera_offline: 'Camera offline',
  network: 'Network trouble',
  camera_disabled: 'Camera switched off',
  disk: 'Disk trouble',
  overload: 'Overload',
  engine_restart: 'Recorder restarted',
  power: 'Power was off',
  clock_step: 'Clock was set',
  lost_file: 'File lost',
  deleted: 'Deleted by a person',
  unscheduled: 'Not scheduled',
  unknown: 'Unknown cause',
};

export function causeTitle(cause: Gap['cause']): string {
  return causes[cause] ?? 'No recording';
}
