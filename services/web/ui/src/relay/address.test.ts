import { expect, test } from 'vitest';
import { fingerprint, relayAddress } from './address';

test('the usual ports are left out', () => {
  expect(relayAddress('vigie.lan', 554, false, 'k3f9x2ab', 'main')).toBe('rtsp://vigie.lan/live/k3f9x2ab/main');
  expect(relayAddress('[fd00::1]', 8554, false, 'k3f9x2ab', 'sub')).toBe('rtsp://[fd00::1]:8554/live/k3f9x2ab/sub');
  expect(relayAddress('10.0.0.2', 322, true, 'k3f9x2ab', 'main', 'recordings')).toBe('rtsps://10.0.0.2/recordings/k3f9x2ab/main');
  expect(relayAddress('10.0.0.2', 554, true, 'k3f9x2ab', 'main')).toBe('rtsps://10.0.0.2:554/live/k3f9x2ab/main');
});

test('a fingerprint is read in pairs', () => {
  expect(fingerprint('00ffab')).toBe('00:FF:AB');
  expect(fingerprint('')).toBe('');
});
