export type Shape = { columns: number; rows: number };

/** How many tiles to show at once; `auto` means all. */
export type Choice = 'auto' | 1 | 4 | 9 | 16 | 25 | 36 | 49 | 64;
export const choices: readonly Choice[] = ['auto', 1, 4, 9, 16, 25, 36, 49, 64];

/** More than this at once nobody can look at, and no browser can show. */
const most = 64;

const aspect = 16 / 9;

/** Cells in a row or column: those of a layout that can be kept. */
const maxSide = 8;

/** The grid for `count` tiles in which a 16:9 picture comes out largest in a box of this size; the wider one of equals. */
export function bestShape(count: number, width: number, height: number): Shape {
  let best: Shape = { columns: 1, rows: Math.max(1, count) };
  let bestWidth = 0;
  for (let columns = Math.max(1, Math.ceil(count / maxSide)); columns <= Math.min(maxSide, Math.max(1, count)); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const pictureWidth = Math.min(width / columns, (height / rows) * aspect);
    if (pictureWidth >= bestWidth - 0.5) {
      bestWidth = pictureWidth;
      best = { columns, rows };
    }
  }
  return best;
}

export function shapeOf(choice: Choice, count: number, width: number, height: number): Shape {
  if (choice === 'auto') return bestShape(count, width, height);
  const side = Math.sqrt(choice);
  return { columns: side, rows: side };
}

/** Items of one page, and how many pages there are (one at least). */
export function pageOf<T>(items: readonly T[], choice: Choice, page: number): { shown: T[]; pages: number; page: number } {
  const size = choice === 'auto' ? most : choice;
  const pages = Math.max(1, Math.ceil(items.length / size));
  const at = Math.min(Math.max(0, page), pages - 1);
  return { shown: items.slice(at * size, (at + 1) * size), pages, page: at };
}
