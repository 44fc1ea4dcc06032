import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Digits } from './digits';

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

describe('Digits', () => {
  it.each([
    ['at once where there are few tiles', [3], 9, [3]],
    ['0 at once', [0], 64, [0]],
    ['two digits of many tiles', [1, 2], 64, [12]],
    ['a digit alone, after a while', [4, -1], 64, [4]],
    ['what no longer can become one begins anew', [6, 9], 64, [9]],
    ['9 at once, as there are no 90', [9], 64, [9]],
  ])('%s', (_, keys, most, numbers) => {
    const got: number[] = [];
    const digits = new Digits((number) => got.push(number));
    for (const key of keys) {
      if (key < 0) vi.advanceTimersByTime(1000);
      else digits.press(key, most);
    }
    expect(got).toEqual(numbers);
  });
});
