import { expect, it } from 'vitest';
import { codecNames } from './support';

it.each([
  ['video/mp4; codecs="avc1.640028,mp4a.40.2"', ['H.264', 'AAC']],
  ['video/mp4; codecs="hvc1.1.6.L120.90, fLaC"', ['H.265', 'FLAC']],
  ['video/mp4; codecs=av01.0.04M.08', ['av01.0.04M.08']],
  ['video/mp4', []],
])('%s', (mime, names) => expect(codecNames(mime)).toEqual(names));
