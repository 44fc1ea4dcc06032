import { expect, it } from 'vitest';
import { untilOf } from './until';

const now = new Date(2026, 2, 28, 15, 0).getTime();

it('ends after days, at the midnight after a date, or not at all', () => {
  expect(untilOf('', '', now)).toBeUndefined();
  expect(untilOf('30', '', now)).toBe(new Date(2026, 3, 27).getTime());
  expect(untilOf('date', '2026-03-29', now)).toBe(new Date(2026, 2, 30).getTime());
  expect(untilOf('date', '2026-03-28', now)).toBe(new Date(2026, 2, 29).getTime());
});

it('takes no date that is past or none at all', () => {
  expect(untilOf('date', '2026-03-27', now)).toBeNull();
  expect(untilOf('date', '', now)).toBeNull();
});
