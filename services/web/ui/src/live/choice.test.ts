import { expect, it } from 'vitest';
import type { StreamName } from '../api/model';
import { streamFor } from './choice';

const small = { hasSub: true, solo: false, widthPx: 400, unplayable: [] as StreamName[] };

it('plays the small stream in small tiles only', () => {
  expect(streamFor(small)).toBe('sub');
  expect(streamFor({ ...small, widthPx: 900 })).toBe('main');
  expect(streamFor({ ...small, solo: true })).toBe('main');
  expect(streamFor({ ...small, hasSub: false })).toBe('main');
});

it('plays what the browser can', () => {
  expect(streamFor({ ...small, solo: true, unplayable: ['main'] })).toBe('sub');
  expect(streamFor({ ...small, unplayable: ['sub'] })).toBe('main');
  expect(streamFor({ ...small, unplayable: ['sub', 'main'] })).toBe('main');
  expect(streamFor({ ...small, hasSub: false, unplayable: ['main'] })).toBe('main');
});
