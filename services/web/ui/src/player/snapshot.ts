/** Offers the picture on show as a PNG file; false when there is none. */
export async function saveSnapshot(picture: HTMLCanvasElement, name: string): Promise<boolean> {
  if (picture.dataset.pictureMs === undefined) return false;
  const blob = await new Promise<Blob | null>((resolve) => picture.toBlob(resolve, 'image/png'));
  if (!blob) return false;
  const address = URL.createObjectURL(blob);
  const link = document.createElement('a');
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000);
  return true;
}

/** A file name that says camera and instant, of characters every file system takes. */
export function snapshotName(camera: string, ms: number): string {
  const safe = camera.replace(/[^\p{L}\p{N}._-]+/gu, '-').replace(/^-+|-+$/g, '') || 'camera';
  const stamp = new Date(ms).toISOString().replace(/[:.]/g, '-').replace('T', '_');
  return `${safe}_${stamp}.png`;
}
