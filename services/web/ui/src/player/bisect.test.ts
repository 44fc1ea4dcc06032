import { describe, expect, it } from 'vitest';
import { answer, begin, found, left, middle } from './bisect';

describe('a search', () => {
  it.each([1, 1234, 43_199_999, 86_399_000])('finds %d ms into a day in twenty answers or so', (into) => {
    const start = 1_795_000_000_000;
    const instant = start + into;
    let hunt = begin(start, start + 86_400_000);
    expect(left(hunt, 40)).toBe(21);
    while (!found(hunt, 40)) {
      const ms = middle(hunt);
      hunt = answer(hunt, ms, ms >= instant);
      expect(hunt.answers).toBeLessThan(25);
    }
    expect(Math.abs(hunt.toMs - instant)).toBeLessThanOrEqual(60);
    expect(left(hunt, 40)).toBe(0);
  });
  it('takes an answer from outside', () => {
    expect(answer(begin(1000, 2000), 500, true)).toEqual({ fromMs: 480, toMs: 500, answers: 1 });
    expect(answer(begin(1000, 2000), 5000, false)).toEqual({ fromMs: 5000, toMs: 5020, answers: 1 });
  });
});
