import { expect, it } from 'vitest';
import type { CameraUsage } from '../api/model';
import { daysKept, daysText, inOrder } from './usage';

const usage = (name: string, standardBytes: number, promise: CameraUsage['promise']): CameraUsage => ({ camera: name, name, standardBytes, alarmBytes: 1, protectedBytes: 0, bytesPerDay: 1, promise });

it('says how far back recordings reach', () => {
  const now = 100 * 86_400_000;
  expect(daysText(daysKept({ ...usage('a', 0, 'ok'), oldestMs: now - 3_600_000 * 5 }, now))).toBe('5 h');
  expect(daysText(daysKept({ ...usage('a', 0, 'ok'), oldestMs: now - 3_600_000 * 60 }, now))).toBe('2.5 days');
  expect(daysText(daysKept({ ...usage('a', 0, 'ok'), oldestMs: now - 86_400_000 * 30.9 }, now))).toBe('30 days');
  expect(daysText(daysKept(usage('a', 0, 'ok'), now))).toBe('–');
});

it('puts first what matters for the order', () => {
  const list = [usage('b', 5, 'ok'), usage('a', 1, 'broken'), usage('c', 9, 'warning')];
  expect(inOrder(list, 'name').map((one) => one.name)).toEqual(['a', 'b', 'c']);
  expect(inOrder(list, 'bytes').map((one) => one.name)).toEqual(['c', 'b', 'a']);
  expect(inOrder(list, 'promise').map((one) => one.name)).toEqual(['a', 'c', 'b']);
});
