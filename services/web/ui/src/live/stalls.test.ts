import { expect, it } from 'vitest';
import { Stalls } from './stalls';

/** Whether a stream whose messages come at these gaps counts as one that is held up. */
function heldUp(gaps: readonly number[]): boolean {
  const stalls = new Stalls();
  let now = 0;
  return gaps.map((gap) => stalls.arrived((now += gap))).includes(true);
}
const steady = (count: number, gap: number) => Array.from({ length: count }, () => gap);

it('an even stream is not', () => expect(heldUp(steady(5000, 40))).toBe(false));
it('one with few pictures is not', () => expect(heldUp(steady(200, 2000))).toBe(false));
it('one pause is none', () => expect(heldUp([...steady(100, 40), 5000, ...steady(100, 40)])).toBe(false));
it('pauses again and again are', () => expect(heldUp([...steady(100, 40), 900, ...steady(50, 40), 1200, ...steady(50, 40), 800])).toBe(true));
it('pauses minutes apart are not', () => expect(heldUp([...steady(100, 40), 900, ...steady(2000, 40), 900, ...steady(2000, 40), 900])).toBe(false));
