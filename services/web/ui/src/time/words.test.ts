import { expect, it } from 'vitest';
import { microseconds, serverVerdict, stepText, timesOfDay } from './words';
import type { TimeServer } from '../api/model';

it.each([
  [0.4, '0 µs'],
  [999, '999 µs'],
  [1500, '1.5 ms'],
  [25_400, '25 ms'],
  [1_500_000, '1.5 s'],
])('%d µs', (count, text) => expect(microseconds(count)).toBe(text));

it.each([
  [0, 3_600_000, '1 h forward'],
  [5000, 4400, '600 ms back'],
  [0, 61_000, '1 min 1 s forward'],
  [12_500, 0, '12.5 s back'],
])('from %d to %d', (beforeMs, afterMs, text) => expect(stepText({ beforeMs, afterMs })).toBe(text));

it.each([
  ['', []],
  ['15:00, 3:30', ['03:30', '15:00']],
  ['3:30\n03:30;noon', ['03:30', 'noon']],
])('times %j', (text, list) => expect(timesOfDay(text)).toEqual(list));

it('a server that cannot listen is not on', () => {
  const server: TimeServer = {
    settings: { enabled: true }, stratum: 3, leap: 'none', rootDelayUs: 1, rootDispersionUs: 1, referenceId: '0a4d0001',
    requests: 0, answered: 0, limited: 0, ignored: 0, clientCount: 0, clients: [],
  };
  expect(serverVerdict(server).word).toBe('On');
  expect(serverVerdict({ ...server, leap: 'unsynchronised', stratum: 16 }).kind).toBe('warn');
  expect(serverVerdict({ ...server, problem: 'in use' }).kind).toBe('bad');
  expect(serverVerdict({ ...server, problem: 'in use', settings: { enabled: false } }).word).toBe('Off');
});
