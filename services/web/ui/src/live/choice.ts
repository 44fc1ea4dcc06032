import type { StreamName } from '../api/model';

/** A tile that is no wider than this, in pixels of the screen, has no use for the large stream. */
const smallPx = 640;

export type Circumstances = {
  hasSub: boolean;
  /** Shown alone. */
  solo: boolean;
  widthPx: number;
  /** Streams of the camera that this browser cannot play. */
  unplayable: readonly StreamName[];
};

/** Which stream of a camera a tile plays: the small one for small tiles, and where the browser cannot play the other. */
export function streamFor({ hasSub, solo, widthPx, unplayable }: Circumstances): StreamName {
  if (!hasSub || unplayable.includes('sub')) return 'main';
  if (unplayable.includes('main')) return 'sub';
  return !solo && widthPx <= smallPx ? 'sub' : 'main';
}
