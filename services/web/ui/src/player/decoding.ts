import { jpegCodec, videoConfig, type Sample } from '../mp4/demux';
import type { Format } from './format';
import type { Gop, Gops } from './gops';

/** A decoded picture. */
export type Picture = VideoFrame | ImageBitmap;

export type Wanted = { gop: Gop; sample: Sample };

/** Given to the decoder and not come back yet, at most. */
const maxFed = 28;
const maxErrors = 3;
/** A decoder that gave nothing for so long waits for more. */
const stuckMs = 60;
/** Frames are the decoder's own, and one in hardware has only some: more than these are copied. */
const maxOwn = 10;
const maxJpegs = 4;

/**
 * Keeps the pictures decoded that are asked for. A decoder starts at keyframes only and goes forwards, so a picture costs
 * all before it in its GOP; they are let go at once unless they are asked for too. All frames held are closed when they
 * are no longer wanted: they are few, large, and not garbage collected in time.
 *
 * Motion JPEG takes no decoder: each picture is an image, which every browser decodes.
 */
export class Decoding {
  private decoder: VideoDecoder | undefined;
  private format: Format | undefined;
  private readonly held = new Map<number, Picture>();
  /** JPEGs being decoded, and frames being copied. */
  private readonly developing = new Set<number>();
  private readonly fed = new Set<number>();
  /** Where the decoder goes on; undefined: it has to start at a keyframe. */
  private line: { gop: Gop; next: number } | undefined;
  private flushing = false;
  private last = false;
  private stuckTimer: ReturnType<typeof setTimeout> | undefined;
  private wanted: Wanted[] = [];
  private enough = Infinity;
  private keep = new Set<number>();
  /** Pictures that the decoder gave no frame for. */
  private readonly dead = new Set<number>();
  private errors = 0;
  private closed = false;
  /** Frames that came out, for measuring. */
  decoded = 0;
  problem = '';

  constructor(
    private readonly gops: Gops,
    private readonly onFrame: () => void,
  ) {}

  close(): void {
    this.closed = true;
    clearTimeout(this.stuckTimer);
    this.drop();
    for (const frame of this.held.values()) frame.close();
    this.held.clear();
  }

  /**
   * Asks for pictures, the most urgent first; of `keep` those stay that are there. `enough`: so many of them will do for
   * now. `last`: no more will be asked for which could push these out of the decoder.
   */
  want(wanted: Wanted[], keep: Iterable<number>, enough: number, last: boolean): void {
    this.wanted = wanted;
    this.enough = enough;
    this.last = last;
    this.keep = new Set(keep);
    for (const one of wanted) this.keep.add(one.sample.timeUs);
    for (const [us, frame] of this.held) {
      if (this.keep.has(us)) continue;
      frame.close();
      this.held.delete(us);
    }
    this.pump();
  }

  frame(sample: Sample): Picture | undefined {
    return this.held.get(sample.timeUs);
  }

  isDead(sample: Sample): boolean {
    return this.dead.has(sample.timeUs);
  }

  private missing(one: Wanted): boolean {
    const us = one.sample.timeUs;
    return !this.held.has(us) && !this.fed.has(us) && !this.developing.has(us) && !this.dead.has(us);
  }

  private pump(): void {
    while (!this.closed && !this.flushing && this.errors < maxErrors) {
      const urgent = this.wanted.find((one) => this.missing(one));
      if (!urgent) {
        this.push();
        return;
      }
      if (urgent.gop.format.video.codec === jpegCodec) {
        if (this.developing.size >= maxJpegs) return;
        this.develop(urgent.sample.timeUs, new Blob([urgent.sample.data], { type: 'image/jpeg' }));
        continue;
      }
      if (this.fed.size >= maxFed || this.isEnough()) return;
      const index = urgent.gop.video.indexOf(urgent.sample);
      if (index < 0) {
        this.dead.add(urgent.sample.timeUs);
        continue;
      }
      if (!this.leadsTo(urgent.gop, index)) {
        // What is under way for nobody only costs time.
        if (this.fed.size > 0 && !this.wanted.some((one) => this.fed.has(one.sample.timeUs))) this.drop();
        this.line = { gop: urgent.gop, next: 0 };
      }
      this.feed();
    }
  }

  private isEnough(): boolean {
    const at = this.wanted.findIndex((one) => !this.held.has(one.sample.timeUs) && !this.dead.has(one.sample.timeUs));
    return at >= this.enough;
  }

  /** Makes a picture of its own of a JPEG, or of a decoder's frame. */
  private develop(us: number, from: Blob | VideoFrame): void {
    this.developing.add(us);
    createImageBitmap(from)
      .then(
        (picture) => {
          if (this.closed || !this.keep.has(us) || this.held.has(us)) picture.close();
          else this.held.set(us, picture);
        },
        () => this.dead.add(us),
      )
      .finally(() => {
        if ('close' in from) from.close();
        this.developing.delete(us);
        if (this.closed) return;
        this.pump();
        this.onFrame();
      });
  }

  /** Whether the decoder comes by a picture when it goes on where it is. */
  private leadsTo(gop: Gop, index: number): boolean {
    const line = this.line;
    if (!line || line.gop.format.key !== gop.format.key) return false;
    if (line.gop === gop) return line.next <= index;
    return this.gops.next(line.gop) === gop && !line.gop.open;
  }

  /** Gives the decoder the next sample of its line. */
  private feed(): void {
    let line = this.line;
    if (line && line.next >= line.gop.video.length) {
      const next = this.gops.next(line.gop);
      this.line = line = next && { gop: next, next: 0 };
    }
    const sample = line?.gop.video[line.next];
    if (!line || !sample) return;
    try {
      const decoder = this.decoderFor(line.gop.format);
      if (!decoder) return;
      line.next++;
      this.fed.add(sample.timeUs);
      decoder.decode(new EncodedVideoChunk({ type: line.next === 1 ? 'key' : 'delta', timestamp: sample.timeUs, duration: sample.durationUs, data: sample.data }));
    } catch (error) {
      this.fail(error);
    }
  }

  /** Decoders keep the last pictures back until more follows; when the most urgent is among them, they are asked for. */
  private push(): void {
    if (this.stuckTimer !== undefined || !this.awaitsFirst()) return;
    if (this.last) this.flush();
    else {
      const { decoded } = this;
      this.stuckTimer = setTimeout(() => {
        this.stuckTimer = undefined;
        if (this.decoded !== decoded || this.decoder?.decodeQueueSize !== 0) this.pump();
        else if (!this.flushing && this.awaitsFirst()) this.flush();
      }, stuckMs);
    }
  }

  private awaitsFirst(): boolean {
    const first = this.wanted.find((one) => !this.dead.has(one.sample.timeUs));
    return first !== undefined && this.fed.has(first.sample.timeUs);
  }

  private flush(): void {
    const { decoder } = this;
    if (!decoder) return;
    this.flushing = true;
    decoder.flush().then(
      () => {
        if (this.decoder !== decoder) return;
        // What did not come out will not.
        for (const us of this.fed) this.dead.add(us);
        this.fed.clear();
        this.flushing = false;
        this.line = undefined;
        this.onFrame();
      },
      () => {}, // closed or failed: dealt with there
    );
  }

  private decoderFor(format: Format): VideoDecoder | undefined {
    if (this.decoder && this.format?.key === format.key) return this.decoder;
    if (this.decoder && this.fed.size > 0 && this.line?.next === 0 && this.wanted.some((one) => this.fed.has(one.sample.timeUs))) {
      // The old format's last pictures are still wanted.
      this.flush();
      return undefined;
    }
    const at = this.line;
    this.drop();
    this.line = at;
    const decoder: VideoDecoder = new VideoDecoder({
      output: (frame) => {
        if (this.decoder !== decoder) frame.close();
        else this.take(frame);
      },
      error: (error) => {
        if (this.decoder === decoder) this.fail(error);
      },
    });
    decoder.ondequeue = () => this.decoder === decoder && this.pump();
    decoder.configure(videoConfig(format.video));
    this.decoder = decoder;
    this.format = format;
    return decoder;
  }

  private take(frame: VideoFrame): void {
    this.decoded++;
    this.errors = 0;
    this.problem = '';
    this.fed.delete(frame.timestamp);
    const us = frame.timestamp;
    if (!this.keep.has(us) || this.held.has(us) || this.developing.has(us)) frame.close();
    else if (this.ownFrames() >= maxOwn) this.develop(us, frame);
    else this.held.set(us, frame);
    this.pump();
    this.onFrame();
  }

  private ownFrames(): number {
    let count = 0;
    for (const picture of this.held.values()) if (picture instanceof VideoFrame) count++;
    return count;
  }

  private fail(error: unknown): void {
    this.errors++;
    const [first] = this.fed;
    if (first !== undefined) this.dead.add(first);
    this.drop();
    if (this.errors >= maxErrors) this.problem = error instanceof Error ? error.message : String(error);
    this.onFrame();
  }

  /** Tries again with what failed before, after a change of place. */
  forgive(): void {
    this.errors = 0;
    this.problem = '';
    this.dead.clear();
  }

  /** Lets the decoder go with all that is under way. */
  private drop(): void {
    const { decoder } = this;
    this.decoder = undefined;
    this.format = undefined;
    this.line = undefined;
    this.flushing = false;
    this.fed.clear();
    if (decoder && decoder.state !== 'closed') decoder.close();
  }
}
