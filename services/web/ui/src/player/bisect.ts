/** A search for the instant at which something had happened: not yet at `fromMs`, already at `toMs`. */
export type Hunt = { fromMs: number; toMs: number; answers: number };

/** Nearer than one picture to the next nothing can be told apart. */
const closeMs = 20;

export function begin(fromMs: number, toMs: number): Hunt {
  return { fromMs, toMs: Math.max(fromMs + closeMs, toMs), answers: 0 };
}

/** The instant to look at next. */
export function middle(hunt: Hunt): number {
  return (hunt.fromMs + hunt.toMs) / 2;
}

/** Takes in what somebody saw at an instant; one outside of the search starts it anew on that side. */
export function answer(hunt: Hunt, ms: number, already: boolean): Hunt {
  const answers = hunt.answers + 1;
  if (already) return { fromMs: Math.min(hunt.fromMs, ms - closeMs), toMs: ms, answers };
  return { fromMs: ms, toMs: Math.max(hunt.toMs, ms + closeMs), answers };
}

/** Whether it has been found: the two ends are neighbouring pictures, or as good as. `frameMs` is from one picture to the next. */
export function found(hunt: Hunt, frameMs: number): boolean {
  return hunt.toMs - hunt.fromMs <= Math.max(closeMs, frameMs * 1.5);
}

/** How many answers are left, at most. */
export function left(hunt: Hunt, frameMs: number): number {
  return Math.max(0, Math.ceil(Math.log2((hunt.toMs - hunt.fromMs) / Math.max(closeMs, frameMs * 1.5))));
}
