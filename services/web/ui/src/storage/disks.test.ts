import { expect, it } from 'vitest';
import type { Disk } from '../api/model';
import { canFormat, diskContents, diskKind, diskVerdict } from './disks';

const disk: Disk = { id: 'd', model: 'M', serial: 'S', sizeBytes: 4e12, use: 'blank', bus: 'sata', rotational: true, slot: 'port 3' };

it('says what a disk is and where it is plugged in', () => {
  expect(diskKind(disk)).toBe('4 TB · SATA · hard disk · port 3');
  expect(diskKind({ ...disk, use: 'boot', bus: 'usb', slot: undefined, removable: true })).toBe('4 TB · USB · removable');
});

it('a running operation says more than what the disk was', () => {
  const running: Disk = { ...disk, operation: { name: 'format', status: 'running' } };
  expect(diskVerdict(running).word).toBe('Being formatted');
  expect(diskVerdict({ ...running, operation: { name: 'format', status: 'done' }, use: 'volume' }).word).toBe('Data volume');
  expect(canFormat(running)).toBe(false);
});

it('knows its volume by name, and what else is on it by what was found', () => {
  const volume = { id: 'v', name: 'Data 1', path: '/v', status: 'mounted' } as const;
  expect(diskContents({ ...disk, use: 'volume', volume: 'v' }, [volume])).toBe('Volume Data 1');
  expect(diskContents({ ...disk, contents: 'ext4 file system "films"' }, [volume])).toBe('ext4 file system "films"');
});

it('what is in use, ours or the medium that Vigie came from is not offered for formatting', () => {
  expect(canFormat(disk)).toBe(true);
  expect(canFormat({ ...disk, use: 'other' })).toBe(true);
  expect(canFormat({ ...disk, use: 'array', usedBy: ['an array that runs'] })).toBe(false);
  for (const use of ['volume', 'boot', 'busy'] as const) expect(canFormat({ ...disk, use })).toBe(false);
});
