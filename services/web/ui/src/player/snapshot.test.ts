import { expect, it } from 'vitest';
import { snapshotName } from './snapshot';

it.each([
  ['Gate 1', 'Gate-1_2025-11-23_05-00-00-123Z.png'],
  ['../../etc/Tür', '..-..-etc-Tür_2025-11-23_05-00-00-123Z.png'],
  ['///', 'camera_2025-11-23_05-00-00-123Z.png'],
])('%s', (camera, name) => expect(snapshotName(camera, 1_763_874_000_123)).toBe(name));
