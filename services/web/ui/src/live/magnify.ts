/** A part of a picture: magnified `scale` times, with `x`, `y` (shares of its size) in the upper left corner. */
export type Magnified = { scale: number; x: number; y: number };

export const whole: Magnified = { scale: 1, x: 0, y: 0 };
export const maxScale = 16;

function within({ scale, x, y }: Magnified): Magnified {
  const bounded = Math.min(maxScale, Math.max(1, scale));
  // Nearly the whole picture is the whole picture: a wheel seldom comes back to where it began.
  if (bounded < 1.02) return whole;
  const last = 1 - 1 / bounded;
  return { scale: bounded, x: Math.min(last, Math.max(0, x)), y: Math.min(last, Math.max(0, y)) };
}

/** Magnified `factor` times more about a point of the tile (shares of its size): what is there stays there. */
export function zoomed(from: Magnified, factor: number, px: number, py: number): Magnified {
  const scale = Math.min(maxScale, Math.max(1, from.scale * factor));
  return within({ scale, x: from.x + px / from.scale - px / scale, y: from.y + py / from.scale - py / scale });
}

/** Moved along by shares of the tile's size. */
export function panned(from: Magnified, dx: number, dy: number): Magnified {
  return within({ ...from, x: from.x - dx / from.scale, y: from.y - dy / from.scale });
}

/** As CSS for an element that fills the tile, whose transform-origin is its upper left corner. */
export function transformOf({ scale, x, y }: Magnified): string {
  return scale === 1 ? '' : `scale(${scale}) translate(${-x * 100}%, ${-y * 100}%)`;
}

type Point = { x: number; y: number };

/** What two fingers did between two moments, in shares of the tile's size. */
export function pinched(from: Magnified, before: [Point, Point], after: [Point, Point]): Magnified {
  const spread = ([a, b]: [Point, Point]) => Math.hypot(a.x - b.x, a.y - b.y);
  const middle = ([a, b]: [Point, Point]) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  const [was, is] = [middle(before), middle(after)];
  const factor = spread(before) > 0 ? spread(after) / spread(before) : 1;
  return panned(zoomed(from, factor, was.x, was.y), is.x - was.x, is.y - was.y);
}
