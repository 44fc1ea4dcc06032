import { expect, it } from 'vitest';
import { instantOf } from './rtc';

it.each([0, 250, -40, 3_600_000])('finds the instant %d ms ago', (ago) => {
  for (const nowMs of [1_795_675_000_123, 1_795_700_000_000, 1_795_721_858_000]) {
    const instant = nowMs - ago;
    expect(instantOf((instant * 90) % 2 ** 32, nowMs)).toBeCloseTo(instant, 1);
  }
});
