import { samplesOf, tracksOf, videoConfig, type Sample, type Track } from '../mp4/demux';
import { Holding } from './holding';
import { Pacer } from './pace';
import type { Listener, Presenter, Way } from './presenter';
import { Sound } from './sound';

/** Decoded pictures that wait for their time; more than these, and the oldest go. Each is one of the decoder's few. */
const maxWaiting = 4;
/** A decoder this far behind starts over with the keyframe that comes. */
const maxBehindMs = 250;
/** Pictures that a decoder may hold undecoded; beyond them all up to the next keyframe are left out. */
const maxQueued = 250;
const maxJpegs = 2;

type Picture = { image: VideoFrame | ImageBitmap; mediaMs: number };

/**
 * Decodes pictures one by one (WebCodecs; JPEGs as images) and draws each on a canvas when its time has come: no
 * player's buffer lies between the network and the screen. Sound is played when it is wanted.
 *
 * A decoder is fed in the order of arrival and from a keyframe on; when it falls behind, it starts over at the next one.
 */
export class CanvasPresenter implements Presenter {
  private readonly context: CanvasRenderingContext2D | null;
  private readonly pacer = new Pacer();
  private tracks: Track[] = [];
  private video: Track | undefined;
  private audio: Track | undefined;
  private decoder: VideoDecoder | undefined;
  private readonly holding = new Holding();
  /** The decoder of the graphics card kept pictures back. */
  private inSoftware = false;
  private needsKey = true;
  /** To be set up anew at the next keyframe. */
  private anew = false;
  /** Instants of the picture that came last and of the one decoded last. */
  private comeMs = 0;
  private decodedMs = 0;
  /** JPEG pictures being decoded. */
  private jpegs = 0;
  private waiting: Picture[] = [];
  private frame = 0;
  private shownMs: number | undefined;
  private sound: Sound | undefined;
  private audible = false;
  private closed = false;

  constructor(
    readonly way: Way,
    private readonly canvas: HTMLCanvasElement,
    private readonly mime: string,
    private readonly listener: Listener,
  ) {
    this.context = canvas.getContext('2d', { alpha: false });
  }

  begin(init: ArrayBuffer): void {
    this.tracks = tracksOf(new Uint8Array(init), this.mime);
    this.video = this.tracks.find((track) => track.kind === 'video');
    this.audio = this.tracks.find((track) => track.kind === 'audio');
    this.decoder?.close();
    this.decoder = undefined;
    this.needsKey = true;
    this.restartSound();
    if (!this.video) {
      this.fail(new Error('the stream has no picture'));
      return;
    }
    if (this.way === 'jpeg') return;
    const decoder = new VideoDecoder({
      output: (frame) => {
        if (this.decoder !== decoder) {
          frame.close();
          return;
        }
        this.decodedMs = frame.timestamp / 1000;
        if (this.holding.got(decoder.decodeQueueSize) && !this.inSoftware) {
          this.inSoftware = true;
          this.anew = true;
        }
        this.ready(frame, frame.timestamp / 1000);
      },
      error: (error) => {
        if (this.decoder === decoder) this.fail(error);
      },
    });
    this.decoder = decoder;
    this.configure(decoder, this.video);
  }

  take(message: ArrayBuffer): void {
    for (const sample of samplesOf(new Uint8Array(message), this.tracks)) {
      if (sample.track === this.video) this.takePicture(sample, this.video);
      else if (sample.track === this.audio) this.sound?.take(sample);
    }
  }

  private takePicture(sample: Sample, track: Track): void {
    const mediaMs = sample.timeUs / 1000;
    if (this.way === 'jpeg') {
      void this.takeJpeg(sample, mediaMs);
      return;
    }
    const decoder = this.decoder;
    if (!decoder || decoder.state !== 'configured') return;
    if (decoder.decodeQueueSize > maxQueued && !sample.key) this.needsKey = true;
    if (this.needsKey && !sample.key) return;
    this.needsKey = false;
    try {
      if (sample.key && (this.anew || (this.decodedMs > 0 && this.comeMs - this.decodedMs > maxBehindMs))) {
        decoder.reset();
        this.configure(decoder, track);
      }
      this.comeMs = mediaMs;
      this.holding.put();
      decoder.decode(
        new EncodedVideoChunk({
          type: sample.key ? 'key' : 'delta',
          timestamp: sample.timeUs,
          duration: sample.durationUs,
          data: sample.data,
        }),
      );
    } catch (error) {
      this.fail(error);
    }
  }

  private configure(decoder: VideoDecoder, track: Track): void {
    decoder.configure({
      ...videoConfig(track),
      optimizeForLatency: true,
      hardwareAcceleration: this.inSoftware ? 'prefer-software' : 'no-preference',
    });
    this.decodedMs = 0;
    this.anew = false;
    this.holding.reset();
  }

  private async takeJpeg(sample: Sample, mediaMs: number): Promise<void> {
    if (this.jpegs >= maxJpegs) return; // each is whole: the next one will do
    this.jpegs++;
    try {
      this.ready(await createImageBitmap(new Blob([sample.data], { type: 'image/jpeg' })), mediaMs);
    } catch {
      // One broken picture of a camera is no reason to stop: the next one follows at once.
    } finally {
      this.jpegs--;
    }
  }

  private ready(image: VideoFrame | ImageBitmap, mediaMs: number): void {
    if (this.closed) {
      image.close();
      return;
    }
    this.pacer.arrived(performance.now(), mediaMs);
    this.waiting.push({ image, mediaMs });
    if (this.waiting.length > maxWaiting) this.waiting.shift()?.image.close();
    this.frame ||= requestAnimationFrame(() => this.draw());
  }

  /** Draws the newest picture whose time has come. */
  private draw(): void {
    this.frame = 0;
    const now = performance.now();
    let due: Picture | undefined;
    for (let next = this.waiting[0]; next && this.pacer.dueMs(next.mediaMs) <= now + 2; next = this.waiting[0]) {
      this.waiting.shift();
      due?.image.close();
      due = next;
    }
    if (due) this.paint(due);
    if (this.waiting.length > 0) this.frame = requestAnimationFrame(() => this.draw());
  }

  private paint({ image, mediaMs }: Picture): void {
    const width = image instanceof VideoFrame ? image.displayWidth : image.width;
    const height = image instanceof VideoFrame ? image.displayHeight : image.height;
    if (this.canvas.width !== width || this.canvas.height !== height) {
      this.canvas.width = width;
      this.canvas.height = height;
      this.canvas.dispatchEvent(new Event('resize'));
    }
    this.context?.drawImage(image, 0, 0, width, height);
    image.close();
    this.shownMs = mediaMs;
    this.listener.shown();
  }

  pictureMs(): number | undefined {
    return this.shownMs;
  }

  setAudible(audible: boolean): void {
    if (audible === this.audible) return;
    this.audible = audible;
    this.restartSound();
  }

  private restartSound(): void {
    this.sound?.close();
    this.sound = this.audible && this.audio ? new Sound(this.audio, () => this.pacer.delayMs) : undefined;
  }

  hasSound(): boolean {
    return this.audio !== undefined;
  }

  level(): number | undefined {
    return this.sound?.level();
  }

  tick(): void {
    this.sound?.tick();
  }

  private fail(error: unknown): void {
    if (!this.closed) this.listener.failed(error);
  }

  close(): void {
    this.closed = true;
    cancelAnimationFrame(this.frame);
    for (const { image } of this.waiting) image.close();
    this.waiting = [];
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = undefined;
    this.sound?.close();
    this.sound = undefined;
  }
}

const answers = new Map<string, Promise<boolean>>();

/** Whether pictures of this codec can be decoded one by one here. */
export function decodable(codec: string): Promise<boolean> {
  if (typeof VideoDecoder === 'undefined' || !codec) return Promise.resolve(false);
  let answer = answers.get(codec);
  if (!answer) {
    answer = VideoDecoder.isConfigSupported({ codec, optimizeForLatency: true }).then(
      ({ supported }) => supported === true,
      () => false,
    );
    answers.set(codec, answer);
  }
  return answer;
}
