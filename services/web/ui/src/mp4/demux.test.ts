import { describe, expect, it } from 'vitest';
import { BoxCutter } from './cutter';
import { samplesOf, tracksOf } from './demux';

type Part = number[];

const u16 = (value: number): Part => [(value >> 8) & 255, value & 255];
const u32 = (value: number): Part => [(value >>> 24) & 255, (value >> 16) & 255, (value >> 8) & 255, value & 255];
const u64 = (value: number): Part => [...u32(Math.floor(value / 2 ** 32)), ...u32(value % 2 ** 32)];
const zeros = (count: number): Part => new Array<number>(count).fill(0);
const box = (type: string, ...parts: Part[]): Part => {
  const body = parts.flat();
  return [...u32(8 + body.length), ...[...type].map((letter) => letter.charCodeAt(0)), ...body];
};
const bytesOf = (...parts: Part[]) => new Uint8Array(parts.flat());

const track = (id: number, scale: number, header: string, entry: Part) =>
  box(
    'trak',
    box('tkhd', u32(0), zeros(8), u32(id)),
    box('mdia', box('mdhd', u32(0), zeros(8), u32(scale)), box('minf', box(header, u32(0)), box('stbl', box('stsd', u32(0), u32(1), entry)))),
  );
const picture = box('avc1', zeros(24), u16(640), u16(360), zeros(50), box('avcC', [1, 0x64, 0, 0x28]));
const sound = box('fLaC', zeros(16), u16(1), u16(16), zeros(4), u32(8000 * 65536), box('dfLa', u32(0), [0x80, 0, 0, 2, 7, 7]));
const aac = box('mp4a', zeros(16), u16(2), u16(16), zeros(4), u32(48000 * 65536), box('esds', u32(0), [3, 0x80, 0x80, 0x80, 22, 0, 1, 0, 4, 17], zeros(13), [5, 2, 0x11, 0x90]));
const init = bytesOf(box('ftyp'), box('moov', track(1, 90000, 'vmhd', picture), track(2, 8000, 'smhd', sound), track(3, 48000, 'smhd', aac)));

const fragment = (id: number, at: number, samples: [duration: number, flags: number, shift: number, bytes: Part][]) => {
  const traf = (offset: number) =>
    box(
      'traf',
      box('tfhd', u32(0x020000), u32(id)),
      box('tfdt', u32(0x01000000), u64(at)),
      box('trun', u32(0x01000f01), u32(samples.length), u32(offset), ...samples.map(([duration, flags, shift, bytes]) => [...u32(duration), ...u32(bytes.length), ...u32(flags), ...u32(shift)])),
    );
  const moof = (offset: number) => box('moof', box('mfhd', u32(0), u32(1)), traf(offset));
  return [...moof(moof(0).length + 8), ...box('mdat', ...samples.map(([, , , bytes]) => bytes))];
};
const utc = 1_795_675_000 * 90_000;
const message = bytesOf(fragment(1, utc, [[3600, 0x02000000, 0, [1, 2, 3]], [3600, 0x01010000, -90, [4]]]), fragment(2, 8000, [[160, 0x02000000, 0, [5, 6]]]));

const tracks = tracksOf(init, 'video/mp4; codecs="avc1.640028,flac,mp4a.40.2"');

describe('demux', () => {
  it('reads what decoders want to know', () => {
    expect(tracks).toMatchObject([
      { id: 1, kind: 'video', codec: 'avc1.640028', timescale: 90000, width: 640, height: 360, description: new Uint8Array([1, 0x64, 0, 0x28]) },
      { id: 2, kind: 'audio', codec: 'flac', timescale: 8000, channels: 1, sampleRate: 8000, description: new Uint8Array([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, 2, 7, 7]) },
      { id: 3, kind: 'audio', codec: 'mp4a.40.2', channels: 2, sampleRate: 48000, description: new Uint8Array([0x11, 0x90]) },
    ]);
  });

  it('reads every sample of every fragment', () => {
    const [video, sound] = tracks;
    expect(samplesOf(message, tracks).map(({ data, ...rest }) => ({ ...rest, data: [...data] }))).toEqual([
      { track: video, key: true, timeUs: 1_795_675_000_000_000, durationUs: 40_000, data: [1, 2, 3] },
      { track: video, key: false, timeUs: 1_795_675_000_039_000, durationUs: 40_000, data: [4] },
      { track: sound, key: true, timeUs: 1_000_000, durationUs: 20_000, data: [5, 6] },
    ]);
  });

  it('gives samples of the tracks asked for', () => {
    expect(samplesOf(message, tracks.slice(1))).toHaveLength(1);
    expect(samplesOf(message, [])).toEqual([]);
  });

  it('counts tracks that it does not understand', () => {
    const odd = bytesOf(box('moov', box('trak', box('tkhd')), track(2, 8000, 'smhd', sound)));
    expect(tracksOf(odd, 'video/mp4; codecs="av01,flac"')).toMatchObject([{ id: 2, codec: 'flac' }]);
  });
});

/** Numbers that are the same in each run. */
function chance(seed: number): (below: number) => number {
  return (below) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
}

describe('of any bytes', () => {
  it('tracks and samples are taken without harm', () => {
    const random = chance(1);
    for (const whole of [init, message]) {
      for (let turn = 0; turn < 5000; turn++) {
        const bytes = whole.slice(0, whole.length - (turn % 3 === 0 ? random(whole.length) : 0));
        for (let change = random(4); change >= 0 && bytes.length > 0; change--) bytes[random(bytes.length)] = random(3) === 0 ? 255 : random(256);
        tracksOf(bytes, 'video/mp4');
        for (const { data, timeUs } of samplesOf(bytes, tracks)) {
          expect(data.byteOffset + data.byteLength).toBeLessThanOrEqual(bytes.length);
          expect(timeUs).not.toBeNaN();
        }
      }
    }
  });

  it('the cutter gives out what it was given, however that was cut, and stops at what is no box', () => {
    const random = chance(2);
    const whole = bytesOf([...init], [...message], [...message]);
    for (let turn = 0; turn < 2000; turn++) {
      const bytes = whole.slice();
      if (turn % 2 === 1) for (let change = random(3); change >= 0; change--) bytes[random(bytes.length)] = random(256);
      const cutter = new BoxCutter();
      const out: number[] = [];
      for (let at = 0; at < bytes.length; ) {
        const next = Math.min(bytes.length, at + 1 + random(turn % 4 === 0 ? 9 : 200));
        for (const [, box] of cutter.push(bytes.slice(at, next))) {
          for (const byte of box) out.push(byte);
        }
        at = next;
      }
      expect(out).toEqual([...bytes.subarray(0, out.length)]);
      if (turn % 2 === 0) expect(out).toHaveLength(bytes.length);
    }
  });
});
