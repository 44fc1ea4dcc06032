import type { Gops, Place } from './gops';

/** Memory for decoded pictures of one camera. */
const budgetBytes = 160 << 20;
const fewest = 6;
const most = 90;
/** Decoders give a picture out when some that follow are in, too. */
const ahead = 14;
const keptBehind = 4;
/** So many decoded ones are enough to run on. */
const readyAhead = 5;

/**
 * Pictures to decode, the most urgent first, and those to keep if they are there. `enough`: so many of them decoded will do
 * for now. `last`: nothing will be asked for that comes after them.
 */
export type Lot = { wanted: Place[]; keep: Place[]; enough: number; last: boolean };

/** How many decoded pictures of a size may be held at a time, when so many cameras are on show. */
export function capacity(width: number, height: number, cameras: number): number {
  const bytes = Math.max(1, width * height * 1.5);
  return Math.min(most, Math.max(fewest, Math.floor(budgetBytes / Math.max(1, cameras) / bytes)));
}

/** Of how many pictures one is shown at a rate: a screen shows no more. */
export function strideAt(rate: number): number {
  return Math.max(1, Math.floor(Math.abs(rate) / 2));
}

/** The picture that stands for this one: of each GOP the first, and then every `stride`-th. */
export function snapped(place: Place, stride: number): Place {
  return { gop: place.gop, index: place.index - (place.index % stride) };
}

/**
 * Chooses which pictures to have decoded around the one on show. Forwards these are the next few. Backwards they come in
 * large lots, for each lot costs the decoding of its GOP from the keyframe on: a new one is asked for when a third of the
 * last is left.
 */
export class Window {
  private lowest: Place | undefined;

  around(gops: Gops, place: Place, direction: 1 | -1, size: number, stride = 1): Lot {
    return direction > 0 ? this.forwards(gops, place, size, stride) : this.backwards(gops, place, size, stride);
  }

  private forwards(gops: Gops, place: Place, size: number, stride: number): Lot {
    this.lowest = undefined;
    const count = Math.min(ahead, size - 1) + 1;
    const wanted = walk(gops, place, stride, count);
    return { wanted, keep: walk(gops, place, -stride, Math.min(keptBehind, size - wanted.length) + 1), enough: readyAhead, last: false };
  }

  private backwards(gops: Gops, place: Place, size: number, stride: number): Lot {
    const held = walk(gops, place, -stride, size);
    const known = this.lowest ? held.findIndex((one) => same(one, this.lowest as Place)) : -1;
    if (known < 0 || known < size / 3) this.lowest = held.at(-1);
    const count = known < 0 || known < size / 3 ? held.length : known + 1;
    return { wanted: held.slice(0, count), keep: walk(gops, place, stride, 2), enough: Infinity, last: true };
  }
}

function same(one: Place, other: Place): boolean {
  return one.gop === other.gop && one.index === other.index;
}

function walk(gops: Gops, from: Place, by: number, count: number): Place[] {
  const stride = Math.abs(by);
  const found: Place[] = [];
  let place = from;
  while (found.length < count) {
    found.push(place);
    const step = gops.step(place, by);
    if (step.rest !== 0) break;
    place = snapped(step.place, stride);
  }
  return found;
}
