import { audioConfig, type Sample, type Track } from '../mp4/demux';
import { Pacer } from './pace';

/** Kept ready beyond what unevenness takes: the sound card asks in pieces. */
const reserveMs = 30;
/** Sound this far from where it belongs is moved there; less is not heard. */
const toleranceMs = 60;

/**
 * Plays one track of sound along with pictures that are shown a known time after their instant.
 *
 * Pieces are decoded (WebCodecs) and follow one another without a gap; when that has led them too far from where they
 * belong (drift of the sound card, a stall), the next one is put there.
 */
export class Sound {
  private readonly context = new AudioContext({ latencyHint: 'interactive' });
  private readonly pacer = new Pacer();
  private decoder: AudioDecoder | undefined;
  /** When the piece that comes next begins, in seconds of the context; 0: nothing is queued. */
  private nextAt = 0;
  /** The loudest sample since it was last asked for. */
  private peak = 0;
  private closed = false;

  constructor(
    private readonly track: Track,
    private readonly pictureDelayMs: () => number,
  ) {
    void this.context.resume();
    this.open();
  }

  private open(): void {
    if (typeof AudioDecoder === 'undefined') return;
    const decoder = new AudioDecoder({
      output: (data) => {
        this.play(data);
        data.close();
      },
      error: () => {
        // Sound that cannot be decoded must not stop the picture; the next tick tries again.
        if (this.decoder === decoder) this.decoder = undefined;
      },
    });
    try {
      decoder.configure(audioConfig(this.track));
      this.decoder = decoder;
    } catch {
      decoder.close();
    }
  }

  take(sample: Sample): void {
    if (this.decoder?.state !== 'configured') return;
    try {
      this.decoder.decode(
        new EncodedAudioChunk({
          type: 'key',
          timestamp: sample.timeUs,
          duration: sample.durationUs,
          data: sample.data,
        }),
      );
    } catch {
      this.decoder = undefined;
    }
  }

  private play(data: AudioData): void {
    if (this.closed || this.context.state !== 'running') return;
    const nowMs = performance.now();
    const mediaMs = data.timestamp / 1000;
    this.pacer.arrived(nowMs, mediaMs);
    const now = this.context.currentTime;
    const delayMs = Math.max(this.pictureDelayMs(), this.pacer.delayMs + reserveMs);
    const wanted = now + (mediaMs + delayMs - nowMs) / 1000;
    const tolerance = toleranceMs / 1000;
    // What is far behind (the burst at the start, what queued up in a stall) is not played late, but not at all.
    if (wanted < Math.max(now, this.nextAt) - tolerance) return;
    const at = this.nextAt < now || wanted > this.nextAt + tolerance ? Math.max(wanted, now) : this.nextAt;
    const buffer = this.context.createBuffer(data.numberOfChannels, data.numberOfFrames, data.sampleRate);
    for (let channel = 0; channel < data.numberOfChannels; channel++) {
      const samples = buffer.getChannelData(channel);
      data.copyTo(samples, { planeIndex: channel, format: 'f32-planar' });
      for (const sample of samples) this.peak = Math.max(this.peak, Math.abs(sample));
    }
    const source = this.context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.context.destination);
    source.start(at);
    this.nextAt = at + buffer.duration;
  }

  /** How loud it has been since this was last asked, 0 to 1. */
  level(): number {
    const peak = Math.min(1, this.peak);
    this.peak = 0;
    return peak;
  }

  tick(): void {
    if (!this.decoder) this.open();
    if (this.context.state === 'suspended') void this.context.resume();
  }

  close(): void {
    this.closed = true;
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = undefined;
    void this.context.close();
  }
}
