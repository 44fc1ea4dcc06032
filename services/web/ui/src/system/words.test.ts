import { describe, expect, it } from 'vitest';
import type { IndexCopy, NetInterface, RecordingVolume, Status } from '../api/model';
import { interfaceVerdict, offsetText, serverList, takenUp, volumeVerdict } from './words';

it.each([
  [0.123, '+0.12 ms'],
  [-4.26, '−4.3 ms'],
  [250.4, '+250 ms'],
  [-61_000, '−61.0 s'],
])('offset %d', (offset, text) => expect(offsetText(offset)).toBe(text));

describe('interfaceVerdict', () => {
  const nic: NetInterface = { name: 'eth0', mac: '02:00:00:00:00:01', carrier: true, addresses: ['10.0.0.2/24'] };
  it.each([
    [nic, 'Up'],
    [{ ...nic, carrier: false }, 'No cable'],
    [{ ...nic, addresses: [] }, 'No address'],
    [{ ...nic, addresses: [], dhcp: { status: 'waiting' } }, 'Asking for an address'],
    [{ ...nic, addresses: [], dhcp: { status: 'failed' } }, 'No address'],
    [{ ...nic, disabled: true, carrier: false }, 'Switched off'],
    [{ ...nic, problem: 'The kernel refused it.' }, 'Does not work'],
    [{ ...nic, kind: 'bond', carrier: false }, 'No link'],
    [{ ...nic, addresses: [], bond: 'bond0', member: { active: true, link: 'up', failures: 0 } }, 'In use'],
    [{ ...nic, addresses: [], bond: 'bond0', member: { active: false, link: 'up', failures: 0 } }, 'Standing by'],
    [{ ...nic, addresses: [], bond: 'bond0', member: { active: false, link: 'down', failures: 1 } }, 'Link lost'],
  ] as const)('%o', (one, word) => expect(interfaceVerdict(one as NetInterface).word).toBe(word));
});

it('a failed mount outweighs what the engine believes', () => {
  const recording = { id: 'v', name: 'v', status: 'ok', sizeBytes: 1, freeBytes: 1, recordingBytes: 0, segments: 0, limitPercent: 90, writeBps: 0, retired: false, otherBytes: 0, limitBytes: 1, warnPercent: 98, bytesPerDay: 0 } as const;
  expect(volumeVerdict(recording, { id: 'v', name: 'v', path: '/v', status: 'failed' }).kind).toBe('bad');
  expect(volumeVerdict(recording, undefined).word).toBe('Recording');
  expect(volumeVerdict({ ...recording, retired: true }, undefined).word).toBe('Retired');
  expect(volumeVerdict({ ...recording, retired: true, status: 'degraded' }, undefined).kind).toBe('bad');
  expect(volumeVerdict(undefined, undefined).kind).toBe('busy');
});

it.each([
  ['', []],
  ['10.0.0.1', ['10.0.0.1']],
  [' a.example,b.example\n a.example ', ['a.example', 'b.example']],
])('servers %j', (text, list) => expect(serverList(text)).toEqual(list));

describe('takenUp', () => {
  const day = 86_400_000;
  const volume = (oldestMs?: number) => ({ oldestMs }) as RecordingVolume;
  const status = { bootMode: 'live', startedMs: 100 * day, clock: { nowMs: 100 * day + 1 } } as Pick<Status, 'bootMode' | 'startedMs' | 'clock'>;
  const found = { volumes: [volume(), volume(98 * day), volume(99 * day)], indexCopies: [{ snapshotMs: 5 }, { snapshotMs: 7 }, {}] as IndexCopy[] };
  it('counts from the oldest, begun days too, and knows the newest copy', () => expect(takenUp(status, found)).toEqual({ days: 3, copyMs: 7 }));
  it('is nothing once installed', () => expect(takenUp({ ...status, bootMode: 'installed' }, found)).toBeUndefined());
  it('is nothing of what it recorded itself', () => expect(takenUp(status, { ...found, volumes: [volume(100 * day)] })).toBeUndefined());
  it('is nothing without recordings', () => expect(takenUp(status, { volumes: [volume()], indexCopies: [] })).toBeUndefined());
  it('counts a day that has only begun', () => expect(takenUp(status, { volumes: [volume(100 * day - 1)], indexCopies: [] })).toEqual({ days: 1, copyMs: 0 }));
});
