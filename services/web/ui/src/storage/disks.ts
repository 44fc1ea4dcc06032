// Disks, in words.
import type { Disk, Status } from '../api/model';
import type { Verdict } from '../system/words';
import { bytes } from '../ui/format';

const uses: Record<Disk['use'], Verdict> = {
  blank: { kind: 'warn', word: 'Blank' },
  volume: { kind: 'good', word: 'Data volume' },
  array: { kind: 'quiet', word: 'Part of an array' },
  system: { kind: 'good', word: 'System' },
  boot: { kind: 'quiet', word: 'Boot medium' },
  busy: { kind: 'quiet', word: 'In use' },
  other: { kind: 'quiet', word: 'Other content' },
};

const doing: Partial<Record<NonNullable<Disk['operation']>['name'], { now: string; failed: string }>> = {
  format: { now: 'Being formatted', failed: 'Formatting failed' },
  install: { now: 'Being installed on', failed: 'Installing failed' },
  create: { now: 'Joins an array', failed: 'Joining failed' },
  add: { now: 'Joins an array', failed: 'Joining failed' },
  replace: { now: 'Joins an array', failed: 'Joining failed' },
  fail: { now: 'Leaves an array', failed: 'Leaving failed' },
  remove: { now: 'Leaves an array', failed: 'Leaving failed' },
  grow: { now: 'Joins an array', failed: 'Joining failed' },
  adopt: { now: 'Joins an array', failed: 'Joining failed' },
  delete: { now: 'Leaves an array', failed: 'Leaving failed' },
};

export function diskVerdict(disk: Disk): Verdict {
  if (disk.operation?.status === 'running') return { kind: 'busy', word: doing[disk.operation.name]?.now ?? 'Busy' };
  if (disk.operation?.status === 'failed') return { kind: 'bad', word: doing[disk.operation.name]?.failed ?? 'Failed' };
  return uses[disk.use];
}

/** What a disk is, in a line: size, how it is attached, what turns in it. */
export function diskKind(disk: Disk): string {
  return [
    bytes(disk.sizeBytes),
    disk.bus === 'array' ? '' : disk.bus?.toUpperCase(),
    disk.use === 'boot' || disk.bus === 'array' || disk.rotational === undefined ? '' : disk.rotational ? 'hard disk' : 'flash', // what Vigie was started from is known by its contents
    disk.removable ? 'removable' : '',
    disk.slot,
  ]
    .filter(Boolean)
    .join(' · ');
}

/** What is on a disk: its volume by name, and else what was found. */
export function diskContents(disk: Disk, volumes: Status['volumes']): string {
  if (disk.operation?.status === 'running') return disk.operation.message ?? 'This takes a few seconds.';
  const volume = volumes.find((one) => one.id === disk.volume && disk.volume !== undefined);
  if (volume) return `Volume ${volume.name}`;
  return disk.contents ?? '';
}

/** Whether a disk can be made a data volume. What is on it, and is nobody's any more, is said in the dialogue. */
export function canFormat(disk: Disk): boolean {
  return (disk.use === 'blank' || disk.use === 'other' || disk.use === 'array') && !disk.usedBy && disk.operation?.status !== 'running';
}
