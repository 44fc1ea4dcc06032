import { liveAddress } from '../api/client';
import type { LiveMessage, StreamName } from '../api/model';
import { samplesOf } from '../mp4/demux';
import { formatOf, type Format } from './format';
import { gopOf, type Gop, type Gops } from './gops';

/**
 * Adds what a camera sends now to what was recorded: both have the same times, so playing goes from one into the other
 * without a seam. It begins at the newest keyframe; what was recorded up to there the Loader brings.
 */
export class Tap {
  private readonly socket: WebSocket;
  private mime = '';
  private initNext = false;
  private format: Format | undefined;
  /** The GOP that grows. */
  gop: Gop | undefined;
  ended = false;

  constructor(
    camera: string,
    stream: StreamName,
    private readonly gops: Gops,
    private readonly onNews: () => void,
  ) {
    this.socket = new WebSocket(liveAddress(camera, stream, true, 'mp4'));
    this.socket.binaryType = 'arraybuffer';
    this.socket.onmessage = (event) => {
      if (typeof event.data === 'string') this.onText(event.data);
      else if (event.data instanceof ArrayBuffer) this.onBytes(new Uint8Array(event.data));
    };
    this.socket.onclose = () => {
      this.ended = true;
      this.gop = undefined;
      this.onNews();
    };
  }

  close(): void {
    this.ended = true;
    this.socket.close();
  }

  private onText(text: string): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(text) as LiveMessage;
    } catch {
      return; // not for this client
    }
    if (message.type !== 'init' || !message.mime) return;
    this.mime = message.mime;
    this.initNext = true;
  }

  private onBytes(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.ended) return;
    if (this.initNext) {
      this.initNext = false;
      this.format = formatOf(bytes, this.mime);
      this.gop = undefined;
      if (!this.format) this.close();
      return;
    }
    const { format } = this;
    if (!format) return;
    const samples = samplesOf(bytes, format.audio ? [format.video, format.audio] : [format.video]);
    // A message mostly holds one picture; when this page was slow it may hold several, with keyframes among them.
    const video = samples.filter((sample) => sample.track === format.video);
    const starts = video.flatMap((sample, index) => (sample.key ? [index] : []));
    const before = video.slice(0, starts[0] ?? video.length);
    const sound = samples.filter((sample) => sample.track === format.audio);
    if (this.gop) this.gops.grow(this.gop, starts.length === 0 ? [...before, ...sound] : before, starts.length === 0 ? [bytes] : []);
    starts.forEach((start, n) => {
      const last = n === starts.length - 1;
      const begun = gopOf(format, [...video.slice(start, starts[n + 1]), ...(last ? sound : [])], last ? [bytes] : [], true);
      this.gop = begun && this.gops.put(begun);
    });
    this.onNews();
  }
}
