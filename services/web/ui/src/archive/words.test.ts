import { expect, it } from 'vitest';
import type { CameraUsage, RecordingVolume } from '../api/model';
import { fullText, milliseconds, namesText, partsOf, reachText } from './words';

const volume: RecordingVolume = {
  id: 'a', name: 'A', status: 'ok', sizeBytes: 1000, freeBytes: 300, recordingBytes: 600, protectedBytes: 100, otherBytes: 100,
  segments: 6, limitPercent: 90, limitBytes: 900, warnPercent: 98, writeBps: 1, bytesPerDay: 10, retired: false,
};

it('divides a volume wholly among its parts', () => {
  const widths = (list: ReturnType<typeof partsOf>) => list.map((part) => [part.kind, part.bytes]);
  expect(widths(partsOf(volume))).toEqual([['recordings', 500], ['protected', 100], ['other', 100], ['free', 200], ['reserve', 100]]);
  expect(widths(partsOf({ ...volume, otherBytes: 350, freeBytes: 50, protectedBytes: 0 }))).toEqual([['recordings', 600], ['other', 350], ['reserve', 50]]);
});

it('says when it is full', () => {
  expect(fullText(12.3, 10)).toBe('full in 12 days at the present rate');
  expect(fullText(undefined, 10)).toContain('the oldest goes');
  expect(fullText(undefined, 0)).toBe('nothing is recorded');
  expect(fullText(undefined, 0, true)).toContain('too early');
});

it('says how far back a camera will reach', () => {
  const usage: CameraUsage = { camera: 'a', name: 'A', standardBytes: 1, alarmBytes: 0, protectedBytes: 0, bytesPerDay: 1, promise: 'ok' };
  expect(reachText(usage)).toBe('');
  expect(reachText({ ...usage, standardFitDays: 21.5, standardMinDays: 20 })).toBe('standard: will reach back 21 days, 20 promised');
  expect(reachText({ ...usage, standardFitDays: 5.25, alarmMinDays: 7 })).toBe('standard: will reach back 5.2 days; alarm: 7 days promised');
});

it('writes times of a disk, and names', () => {
  expect([0.42, 12.6, 2345].map(milliseconds)).toEqual(['0.4 ms', '13 ms', '2.3 s']);
  expect([['a'], ['a', 'b'], ['a', 'b', 'c', 'd']].map(namesText)).toEqual(['a', 'a and b', 'a, b and 2 more']);
});
