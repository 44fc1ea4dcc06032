import { describe, expect, it } from 'vitest';
import type { NetInterface } from '../api/model';
import { interfaceVerdict, offsetText, serverList, volumeVerdict } from './words';

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
