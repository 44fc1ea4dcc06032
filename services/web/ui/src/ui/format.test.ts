import { describe, expect, it } from 'vitest';
import { ago, bitrate, bytes, percent, span } from './format';

describe('span', () => {
  it.each([
    [0, 'less than 1 s'],
    [12_300, '12 s'],
    [59_900, '1 min'],
    [61_000, '1 min 1 s'],
    [3_600_000, '1 h'],
    [11_520_000, '3 h 12 min'],
    [180_000_000, '2 days 2 h'],
    [-5, 'less than 1 s'],
  ])('%d ms', (ms, text) => expect(span(ms)).toBe(text));
});

describe('ago', () => {
  it('does not count what has only just been', () => expect(ago(1000, 2000)).toBe('just now'));
  it('counts the rest', () => expect(ago(0, 90_000)).toBe('1 min 30 s ago'));
});

describe('bytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1 kB'],
    [1_234_567, '1.23 MB'],
    [999_999, '1 MB'],
    [12_000_000_000, '12 GB'],
    [456_700_000_000, '457 GB'],
    [8.001e12, '8 TB'],
  ])('%d', (count, text) => expect(bytes(count)).toBe(text));
});

it('bitrate', () => expect(bitrate(4_018_000)).toBe('4.02 Mbit/s'));
it('percent of nothing is not a number', () => expect(percent(1, 0)).toBe('–'));
