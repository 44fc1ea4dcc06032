import { describe, expect, it } from 'vitest';
import { emptyCells, filled, moved, named, neighbour, ordered, regridded, tileAt, withCamera, without, type Grid } from './grid';

const cameras = (grid: Grid) => ordered(grid).map((tile) => `${tile.camera}@${tile.column},${tile.row}`);
const four = filled(['a', 'b', 'c'], 2, 2);
const [a, b, c] = ordered(four) as [Grid['tiles'][0], Grid['tiles'][0], Grid['tiles'][0]];

describe('a grid', () => {
  it('is filled in reading order, as far as there is room', () => {
    expect(cameras(four)).toEqual(['a@0,0', 'b@1,0', 'c@0,1']);
    expect(filled(['a', 'b', 'c'], 1, 2).tiles).toHaveLength(2);
    expect(emptyCells(four)).toEqual([{ column: 1, row: 1 }]);
    expect(tileAt(four, 1, 1)).toBeUndefined();
  });

  it('lets tiles move to empty cells and change places', () => {
    expect(cameras(moved(four, a, 1, 1))).toEqual(['b@1,0', 'c@0,1', 'a@1,1']);
    expect(cameras(moved(four, a, 0, 1))).toEqual(['c@0,0', 'b@1,0', 'a@0,1']);
    expect(moved(four, a, 0, 0)).toBe(four);
    expect(cameras(four)).toEqual(['a@0,0', 'b@1,0', 'c@0,1']);
  });

  it('leaves everything as it is where a move does not fit', () => {
    const wide: Grid = { columns: 2, rows: 2, tiles: [{ ...a, columns: 2 }, c] };
    expect(moved(wide, c, 1, 0)).toMatchObject({ tiles: [{ row: 1, columns: 2 }, { row: 0 }] });
    const tall: Grid = { columns: 3, rows: 2, tiles: [{ ...a, rows: 2 }, { ...b, column: 2, row: 1 }] };
    const other = tall.tiles[1] as (typeof tall.tiles)[0];
    expect(moved(tall, other, 0, 0)).toBe(tall);
  });

  it('names each tile, of one camera too', () => expect(named(filled(['a', 'b', 'a'], 2, 2)).map(({ key }) => key)).toEqual(['a', 'b', 'a.1']));

  it('takes and gives up cameras', () => {
    expect(cameras(without(four, b))).toEqual(['a@0,0', 'c@0,1']);
    expect(cameras(withCamera(four, 'd', 1, 1))).toEqual(['a@0,0', 'b@1,0', 'c@0,1', 'd@1,1']);
    expect(withCamera(four, 'd', 0, 0)).toBe(four);
  });

  it('keeps tiles in place on a larger grid, and in order on a smaller one', () => {
    expect(cameras(regridded(four, 3, 3))).toEqual(['a@0,0', 'b@1,0', 'c@0,1']);
    expect(cameras(regridded(four, 1, 2))).toEqual(['a@0,0', 'b@0,1']);
  });
});

describe('neighbour', () => {
  it.each([
    ['ArrowRight', a, 'b'],
    ['ArrowDown', a, 'c'],
    ['ArrowUp', a, 'a'],
    ['ArrowRight', b, 'c'],
    ['ArrowLeft', c, 'b'],
    ['ArrowDown', b, 'c'],
    ['Enter', a, 'a'],
  ])('%s', (key, from, to) => expect(neighbour(four, from, key).camera).toBe(to));
});
