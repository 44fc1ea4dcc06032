import { expect, test } from 'vitest';
import { nextAt, partsOf } from './image';

function image(used: number, seal: number): Blob {
  const bytes = new Uint8Array(Math.ceil(used / 4096) * 4096 + seal).fill(7);
  new DataView(bytes.buffer).setBigUint64(40, BigInt(used), true);
  bytes.fill(9, Math.ceil(used / 4096) * 4096);
  return new Blob([bytes]);
}

test('the parts of an update are its head and its seal', async () => {
  for (const used of [96, 4096, 10_000]) {
    const parts = await partsOf(image(used, 8192));
    const bytes = new Uint8Array((await parts?.arrayBuffer()) ?? new ArrayBuffer(0));
    expect(bytes.length).toBe(96 + 8192);
    expect(bytes[95]).toBe(7);
    expect(bytes.slice(96).every((one) => one === 9)).toBe(true);
  }
});

test('what is no update is not sent', async () => {
  for (const blob of [new Blob([]), new Blob(['x'.repeat(50)]), new Blob(['x'.repeat(50_000)]), image(10_000, 0), image(200, 100_000)]) expect(await partsOf(blob)).toBe(undefined);
});

test('a time of day is the next one', () => {
  const now = new Date(2026, 10, 26, 22, 0, 0).getTime();
  expect(nextAt('23:30', now)).toBe(new Date(2026, 10, 26, 23, 30).getTime());
  expect(nextAt('03:30', now)).toBe(new Date(2026, 10, 27, 3, 30).getTime());
  expect(nextAt('22:00', now)).toBe(new Date(2026, 10, 27, 22, 0).getTime());
  for (const wrong of ['', '24:00', '3:30', 'soon']) expect(nextAt(wrong, now)).toBe(undefined);
});
