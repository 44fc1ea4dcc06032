import { describe, expect, it } from 'vitest';
import type { Disk, Volume, VolumeCheck } from '../api/model';
import { canRepair, checkLine, diskLine, sinceText, volumeWord } from './volumes';

const volume: Volume = { id: 'v', name: 'Gate', path: '/volumes/v', status: 'mounted', disk: 'd' };
const failure = { cause: 'gone', sinceMs: 1_700_000_000_000, serial: 'WD-1', slot: 'port 3', steps: ['Look.'] } as const;

describe('volumeWord', () => {
  it.each([
    [volume, 'good', 'In use'],
    [{ ...volume, status: 'unmounted' }, 'quiet', 'Unmounted'],
    [{ ...volume, status: 'unmounted', operation: { name: 'check', status: 'running' } }, 'busy', 'Being checked'],
    [{ ...volume, operation: { name: 'check', status: 'done' } }, 'good', 'In use'],
    [{ ...volume, status: 'failed', failure }, 'bad', 'Disk gone'],
    [{ ...volume, status: 'failed' }, 'bad', 'Failed'],
    [{ ...volume, status: 'readonly' }, 'bad', 'Read only'],
    [{ ...volume, status: 'readonly', machine: 'vigie-1' }, 'quiet', 'Only read'],
  ] as const)('%o', (one, kind, word) => expect(volumeWord(one as unknown as Volume)).toEqual({ kind, word }));
});

it('says since when', () => {
  expect(sinceText({ ...failure, steps: [] }, 1_700_000_060_000)).toMatch(/^Since /);
  expect(sinceText({ ...failure, cause: 'missing', steps: [] }, 1_700_000_060_000)).toMatch(/^Last seen/);
});

it('knows the disk, and where it was', () => {
  const disk = { id: 'd', model: 'Red', serial: 'WD-1', sizeBytes: 1, use: 'volume', slot: 'port 1' } as Disk;
  expect(diskLine(volume, [disk])).toBe('Red · WD-1 · port 1');
  expect(diskLine({ ...volume, disk: undefined, failure: { ...failure, steps: [] } }, [])).toBe('WD-1 · port 3');
  expect(diskLine(volume, [])).toBe('');
});

it('a repair follows what a check found', () => {
  const check: VolumeCheck = { kind: 'check', result: 'damaged', atMs: 1_700_000_000_000, tookMs: 5, findings: 2, message: 'It is damaged.' };
  expect(canRepair(check)).toBe(true);
  expect(canRepair({ ...check, result: 'clean' })).toBe(false);
  expect(canRepair({ ...check, kind: 'repair', result: 'repaired' })).toBe(false);
  expect(canRepair({ ...check, kind: 'repair', result: 'failed' })).toBe(true);
  expect(canRepair(undefined)).toBe(false);
  expect(checkLine(check, 1_700_000_060_000)).toMatch(/^Checked .*: It is damaged\.$/);
});
