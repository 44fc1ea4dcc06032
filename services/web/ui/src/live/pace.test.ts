import { describe, expect, it } from 'vitest';
import { Pacer } from './pace';

/** Delays after pictures of 25 a second, the nth of which is ready `late(n)` ms after its instant. */
function delays(count: number, late: (n: number) => number): number[] {
  const pacer = new Pacer();
  return Array.from({ length: count }, (_, n) => {
    pacer.arrived(1e6 + n * 40 + late(n), n * 40);
    return pacer.delayMs - 1e6;
  });
}

describe('Pacer', () => {
  it('waits for no more than the way takes where that is always the same', () => {
    expect(delays(100, () => 30).at(-1)).toBe(30);
  });

  it('waits for nine in ten of pictures that come unevenly', () => {
    expect(delays(200, (n) => 20 + (n % 10) * 4).at(-1)).toBe(56);
  });

  it('does not hold all back for a few that come very late', () => {
    expect(delays(200, (n) => (n % 20 === 0 ? 400 : 20)).at(-1)).toBe(20);
    expect(delays(200, (n) => (n % 3 === 0 ? 400 : 20)).at(-1)).toBe(20);
  });

  it('is at the edge at once after the pictures that a ring had kept', () => {
    // Fifty at once, the first of them two seconds old; then they come as they are made.
    const all = delays(100, (n) => (n < 50 ? (50 - n) * 40 : 20));
    expect(all[51]).toBeLessThanOrEqual(100);
    expect(all.at(-1)).toBe(20);
  });

  it('forgets a stall', () => {
    const all = delays(500, (n) => (n >= 100 && n < 150 ? 20 + (150 - n) * 40 : 20));
    expect(all.at(-1)).toBe(20);
  });

  it('does not creep within an hour', () => {
    const all = delays(90_000, (n) => 20 + (n % 7) * 3);
    expect(all.at(-1)).toBe(all[500]);
  });

  it('follows a clock that is set, whichever way', () => {
    expect(delays(300, (n) => (n < 100 ? 20 : 3_600_020)).at(-1)).toBe(3_600_020);
    expect(delays(300, (n) => (n < 100 ? 20 : -3_600_000)).at(-1)).toBe(-3_600_000);
  });
});
