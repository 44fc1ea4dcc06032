// How full the archive is, and what people had deleted, in words and widths.
import type { CameraUsage, Deletion, RecordingVolume, Repair, RepairRequest } from '../api/model';
import { daysText } from '../storage/usage';
import type { Verdict } from '../system/words';

/** A part of a bar: its width is that of `bytes` in the whole. */
export type Part = { kind: 'recordings' | 'protected' | 'other' | 'free' | 'reserve'; title: string; bytes: number };

/** What a volume is full of, in the order of the bar; parts without anything are left out. */
export function partsOf(volume: RecordingVolume): Part[] {
  const protectedBytes = Math.min(volume.protectedBytes ?? 0, volume.recordingBytes);
  const taken = volume.recordingBytes + volume.otherBytes;
  const usable = Math.max(0, Math.min(volume.freeBytes, volume.limitBytes - taken));
  const parts: Part[] = [
    { kind: 'recordings', title: 'Recordings', bytes: volume.recordingBytes - protectedBytes },
    { kind: 'protected', title: 'Protected', bytes: protectedBytes },
    { kind: 'other', title: 'Other', bytes: volume.otherBytes },
    { kind: 'free', title: 'Free', bytes: usable },
    { kind: 'reserve', title: 'Kept free', bytes: volume.freeBytes - usable },
  ];
  return parts.filter((part) => part.bytes > 0);
}

/** When a volume, or all of them, will be full at the present rate, which shows once files have been closed. */
export function fullText(daysLeft: number | undefined, bytesPerDay: number, writing = false): string {
  if (bytesPerDay <= 0) return writing ? 'too early to say how long it lasts' : 'nothing is recorded';
  if (daysLeft === undefined) return 'full: the oldest goes as the newest comes';
  return `full in ${daysText(daysLeft)} at the present rate`;
}

/** How far back a camera's recordings will reach, beside what is promised. */
export function reachText(usage: CameraUsage): string {
  const one = (days: number | undefined, min: number | undefined, what: string) => {
    if (days === undefined && !min) return '';
    const promised = min ? `, ${min} promised` : '';
    return days === undefined ? `${what}: ${min} days promised` : `${what}: will reach back ${daysText(days)}${promised}`;
  };
  return [one(usage.standardFitDays, usage.standardMinDays, 'standard'), one(usage.alarmFitDays, usage.alarmMinDays, 'alarm')].filter((text) => text !== '').join('; ');
}

export function milliseconds(ms: number): string {
  return ms >= 1000 ? `${(ms / 1000).toFixed(1)} s` : `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
}

export function deletionVerdict(one: Deletion): Verdict {
  const words: Record<Deletion['status'], Verdict> = {
    running: { kind: one.reason ? 'warn' : 'busy', word: one.reason ? 'Waiting' : 'Running' },
    done: { kind: 'good', word: 'Done' },
    stopped: { kind: 'quiet', word: 'Stopped' },
    incomplete: { kind: 'warn', word: 'Incomplete' },
  };
  return words[one.status];
}

export function filesText(count: number): string {
  return count === 1 ? '1 file' : `${count.toLocaleString('en')} files`;
}

/** Up to two names, and how many more there are. */
export function namesText(names: readonly string[]): string {
  if (names.length <= 2) return names.join(' and ');
  return `${names[0]}, ${names[1]} and ${names.length - 2} more`;
}

export const repairs: readonly { action: RepairRequest['action']; title: string; what: string; button: string }[] = [
  {
    action: 'check',
    title: 'Check',
    what: 'Reads the database in memory, all its copies on the disks, and the names of all files. Damaged copies are written anew; nothing else is changed.',
    button: 'Check',
  },
  {
    action: 'copies',
    title: 'Rebuild from copies',
    what: 'Builds the database in memory anew from the best copy on a disk, with all that was recorded since.',
    button: 'Rebuild',
  },
  {
    action: 'files',
    title: 'Rebuild from files',
    what: 'Looks into every recording on every disk, and puts the index right where it says something else. With many recordings this takes a while.',
    button: 'Rebuild',
  },
];

export function repairVerdict(repair: Repair): Verdict {
  if (repair.status === 'running') return { kind: 'busy', word: 'Running' };
  if (repair.status === 'failed') return { kind: 'bad', word: 'Broken off' };
  if (repair.findings.some((one) => one.kind === 'bad')) return { kind: 'warn', word: 'Something is wrong' };
  return { kind: 'good', word: repair.findings.some((one) => one.kind === 'mended') ? 'Put right' : 'All is well' };
}
