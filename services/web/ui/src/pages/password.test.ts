import { describe, expect, it } from 'vitest';
import { strength } from './password';

describe('strength', () => {
  it('says how many characters are missing', () => {
    expect(strength('short')).toEqual({ score: 0, hint: '5 more characters needed.' });
    expect(strength('ninechars')).toEqual({ score: 0, hint: '1 more character needed.' });
  });

  it('counts characters, not code units', () => {
    expect(strength('😀😀😀😀😀😀').score).toBe(0);
  });

  it.each([
    ['aaaaaaaaaaaaaa', 1],
    ['1234567890', 1],
    ['password123', 1],
    ['blue kettle', 2],
    ['tram lemon violin 7', 3],
    ['kV9$wq2!Lm#x', 3],
  ])('rates %s', (password, score) => {
    expect(strength(password).score).toBe(score);
  });

  it('thinks little of the user name', () => {
    expect(strength('marguerite5', 'marguerite').score).toBe(1);
  });
});
