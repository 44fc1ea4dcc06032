import { describe, expect, it } from 'vitest';
import type { Sample, Track } from '../mp4/demux';
import type { Format } from './format';
import { gopOf, Gops, type Gop } from './gops';

const track: Track = { id: 1, kind: 'video', codec: 'avc1.640028', timescale: 90_000, description: undefined, width: 640, height: 360, sampleRate: 0, channels: 0 };
const format: Format = { mime: 'video/mp4', key: 'a', init: new Uint8Array(), video: track, audio: undefined };
const frameUs = 40_000;

/** A GOP of frames 40 ms apart. */
function gop(startMs: number, frames: number, open = false): Gop {
  const video = Array.from({ length: frames }, (_, n): Sample => ({ track, timeUs: startMs * 1000 + n * frameUs, durationUs: frameUs, key: n === 0, data: new Uint8Array(10) }));
  return gopOf(format, video, [], open) as Gop;
}

function filled(): Gops {
  const gops = new Gops();
  for (const start of [2000, 0, 1000]) gops.put(gop(start, 25));
  gops.addHole(3_000_100, 9_999_000); // as rounded by the appliance
  gops.put(gop(10_000, 25));
  return gops;
}

describe('placeAt', () => {
  it.each([
    [0, 0, 0],
    [39_999, 0, 0],
    [40_000, 0, 1],
    [999_999, 0, 24],
    [1_000_000, 1_000_000, 0],
    [2_520_000, 2_000_000, 13],
  ])('%d', (us, start, index) => {
    const place = filled().placeAt(us);
    expect([place?.gop.startUs, place?.index]).toEqual([start, index]);
  });
  it('is nowhere in a hole', () => {
    const gops = filled();
    expect(gops.placeAt(5_000_000)).toBeUndefined();
    expect(gops.holeAt(5_000_000)).toEqual({ fromUs: 3_000_000, toUs: 10_000_000 });
    // The edges of the hole are those of the pictures: no instant lies between.
    expect(gops.placeAt(2_999_999)?.index).toBe(24);
    expect(gops.holeAt(3_000_000)).toBeDefined();
    expect(gops.placeAt(10_000_000)?.index).toBe(0);
  });
});

describe('step', () => {
  it('goes over the borders of GOPs, both ways', () => {
    const gops = filled();
    const from = gops.placeAt(960_000);
    if (!from) throw new Error('no picture');
    const on = gops.step(from, 2);
    expect([on.place.gop.startUs, on.place.index, on.rest]).toEqual([1_000_000, 1, 0]);
    const back = gops.step(on.place, -26);
    expect([back.place.gop.startUs, back.place.index, back.rest]).toEqual([0, 0, 0]);
  });
  it('stops at a hole and says how far it was', () => {
    const gops = filled();
    const from = gops.placeAt(2_920_000);
    if (!from) throw new Error('no picture');
    const on = gops.step(from, 5);
    expect([on.place.gop.startUs, on.place.index, on.rest]).toEqual([2_000_000, 24, 4]);
  });
});

describe('reach', () => {
  it('counts pictures, not holes', () => expect(filled().reach(500_000, 1)).toEqual({ us: 11_000_000, pictureUs: 3_500_000 }));
  it('goes back', () => expect(filled().reach(10_500_000, -1)).toEqual({ us: 0, pictureUs: 3_500_000 }));
  it('knows that there is nothing before', () => {
    const gops = filled();
    gops.addHole(-Infinity, 0);
    expect(gops.reach(500_000, -1).us).toBe(-Infinity);
  });
  it('ends at a GOP that may grow', () => {
    const gops = new Gops();
    gops.put(gop(0, 10, true));
    expect(gops.reach(0, 1)).toEqual({ us: 400_000, pictureUs: 400_000 });
  });
});

describe('a growing GOP', () => {
  it('stays the same object, with the samples it had', () => {
    const gops = new Gops();
    const first = gops.put(gop(0, 10, true));
    const sample = first.video[3];
    const again = gops.put(gop(0, 25));
    expect(again).toBe(first);
    expect(again.video).toHaveLength(25);
    expect(again.video[3]).toBe(sample);
    expect(again.open).toBe(false);
  });
  it('takes what the camera sends once', () => {
    const gops = new Gops();
    const live = gops.put(gop(1000, 3, true));
    const more = gop(1000, 6).video;
    gops.grow(live, more.slice(2), []);
    expect(live.shown.map((one) => one.timeUs)).toEqual([0, 1, 2, 3, 4, 5].map((n) => 1_000_000 + n * frameUs));
  });
});

it('forgets what is farthest from where it is used', () => {
  const gops = new Gops(1000);
  for (let n = 0; n < 10; n++) gops.put(gop(n * 1000, 25));
  gops.trim(2_500_000);
  expect(gops.at(2_500_000)).toBeDefined();
  expect(gops.at(9_500_000)).toBeUndefined();
});
