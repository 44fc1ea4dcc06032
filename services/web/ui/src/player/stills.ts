import { fetchKeyframe, type Keyframe } from '../api/client';
import type { StreamName } from '../api/model';
import { ApiError } from '../api/error';
import { samplesOf, videoConfig } from '../mp4/demux';
import { formatOf } from './format';
import { canDecode } from './ways';

/** A picture that stands for `[startMs, endMs)`. */
export type Still = { startMs: number; endMs: number; picture: ImageBitmap };

/**
 * Pictures of instants of one stream: the keyframe before each, fetched, decoded, scaled down and kept. They come one
 * after another, the one asked for last first. Where this browser cannot decode them, the appliance makes them.
 */
export class Stills {
  private readonly kept: Still[] = [];
  private readonly queue: { ms: number; done: (still: Still | undefined) => void }[] = [];
  private running = 0;
  private readonly abort = new AbortController();
  private decoder: VideoDecoder | undefined;
  private decoderKey = '';
  private made = !canDecode();
  private turn: Promise<unknown> = Promise.resolve();
  private onFrame: (frame: VideoFrame) => void = (frame) => frame.close();

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly maxWidth: number,
    private readonly maxKept = 200,
    private readonly together = 2,
  ) {}

  close(): void {
    this.abort.abort();
    for (const one of this.queue.splice(0)) one.done(undefined);
    for (const still of this.kept.splice(0)) still.picture.close();
    this.drop();
  }

  /** The picture of an instant, if it is there already. */
  peek(ms: number): Still | undefined {
    return this.kept.find((still) => ms >= still.startMs && ms < still.endMs);
  }

  /** The picture of an instant; undefined when there is none, or others have become more urgent. */
  async at(ms: number): Promise<Still | undefined> {
    const there = this.peek(ms);
    if (there) return there;
    return new Promise((done) => {
      this.queue.push({ ms, done });
      // Nobody waits for what a pointer has long passed.
      while (this.queue.length > 64) this.queue.shift()?.done(undefined);
      this.pump();
    });
  }

  /** Gives up what has not been begun. */
  forget(): void {
    for (const one of this.queue.splice(0)) one.done(undefined);
  }

  private pump(): void {
    while (this.running < this.together) {
      const next = this.queue.pop();
      if (!next) return;
      this.running++;
      this.make(next.ms)
        .catch(() => undefined) // no picture, then: it failed to come, or this browser cannot decode it
        .then(next.done)
        .finally(() => {
          this.running--;
          this.pump();
        });
    }
  }

  private async make(ms: number): Promise<Still | undefined> {
    const there = this.peek(ms);
    if (there) return there;
    const key = await this.fetch(ms);
    if (!key) return undefined;
    const twin = this.kept.find((still) => still.startMs === key.startMs);
    if (twin) {
      twin.endMs = Math.max(twin.endMs, key.endMs);
      return twin;
    }
    const picture = key.mime === '' ? await this.scaled(await createImageBitmap(new Blob([key.data]))) : await this.decode(new Uint8Array(key.data), key.mime);
    if (!picture) {
      if (this.made || this.abort.signal.aborted) return undefined;
      this.made = true;
      return this.make(ms);
    }
    const still = { startMs: key.startMs, endMs: key.endMs, picture };
    if (this.abort.signal.aborted) {
      picture.close();
      return undefined;
    }
    this.kept.push(still);
    while (this.kept.length > this.maxKept) this.kept.shift()?.picture.close();
    return still;
  }

  private async fetch(ms: number): Promise<Keyframe | null> {
    const get = () => fetchKeyframe(this.camera, this.stream, ms, 0, this.abort.signal, this.made ? this.maxWidth : undefined);
    try {
      return await get();
    } catch (error) {
      if (this.made || !(error instanceof ApiError && error.code === 'bad_codec')) throw error;
      this.made = true;
      return get();
    }
  }

  /** One picture at a time goes through the decoder. */
  private decode(bytes: Uint8Array<ArrayBuffer>, mime: string): Promise<ImageBitmap | undefined> {
    const mine = this.turn.then(() => this.decodeNow(bytes, mime));
    this.turn = mine.catch(() => {});
    return mine;
  }

  private async decodeNow(bytes: Uint8Array<ArrayBuffer>, mime: string): Promise<ImageBitmap | undefined> {
    const format = formatOf(bytes, mime);
    const [sample] = format ? samplesOf(bytes, [format.video]) : [];
    if (!format || !sample || this.abort.signal.aborted) return undefined;
    if (!(await VideoDecoder.isConfigSupported(videoConfig(format.video))).supported) return undefined;
    if (!this.decoder || this.decoder.state === 'closed' || this.decoderKey !== format.key) {
      this.drop();
      this.decoder = new VideoDecoder({ output: (frame) => this.onFrame(frame), error: () => this.drop() });
      this.decoder.configure(videoConfig(format.video));
      this.decoderKey = format.key;
    }
    let shown: VideoFrame | undefined;
    this.onFrame = (frame) => {
      shown?.close();
      shown = frame;
    };
    this.decoder.decode(new EncodedVideoChunk({ type: 'key', timestamp: sample.timeUs, data: sample.data }));
    await this.decoder.flush();
    this.onFrame = (frame) => frame.close();
    if (!shown) return undefined;
    try {
      return await this.scaled(shown);
    } finally {
      shown.close();
    }
  }

  private scaled(source: VideoFrame | ImageBitmap): Promise<ImageBitmap> {
    const width = 'displayWidth' in source ? source.displayWidth : source.width;
    return width > this.maxWidth ? createImageBitmap(source, { resizeWidth: this.maxWidth, resizeQuality: 'medium' }) : createImageBitmap(source);
  }

  private drop(): void {
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = undefined;
  }
}
