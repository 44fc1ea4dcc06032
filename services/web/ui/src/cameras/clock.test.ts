import { expect, it } from 'vitest';
import { clockText, driftText } from './clock';

it('says whose clock counts and how far it is off', () => {
  expect(clockText({ source: 'rtcp', offsetMs: -12.4 })).toBe("Camera's clock, −12 ms");
  expect(clockText({ source: 'arrival' })).toBe('Arrival');
  expect(clockText(undefined)).toBeUndefined();
});

it('says drift and jitter as far as they are known', () => {
  expect(driftText({ source: 'rtcp', driftPpm: 3.21, jitterUs: 1800 })).toBe('+3.2 ppm, jitter 1.8 ms');
  expect(driftText({ source: 'rtcp', driftPpm: -0.4 })).toBe('−0.4 ppm');
  expect(driftText({ source: 'arrival' })).toBeUndefined();
});
