import { expect, it } from 'vitest';
import { powerPhase, type PowerPhase } from './power';

it.each<[string, [boolean, boolean][], PowerPhase]>([
  ['it still answers', [[false, false]], 'ending'],
  ['it is gone', [[false, false], [true, false]], 'away'],
  ['web was away for a moment, the machine was not', [[true, false], [false, false]], 'away'],
  ['it is back', [[true, false], [false, true]], 'back'],
  ['nobody saw it go', [[false, true]], 'back'],
  ['what it does later is another matter', [[false, true], [true, true]], 'back'],
])('%s', (_, seen, want) => {
  expect(seen.reduce<PowerPhase>((was, [away, since]) => powerPhase(was, away, since), 'ending')).toBe(want);
});
