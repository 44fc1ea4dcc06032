import { describe, expect, it } from 'vitest';
import { maxScale, panned, pinched, transformOf, whole, zoomed, type Magnified } from './magnify';

/** Which point of the picture (shares) is at a point of the tile. */
const at = (m: Magnified, px: number, py: number) => ({ x: m.x + px / m.scale, y: m.y + py / m.scale });

describe('the magnifier', () => {
  it('keeps what is under the pointer there', () => {
    const before = zoomed(whole, 2, 0.5, 0.5);
    const after = zoomed(before, 1.7, 0.3, 0.8);
    expect(at(after, 0.3, 0.8).x).toBeCloseTo(at(before, 0.3, 0.8).x, 10);
    expect(at(after, 0.3, 0.8).y).toBeCloseTo(at(before, 0.3, 0.8).y, 10);
  });

  it('never shows what is beside the picture', () => {
    for (let turn = 0, m = whole; turn < 500; turn++) {
      m = turn % 3 === 0 ? panned(m, Math.sin(turn) * 2, Math.cos(turn * 7)) : zoomed(m, turn % 2 ? 1.4 : 0.75, (turn % 10) / 10, (turn % 7) / 7);
      expect(m.scale).toBeGreaterThanOrEqual(1);
      expect(m.scale).toBeLessThanOrEqual(maxScale);
      expect(Math.min(m.x, m.y)).toBeGreaterThanOrEqual(0);
      expect(Math.max(m.x, m.y) + 1 / m.scale).toBeLessThanOrEqual(1 + 1e-9);
    }
  });

  it('comes back to the whole picture', () => {
    expect(zoomed(zoomed(whole, 3, 1, 0), 0.3, 0, 1)).toEqual(whole);
    expect(transformOf(whole)).toBe('');
  });

  it('follows two fingers', () => {
    const m = pinched(whole, [{ x: 0.4, y: 0.5 }, { x: 0.6, y: 0.5 }], [{ x: 0.3, y: 0.5 }, { x: 0.7, y: 0.5 }]);
    expect(m.scale).toBeCloseTo(2, 10);
    expect(at(m, 0.5, 0.5).x).toBeCloseTo(0.5, 10);
    expect(pinched(m, [{ x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }], [{ x: 0.4, y: 0.5 }, { x: 0.6, y: 0.5 }]).scale).toBeCloseTo(2, 10);
  });

  it('is drawn as a scale and a move', () => expect(transformOf({ scale: 2, x: 0.25, y: 0.5 })).toBe('scale(2) translate(-25%, -50%)'));
});
