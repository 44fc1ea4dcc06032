import { expect, it } from 'vitest';
import type { Holiday } from '../api/model';
import { holidayProblem, inOrder, nextDate } from './holidays';

const day = (date: string, yearly = false): Holiday => ({ date, name: date, yearly });

it('takes a date once only, a yearly one for every year', () => {
  expect(holidayProblem([day('2026-12-25', true), day('2026-05-01')])).toBeUndefined();
  expect(holidayProblem([day('2026-12-25'), day('2027-12-25')])).toBeUndefined();
  expect(holidayProblem([day('2026-12-25', true), day('2027-12-25')])?.at).toBe(1);
  expect(holidayProblem([day('')])?.at).toBe(0);
});

it('knows when a holiday comes next', () => {
  expect(nextDate(day('2020-12-25', true), '2026-11-26')).toBe('2026-12-25');
  expect(nextDate(day('2020-01-01', true), '2026-11-26')).toBe('2027-01-01');
  expect(nextDate(day('2026-11-26'), '2026-11-26')).toBe('2026-11-26');
  expect(nextDate(day('2026-11-25'), '2026-11-26')).toBeUndefined();
  expect(nextDate(day('2024-02-29', true), '2026-11-26')).toBe('2028-02-29');
});

it('lists what comes first, and what is past at the end', () => {
  const list = [day('2026-01-01'), day('2027-04-05'), day('2000-12-25', true)];
  expect(inOrder(list, '2026-11-26').map((one) => one.date)).toEqual(['2000-12-25', '2027-04-05', '2026-01-01']);
});
