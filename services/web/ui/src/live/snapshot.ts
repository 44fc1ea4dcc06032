import { snapshotName } from '../player/snapshot';

export type SnapshotType = 'png' | 'jpeg';

/** `2026-03-04 05:06:07.089 UTC+01:00`: unmistakable wherever the picture turns up. */
export function stampText(ms: number): string {
  const date = new Date(ms);
  const offset = -date.getTimezoneOffset();
  const two = (value: number) => String(value).padStart(2, '0');
  const zone = offset === 0 ? 'UTC' : `UTC${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`;
  return (
    `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ` +
    `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${String(date.getMilliseconds()).padStart(3, '0')} ${zone}`
  );
}

/**
 * Offers a picture as a file: in full size, with camera and time in a strip below it, so that nothing of the picture is
 * hidden. False when there is no picture.
 */
export async function saveLiveSnapshot(source: HTMLVideoElement | HTMLCanvasElement, camera: string, ms: number, type: SnapshotType): Promise<boolean> {
  const [width, height] = source instanceof HTMLVideoElement ? [source.videoWidth, source.videoHeight] : [source.width, source.height];
  if (width === 0 || height === 0) return false;
  const size = Math.max(11, Math.round(width / 60));
  const strip = size * 2;
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height + strip;
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return false;
  context.drawImage(source, 0, 0, width, height);
  context.fillStyle = '#000';
  context.fillRect(0, height, width, strip);
  context.fillStyle = '#fff';
  context.font = `${size}px sans-serif`;
  context.textBaseline = 'middle';
  const time = stampText(ms);
  const timeWidth = context.measureText(time).width;
  const middle = height + strip / 2;
  context.fillText(time, width - timeWidth - size / 2, middle);
  context.fillText(camera, size / 2, middle, Math.max(1, width - timeWidth - size * 2));
  const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, `image/${type}`, 0.92));
  if (!blob) return false;
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = snapshotName(camera, ms).replace(/png$/, type === 'jpeg' ? 'jpg' : 'png');
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return true;
}
