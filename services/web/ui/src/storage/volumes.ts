// Volumes, in words: how each is, what its last check came to, what can be done with it.
import type { Disk, Volume, VolumeCheck, VolumeFailure } from '../api/model';
import type { Verdict } from '../system/words';
import { moment, span } from '../ui/format';

const doing: Partial<Record<NonNullable<Volume['operation']>['name'], string>> = {
  check: 'Being checked',
  repair: 'Being repaired',
  unmount: 'Being unmounted',
  rename: 'Being renamed',
  adopt: 'Being adopted',
};

const causes: Record<VolumeFailure['cause'], string> = {
  gone: 'Disk gone',
  missing: 'Disk missing',
  silent: 'Does not answer',
  errors: 'Disk errors',
  damaged: 'Damaged',
  readonly: 'Read only',
};

export function volumeWord(volume: Volume): Verdict {
  if (volume.operation?.status === 'running') return { kind: 'busy', word: doing[volume.operation.name] ?? 'Busy' };
  if (volume.machine) return { kind: 'quiet', word: volume.status === 'unmounted' ? 'Unmounted' : 'Only read' };
  if (volume.failure) return { kind: 'bad', word: causes[volume.failure.cause] };
  const words: Record<Volume['status'], Verdict> = {
    mounted: { kind: 'good', word: 'In use' },
    readonly: { kind: 'bad', word: 'Read only' },
    failed: { kind: 'bad', word: 'Failed' },
    unmounted: { kind: 'quiet', word: 'Unmounted' },
  };
  return words[volume.status];
}

/** Since when a volume cannot be used, in a sentence. */
export function sinceText(failure: VolumeFailure, nowMs: number): string {
  return failure.cause === 'missing' ? `Last seen in use ${moment(failure.sinceMs, nowMs)}.` : `Since ${moment(failure.sinceMs, nowMs)}.`;
}

/** Which disk it is, or was, in a line. */
export function diskLine(volume: Volume, disks: readonly Disk[]): string {
  const disk = disks.find((one) => one.id === volume.disk);
  const of = disk ?? volume.failure;
  return [of?.model, of?.serial, of?.slot].filter(Boolean).join(' · ');
}

/** What the last check or repair came to, in a sentence or two. */
export function checkLine(check: VolumeCheck, nowMs: number): string {
  const what = check.kind === 'check' ? 'Checked' : 'Repaired';
  return `${what} ${moment(check.atMs, nowMs)}, in ${span(Math.max(1000, check.tookMs))}: ${check.message ?? check.result}`;
}

/** Whether a repair may follow what the last check found. */
export function canRepair(check: VolumeCheck | undefined): check is VolumeCheck {
  return check !== undefined && ((check.kind === 'check' && check.result === 'damaged') || check.result === 'failed');
}

/** Whether a volume is on a disk of its own, which can be checked and unmounted; a folder of a developer's machine is on none. */
export function onDisk(volume: Volume): boolean {
  return volume.disk !== undefined;
}
