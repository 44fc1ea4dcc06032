import { expect, it } from 'vitest';
import { Clock } from './clock';

it('runs, stands and runs backwards', () => {
  const clock = new Clock();
  clock.set(5_000_000, 100);
  expect(clock.at(900)).toBe(5_000_000);
  clock.run(true, 1000);
  expect(clock.at(1500)).toBe(5_500_000);
  clock.setRate(-4, 1500);
  expect(clock.at(1750)).toBe(4_500_000);
  clock.run(false, 1750);
  expect(clock.at(9000)).toBe(4_500_000);
  clock.set(1, 9000);
  clock.run(true, 9000);
  expect(clock.at(9001)).toBe(1 - 4000);
});
