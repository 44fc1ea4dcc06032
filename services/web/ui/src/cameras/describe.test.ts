import { expect, it } from 'vitest';
import { rateText, trackText } from './describe';

it.each([
  [{ kind: 'video', codec: 'H.264', width: 1920, height: 1080 }, 'H.264 1920 × 1080'],
  [{ kind: 'video', codec: 'H.265' }, 'H.265'],
  [{ kind: 'audio', codec: 'AAC', sampleRateHz: 44_100, channels: 2 }, 'AAC 44.1 kHz stereo'],
  [{ kind: 'audio', codec: 'G.711', sampleRateHz: 8000, channels: 1 }, 'G.711 8 kHz mono'],
  [{ kind: 'audio', codec: 'AAC' }, 'AAC'],
] as const)('%o', (track, text) => expect(trackText(track)).toBe(text));

it.each([
  [25, '25 fps'],
  [24.97, '25 fps'],
  [12.5, '12.5 fps'],
])('%d', (rate, text) => expect(rateText(rate)).toBe(text));
