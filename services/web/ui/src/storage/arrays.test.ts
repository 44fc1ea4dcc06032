import { expect, it } from 'vitest';
import type { Disk } from '../api/model';
import { arrayVerdict, canJoin, checkText, memberVerdict, survivesText, syncText } from './arrays';

it('says how an array and its disks are', () => {
  expect(arrayVerdict({ id: 'u', name: 'n', level: 'RAID 5', status: 'degraded', members: [] }).kind).toBe('bad');
  expect(arrayVerdict({ id: 'u', name: 'n', level: 'RAID 5', status: 'running', members: [], operation: { name: 'add', status: 'running' } }).word).toBe('Being changed');
  expect(memberVerdict({ state: 'missing' }).word).toBe('Missing');
  expect(syncText({ action: 'recover', percent: 12, kBps: 90_000, leftMs: 3_600_000 })).toBe('A disk is being filled: 12 % · 90 MB/s · 1 h left');
  expect(syncText({ action: 'check', percent: 0 })).toBe('Members are compared: 0 %');
  const array = { id: 'u', name: 'n', level: 'RAID 5', status: 'running', members: [], checkedMs: 0 } as const;
  expect(checkText({ ...array, checkedMs: undefined, members: [] }, 9)).toBe('');
  expect(checkText({ ...array, members: [] }, 7_200_000)).toBe('Its disks were compared 2 h ago, and are equal.');
  expect(checkText({ ...array, members: [], differs: 8 }, 7_200_000)).toContain('differ in 8 sectors');
  expect(survivesText(0)).toContain('No disk');
  expect(survivesText(2)).toBe('Any 2 disks may fail.');
});

it('offers only disks that nobody needs', () => {
  const disk: Disk = { id: 'd', model: 'M', serial: 'S', sizeBytes: 1, use: 'blank' };
  expect(canJoin(disk)).toBe(true);
  expect(canJoin({ ...disk, removable: true })).toBe(false);
  expect(canJoin({ ...disk, use: 'array', usedBy: ['an array that runs'] })).toBe(false);
  expect(canJoin({ ...disk, bus: 'array' })).toBe(false);
  for (const use of ['volume', 'boot', 'busy'] as const) expect(canJoin({ ...disk, use })).toBe(false);
});
