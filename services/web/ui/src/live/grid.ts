// Tiles on a grid of cells: what a layout is while it is on the screen. All functions leave what they are given as it is.
import type { Layout } from '../api/model';

export type GridTile = Layout['tiles'][number];
export type Grid = { columns: number; rows: number; tiles: readonly GridTile[] };

export const maxSide = 8;

export function tileOf(camera: string, column: number, row: number): GridTile {
  return { kind: 'camera', camera, column, row, columns: 1, rows: 1 };
}

/** Cameras one after the other, in reading order. */
export function filled(cameras: readonly string[], columns: number, rows: number): Grid {
  return { columns, rows, tiles: cameras.slice(0, columns * rows).map((camera, index) => tileOf(camera, index % columns, Math.floor(index / columns))) };
}

/** Tiles in reading order: that of their numbers. */
export function ordered(grid: Grid): GridTile[] {
  return [...grid.tiles].sort((a, b) => a.row - b.row || a.column - b.column);
}

/** The tiles in reading order with names: the camera, and which of its tiles it is. */
export function named(grid: Grid): { tile: GridTile; camera: string; key: string }[] {
  const times = new Map<string, number>();
  return ordered(grid).flatMap((tile) => {
    if (!tile.camera) return [];
    const time = times.get(tile.camera) ?? 0;
    times.set(tile.camera, time + 1);
    return [{ tile, camera: tile.camera, key: time === 0 ? tile.camera : `${tile.camera}.${time}` }];
  });
}

/** The tile that covers a cell. */
export function tileAt(grid: Grid, column: number, row: number): GridTile | undefined {
  return grid.tiles.find((tile) => column >= tile.column && column < tile.column + tile.columns && row >= tile.row && row < tile.row + tile.rows);
}

/** Cells that no tile covers, in reading order. */
export function emptyCells(grid: Grid): { column: number; row: number }[] {
  const cells: { column: number; row: number }[] = [];
  for (let row = 0; row < grid.rows; row++) {
    for (let column = 0; column < grid.columns; column++) {
      if (!tileAt(grid, column, row)) cells.push({ column, row });
    }
  }
  return cells;
}

/** Puts a tile where a cell is; a tile that is there takes its place. Nothing happens where that does not fit. */
export function moved(grid: Grid, tile: GridTile, column: number, row: number): Grid {
  const other = tileAt(grid, column, row);
  if (other === tile) return grid;
  const at = other ? { column: other.column, row: other.row } : { column, row };
  const tiles = grid.tiles.map((one) => (one === tile ? { ...one, ...at } : one === other ? { ...one, column: tile.column, row: tile.row } : one));
  const next = { ...grid, tiles };
  return fits(next) ? next : grid;
}

export function without(grid: Grid, tile: GridTile): Grid {
  return { ...grid, tiles: grid.tiles.filter((one) => one !== tile) };
}

export function withCamera(grid: Grid, camera: string, column: number, row: number): Grid {
  return tileAt(grid, column, row) ? grid : { ...grid, tiles: [...grid.tiles, tileOf(camera, column, row)] };
}

/** The same tiles on another grid: where they are if that is possible, else in reading order as far as there is room. */
export function regridded(grid: Grid, columns: number, rows: number): Grid {
  const same = { columns, rows, tiles: grid.tiles };
  if (fits(same)) return same;
  const single = ordered(grid).flatMap((tile) => (tile.camera ? [tile.camera] : []));
  return filled(single, columns, rows);
}

function fits(grid: Grid): boolean {
  const taken = new Set<number>();
  for (const tile of grid.tiles) {
    if (tile.column + tile.columns > grid.columns || tile.row + tile.rows > grid.rows) return false;
    for (let row = tile.row; row < tile.row + tile.rows; row++) {
      for (let column = tile.column; column < tile.column + tile.columns; column++) {
        const cell = row * maxSide + column;
        if (taken.has(cell)) return false;
        taken.add(cell);
      }
    }
  }
  return true;
}

/** The tile that an arrow key leads to from `tile`: the nearest in that direction, `tile` itself when there is none. */
export function neighbour(grid: Grid, tile: GridTile, key: string): GridTile {
  const dx = key === 'ArrowLeft' ? -1 : key === 'ArrowRight' ? 1 : 0;
  const dy = key === 'ArrowUp' ? -1 : key === 'ArrowDown' ? 1 : 0;
  if (dx === 0 && dy === 0) return tile;
  let best = tile;
  let least = Infinity;
  for (const one of grid.tiles) {
    const along = (one.column - tile.column) * dx + (one.row - tile.row) * dy;
    const aside = Math.abs((one.column - tile.column) * dy) + Math.abs((one.row - tile.row) * dx);
    if (along > 0 && along + 4 * aside < least) {
      least = along + 4 * aside;
      best = one;
    }
  }
  if (best !== tile || dx === 0) return best;
  // At the end of a row reading goes on in the next one.
  const all = ordered(grid);
  return all[all.indexOf(tile) + dx] ?? tile;
}
