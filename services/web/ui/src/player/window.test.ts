import { describe, expect, it } from 'vitest';
import type { Sample, Track } from '../mp4/demux';
import type { Format } from './format';
import { gopOf, Gops, type Gop, type Place } from './gops';
import { capacity, snapped, strideAt, Window } from './window';

const track: Track = { id: 1, kind: 'video', codec: 'avc1.640028', timescale: 90_000, description: undefined, width: 640, height: 360, sampleRate: 0, channels: 0 };
const format: Format = { mime: 'video/mp4', key: 'a', init: new Uint8Array(), video: track, audio: undefined };

function gops(count: number, frames: number): Gops {
  const all = new Gops();
  for (let n = 0; n < count; n++) {
    const video = Array.from({ length: frames }, (_, at): Sample => ({ track, timeUs: (n * frames + at) * 40_000, durationUs: 40_000, key: at === 0, data: new Uint8Array(1) }));
    all.put(gopOf(format, video, [], false) as Gop);
  }
  return all;
}

const numbers = (places: Place[]) => places.map(({ gop, index }) => (gop.shown[index] as Sample).timeUs / 40_000);

describe('forwards', () => {
  it('wants the next ones, over the border of a GOP', () => {
    const all = gops(3, 25);
    const { wanted, last } = new Window().around(all, all.placeAt(20 * 40_000) as Place, 1, 60);
    expect(numbers(wanted)).toEqual(Array.from({ length: 15 }, (_, n) => 20 + n));
    expect(last).toBe(false);
  });
  it('fast only those that are shown', () => {
    const all = gops(3, 25);
    const { wanted } = new Window().around(all, snapped(all.placeAt(22 * 40_000) as Place, strideAt(8)), 1, 6, strideAt(8));
    expect(numbers(wanted)).toEqual([20, 24, 25, 29, 33, 37]);
  });
});

it('backwards a new lot is asked for only when a third is left', () => {
  const all = gops(1, 100);
  const window = new Window();
  const lowest = (at: number) => numbers(window.around(all, all.placeAt(at * 40_000) as Place, -1, 30).wanted).at(-1);
  expect(window.around(all, all.placeAt(90 * 40_000) as Place, -1, 30).last).toBe(true);
  expect(lowest(90)).toBe(61);
  expect(lowest(80)).toBe(61);
  expect(lowest(71)).toBe(61);
  expect(lowest(70)).toBe(41);
});

describe('capacity', () => {
  it('is bounded both ways', () => {
    expect(capacity(320, 240, 1)).toBe(90);
    expect(capacity(3840, 2160, 16)).toBe(6);
  });
  it('holds a GOP of a second in full HD', () => expect(capacity(1920, 1080, 1)).toBeGreaterThanOrEqual(50));
});
