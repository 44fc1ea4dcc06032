import { jpegCodec, videoConfig } from '../mp4/demux';
import { unsupported } from '../mse/support';
import type { Format } from './format';

/** How recordings get onto the screen: picture by picture (WebCodecs), by the browser's own player, or not at all. */
export type Way = 'pictures' | 'player' | 'none';

const known = new Map<string, Way>();
const asked = new Map<string, Promise<void>>();

/** The way for a format; undefined while the browser is being asked, after which `then` is called. */
export function wayOf(format: Format, then: () => void): Way | undefined {
  const way = known.get(format.key);
  if (way) return way;
  let question = asked.get(format.key);
  if (!question) {
    question = ask(format).then((answer) => {
      known.set(format.key, answer);
      asked.delete(format.key);
    });
    asked.set(format.key, question);
    void question.then(then);
  }
  return undefined;
}

async function ask(format: Format): Promise<Way> {
  if (format.video.codec === jpegCodec) return 'pictures';
  if (canDecode()) {
    try {
      if ((await VideoDecoder.isConfigSupported(videoConfig(format.video))).supported) return 'pictures';
    } catch {
      // A configuration that it does not even understand.
    }
  }
  return unsupported(format.mime) === '' ? 'player' : 'none';
}

/** Whether this browser can decode single pictures: WebCodecs are there on secure pages only. */
export function canDecode(): boolean {
  return typeof VideoDecoder !== 'undefined';
}

export const madeNotice = 'This browser cannot decode this recording: the appliance makes pictures of it, of 1280 × 720 at most.';

/** Why the browser's own player has to do, and what cannot be had with it. */
export function playerNotice(): string {
  const why = canDecode()
    ? 'This browser cannot decode this recording picture by picture.'
    : isSecureContext
      ? 'This browser cannot decode single pictures (it has no WebCodecs).'
      : 'Browsers decode single pictures on secure pages only: open the appliance with https.';
  return `${why} Its own player is used: single steps and playing backwards are slow, and there is nothing above 16×.`;
}
