import { describe, expect, it } from 'vitest';
import { fragmentStartMs, timescales } from './mp4';

function box(type: string, ...content: (number[] | Uint8Array)[]): Uint8Array {
  const size = 8 + content.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(size);
  new DataView(bytes.buffer).setUint32(0, size);
  [...type].forEach((letter, index) => (bytes[4 + index] = letter.charCodeAt(0)));
  let at = 8;
  for (const part of content) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function u32(value: number): number[] {
  return [(value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255];
}

function u64(value: bigint): number[] {
  return [...u32(Number(value >> 32n)), ...u32(Number(value & 0xffffffffn))];
}

const zero4 = u32(0);

function trak(id: number, scale: number, version: 0 | 1): Uint8Array {
  const head = [version, 0, 0, 0];
  const times = version === 1 ? [...zero4, ...zero4, ...zero4, ...zero4] : [...zero4, ...zero4];
  return box('trak', box('tkhd', head, times, u32(id), zero4), box('mdia', box('mdhd', head, times, u32(scale), zero4)));
}

function traf(id: number, ticks: bigint, version: 0 | 1): Uint8Array {
  const time = version === 1 ? u64(ticks) : u32(Number(ticks));
  return box('traf', box('tfhd', zero4, u32(id)), box('tfdt', [version, 0, 0, 0], time));
}

const utcMs = 1_763_874_000_123n;
const init = box('ftyp', [...zero4]);
const moov = box('moov', box('mvhd', zero4), trak(1, 90_000, 0), trak(2, 48_000, 1));
const whole = new Uint8Array([...init, ...moov]);
const fragment = new Uint8Array([
  ...box('moof', box('mfhd', zero4), traf(1, utcMs * 90n, 1), traf(2, utcMs * 48n - 960n, 1)),
  ...box('mdat', [1, 2, 3]),
]);

describe('timescales', () => {
  it('reads both versions of the boxes', () => {
    expect([...timescales(whole.buffer)]).toEqual([
      [1, 90_000],
      [2, 48_000],
    ]);
  });
  it('finds none in what is no movie', () => expect(timescales(fragment.slice().buffer).size).toBe(0));
});

describe('fragmentStartMs', () => {
  it('takes the earliest track, in UTC', () => {
    expect(fragmentStartMs(fragment.slice().buffer, timescales(whole.buffer))).toBe(Number(utcMs) - 20);
  });
  it('knows 32-bit times', () => {
    const small = box('moof', traf(1, 180_000n, 0));
    expect(fragmentStartMs(small.slice().buffer, timescales(whole.buffer))).toBe(2000);
  });
  it('does not guess without the timescale', () => {
    expect(fragmentStartMs(fragment.slice().buffer, new Map())).toBeUndefined();
  });
});

it('takes any bytes', () => {
  // Deterministic mutations of good input: truncations and overwritten bytes.
  let seed = 1;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const scales = timescales(whole.buffer);
  for (let round = 0; round < 20_000; round++) {
    const source = round % 2 === 0 ? whole : fragment;
    const bytes = source.slice(0, random(source.length + 1));
    for (let edits = random(4); edits > 0 && bytes.length > 0; edits--) bytes[random(bytes.length)] = random(256);
    timescales(bytes.buffer);
    const startMs = fragmentStartMs(bytes.buffer, scales);
    if (startMs !== undefined) expect(startMs).toBeGreaterThanOrEqual(0);
  }
});
