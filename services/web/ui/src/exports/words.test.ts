import { describe, expect, it } from 'vitest';
import type { Export } from '../api/model';
import { contents, groups, progress, splitOf, splits, targets, verdict } from './words';

const base: Export = { id: 'x', cameras: [{ id: 'a', name: 'Door' }], stream: 'main', container: 'mkv', fromMs: 0, toMs: 1, by: 'ann', createdMs: 0, status: 'ready' };

describe('exports in words', () => {
  it('knows what every choice of pieces means', () => {
    expect(splits.map((one) => splitOf(one.value))).toEqual([{}, { splitMinutes: 15 }, { splitMinutes: 60 }, { splitMinutes: 240 }, { splitBytes: 650_000_000 }, { splitBytes: 4_000_000_000 }]);
  });

  it('says how far one has come, and nothing when none runs', () => {
    expect(progress({ ...base, status: 'running', sizeBytes: 2_000_000_000, doneBytes: 500_000_000, bytesPerSecond: 50_000_000, remainingMs: 30_000 })).toBe('500 MB of 2 GB · 50 MB/s · 30 s left');
    expect(progress({ ...base, status: 'running', sizeBytes: 2_000_000 })).toBe('0 B of 2 MB');
    expect(progress({ ...base, sizeBytes: 2_000_000 })).toBe('');
  });

  it('says what it consists of', () => {
    expect(contents(base)).toBe('');
    expect(contents({ ...base, sizeBytes: 1000, fileCount: 1 })).toBe('1 file, 1 kB');
    expect(contents({ ...base, sizeBytes: 1000, fileCount: 3 })).toBe('3 files, 1 kB');
    expect(verdict({ ...base, status: 'failed' }).kind).toBe('bad');
  });

  it('groups a fingerprint', () => {
    expect(groups('0123456789ab')).toBe('0123 4567 89ab');
  });
});

it('offers the browser and the USB disks that can be written to', () => {
  const stick = { id: 'u', name: 'STICK', filesystem: 'exFAT', sizeBytes: 64_000_000_000, freeBytes: 12_000_000_000, status: 'mounted' } as const;
  expect(targets([stick, { ...stick, id: 'v', status: 'present' }, { ...stick, id: 'w', status: 'ejected' }]).map((one) => one.value)).toEqual(['', 'u', 'v']);
  expect(targets([stick])[1]?.text).toContain('12');
  expect(verdict({ ...base, status: 'done', medium: { id: 'u', name: 'STICK' } }).text).toBe('On STICK');
  expect(verdict({ ...base, status: 'running', medium: { id: 'u', name: 'STICK' } }).text).toBe('Being written');
});
