// Arrays of disks, in words.
import type { Array as DiskArray, ArrayDisk, Disk } from '../api/model';
import type { Verdict } from '../system/words';
import { ago, bytes, span } from '../ui/format';

export const levels = [
  { value: 1, text: 'RAID 1: mirror', least: 2 },
  { value: 5, text: 'RAID 5: one disk may fail', least: 3 },
  { value: 6, text: 'RAID 6: two disks may fail', least: 4 },
  { value: 10, text: 'RAID 10: stripes of mirrors', least: 4 },
  { value: 0, text: 'RAID 0: stripes, no disk may fail', least: 2 },
] as const;

export function arrayVerdict(array: DiskArray): Verdict {
  if (array.operation?.status === 'running') return { kind: 'busy', word: 'Being changed' };
  const words: Record<DiskArray['status'], Verdict> = {
    waiting: { kind: 'busy', word: 'Starting' },
    running: { kind: 'good', word: 'Whole' },
    degraded: { kind: 'bad', word: 'Degraded' },
    foreign: { kind: 'quiet', word: 'Another machine’s' },
    stopped: { kind: 'quiet', word: 'Not started' },
    incomplete: { kind: 'bad', word: 'Incomplete' },
    failed: { kind: 'bad', word: 'Failed' },
  };
  return words[array.status];
}

export function memberVerdict(member: ArrayDisk): Verdict {
  const words: Record<ArrayDisk['state'], Verdict> = {
    good: { kind: 'good', word: 'Good' },
    rebuilding: { kind: 'busy', word: 'Being filled' },
    spare: { kind: 'quiet', word: 'Spare' },
    failed: { kind: 'bad', word: 'Failed' },
    missing: { kind: 'bad', word: 'Missing' },
    idle: { kind: 'quiet', word: 'Idle' },
    behind: { kind: 'bad', word: 'Behind' },
  };
  return words[member.state];
}

const actions: Record<string, string> = { resync: 'Members are made equal', recover: 'A disk is being filled', check: 'Members are compared', repair: 'Members are compared', reshape: 'Its form is changed' };

/** What an array does to be in order: how far it is, how fast, how long it takes yet. */
export function syncText(sync: NonNullable<DiskArray['sync']>): string {
  return [`${actions[sync.action] ?? sync.action}: ${sync.percent} %`, sync.kBps ? `${bytes(sync.kBps * 1000)}/s` : '', sync.leftMs ? `${span(sync.leftMs)} left` : '']
    .filter(Boolean)
    .join(' · ');
}

/** When an array's disks were compared last, and what that found; nothing where they were not yet. */
export function checkText(array: DiskArray, nowMs: number): string {
  if (array.checkedMs === undefined) return '';
  return `Its disks were compared ${ago(array.checkedMs, nowMs)}${array.differs ? `, and differ in ${array.differs} sectors` : ', and are equal'}.`;
}

/** Whether a disk can be given to an array: fixed, and neither a volume nor in use. */
export function canJoin(disk: Disk): boolean {
  return !disk.removable && !disk.usedBy && disk.bus !== 'array' && disk.operation?.status !== 'running' && (disk.use === 'blank' || disk.use === 'other' || disk.use === 'array');
}

export function survivesText(count: number): string {
  if (count === 0) return 'No disk may fail: one that does takes all with it.';
  return count === 1 ? 'Any one disk may fail.' : `Any ${count} disks may fail.`;
}
