import { expect, it } from 'vitest';
import { Backoff } from './backoff';

it('doubles up to a limit and starts over', () => {
  const backoff = new Backoff(() => 0.5);
  const waits = Array.from({ length: 8 }, () => backoff.next());
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
  backoff.reset();
  expect(backoff.next()).toBe(500);
});

it('spreads by a quarter each way', () => {
  expect(new Backoff(() => 0).next()).toBe(375);
  expect(new Backoff(() => 1).next()).toBe(625);
});
