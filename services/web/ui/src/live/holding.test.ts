import { expect, it } from 'vitest';
import { Holding } from './holding';

/** Whether a decoder that gives each picture out only after `kept` others counts as one that holds back. */
function holds(kept: number, queued: (n: number) => number = () => 0): boolean {
  const holding = new Holding();
  let found = false;
  for (let n = 0; n < 200; n++) {
    holding.put();
    if (n >= kept && holding.got(queued(n))) found = true;
  }
  return found;
}

it('one that gives out each at once does not', () => expect(holds(0)).toBe(false));
it('one picture under way is none kept back', () => expect(holds(1)).toBe(false));
it('four pictures are', () => expect(holds(4)).toBe(true));
it('one that is behind with its work is not judged', () => expect(holds(4, () => 3)).toBe(false));
it('begins anew', () => {
  const holding = new Holding();
  for (let n = 0; n < 100; n++) holding.put();
  holding.reset();
  for (let n = 0; n < 100; n++) {
    holding.put();
    expect(holding.got(0)).toBe(false);
  }
});
