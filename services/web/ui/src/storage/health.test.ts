import { expect, it } from 'vitest';
import { healthFacts, healthLine, healthVerdict, hoursText, testText } from './health';

it('says how a disk is', () => {
  expect(healthVerdict({ status: 'failing' }).kind).toBe('bad');
  expect(healthVerdict({ status: 'ok', test: { percent: 5 } }).word).toBe('Testing itself');
  expect(healthLine({ status: 'ok', temperature: 0, wear: 3, hours: 20_000, asleep: true })).toBe('0 °C · 3 % used up · 2.3 years in service · asleep');
  expect(healthLine({ status: 'unknown' })).toBe('');
  expect(hoursText(47)).toBe('47 h in service');
  expect(hoursText(49)).toBe('2 days in service');
  expect(testText({ kind: 'long', percent: 40 })).toBe('Long self-test: 40 % done');
});

it('leaves out what a disk does not say, and keeps a zero', () => {
  const facts = healthFacts({ health: { status: 'ok' }, tests: [], canTest: false, byHour: [], byDay: [], pending: 0 });
  expect(facts.filter(([, value]) => value !== undefined)).toEqual([['Unreadable', '0 sectors']]);
});
