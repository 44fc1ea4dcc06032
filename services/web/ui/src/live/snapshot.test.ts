import { expect, it } from 'vitest';
import { stampText } from './snapshot';

// The tests' zone is Europe/Berlin.
it.each([
  [Date.UTC(2026, 0, 4, 5, 6, 7, 89), '2026-01-04 06:06:07.089 UTC+01:00'],
  [Date.UTC(2026, 6, 4, 22, 30, 0, 0), '2026-07-05 00:30:00.000 UTC+02:00'],
])('%d', (ms, text) => expect(stampText(ms)).toBe(text));
