import { describe, expect, it } from 'vitest';
import { bestShape, pageOf, shapeOf } from './layout';

describe('bestShape', () => {
  it.each([
    [1, 1600, 900, 1, 1],
    [2, 1600, 900, 2, 1],
    [4, 1600, 900, 2, 2],
    [5, 1600, 900, 3, 2],
    [9, 1600, 900, 3, 3],
    [10, 1600, 900, 4, 3],
    [4, 400, 900, 1, 4],
    [3, 3200, 600, 3, 1],
    [0, 1600, 900, 1, 1],
  ])('%d tiles in %d × %d', (count, width, height, columns, rows) => {
    expect(bestShape(count, width, height)).toEqual({ columns, rows });
  });

  it('always has room for all', () => {
    for (let count = 1; count <= 64; count++) {
      const { columns, rows } = bestShape(count, 1920, 1080);
      expect(columns * rows).toBeGreaterThanOrEqual(count);
    }
  });

  it('is one that can be kept, however wide or high the window', () => {
    for (let count = 1; count <= 64; count++) {
      for (const [width, height] of [[9000, 500], [500, 9000]] as const) {
        const { columns, rows } = bestShape(count, width, height);
        expect(columns * rows).toBeGreaterThanOrEqual(count);
        expect(Math.max(columns, rows)).toBeLessThanOrEqual(8);
      }
    }
  });
});

it('a chosen number makes a square', () => expect(shapeOf(9, 2, 100, 100)).toEqual({ columns: 3, rows: 3 }));

describe('pageOf', () => {
  const items = [1, 2, 3, 4, 5, 6];
  it('cuts into pages', () => expect(pageOf(items, 4, 1)).toEqual({ shown: [5, 6], pages: 2, page: 1 }));
  it('stays inside when cameras go', () => expect(pageOf([1], 4, 3)).toEqual({ shown: [1], pages: 1, page: 0 }));
  it('has 64 on a page at most', () => expect(pageOf(Array.from({ length: 70 }, (_, n) => n), 'auto', 1)).toEqual({ shown: [64, 65, 66, 67, 68, 69], pages: 2, page: 1 }));
  it('shows all on auto', () => expect(pageOf(items, 'auto', 2).shown).toEqual(items));
});
