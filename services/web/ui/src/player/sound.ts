import { audioConfig, type Track } from '../mp4/demux';
import type { Format } from './format';
import type { Gops } from './gops';

/** Decoded and scheduled this long before it is heard. */
const aheadUs = 600_000;
/** Sound this far off the pictures is begun anew. */
const offS = 0.06;
const leadS = 0.02;
/** Units that follow one another but for rounding. */
const seamS = 0.005;

/** Lets the sound of one camera be heard with its pictures, at the rate 1. */
export class Sound {
  private context: AudioContext | undefined;
  private decoder: AudioDecoder | undefined;
  private format = '';
  private readonly sources = new Set<AudioBufferSourceNode>();
  /** What is added to an instant (in seconds) to have the time of the context at which it is heard; undefined: silent. */
  private shift: number | undefined;
  private fedUs = 0;
  private nextAt = 0;
  /** Units that were scheduled, for who wants to know whether there is any sound. */
  heard = 0;

  close(): void {
    this.stop();
    void this.context?.close();
    this.context = undefined;
  }

  /** What was to be heard is no longer. */
  stop(): void {
    this.shift = undefined;
    for (const source of this.sources) source.stop();
    this.sources.clear();
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.decoder = undefined;
  }

  /** Lets be heard what belongs to an instant. A browser allows it only after somebody has clicked. */
  play(gops: Gops, us: number): void {
    this.context ??= new AudioContext();
    const { context } = this;
    if (context.state !== 'running') {
      void context.resume().catch(() => {});
      return;
    }
    const shift = context.currentTime + leadS - us / 1e6;
    if (this.shift === undefined || Math.abs(shift - this.shift) > offS) {
      this.stop();
      this.shift = shift;
      this.fedUs = us - 1;
      this.nextAt = 0;
    }
    for (let gop = gops.at(us); gop && gop.startUs < us + aheadUs; gop = gops.next(gop)) {
      for (const unit of gop.audio) {
        if (unit.timeUs <= this.fedUs || unit.timeUs > us + aheadUs) continue;
        const decoder = gop.format.audio && this.decoderFor(gop.format, gop.format.audio, context);
        if (!decoder) return;
        this.fedUs = unit.timeUs;
        decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: unit.timeUs, duration: unit.durationUs, data: unit.data }));
      }
    }
  }

  private decoderFor(format: Format, track: Track, context: AudioContext): AudioDecoder | undefined {
    if (this.decoder && this.decoder.state !== 'closed' && this.format === format.key) return this.decoder;
    if (typeof AudioDecoder === 'undefined') return undefined;
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    const decoder: AudioDecoder = new AudioDecoder({
      output: (data) => {
        if (this.decoder === decoder) this.schedule(data, context);
        data.close();
      },
      error: () => {
        if (this.decoder === decoder) this.decoder = undefined; // silence is better than no picture
      },
    });
    try {
      decoder.configure(audioConfig(track));
    } catch {
      return undefined;
    }
    this.decoder = decoder;
    this.format = format.key;
    return decoder;
  }

  private schedule(data: AudioData, context: AudioContext): void {
    if (this.shift === undefined || data.numberOfFrames === 0) return;
    const buffer = context.createBuffer(data.numberOfChannels, data.numberOfFrames, data.sampleRate);
    for (let channel = 0; channel < data.numberOfChannels; channel++) {
      data.copyTo(buffer.getChannelData(channel), { planeIndex: channel, format: 'f32-planar' });
    }
    let at = data.timestamp / 1e6 + this.shift;
    if (Math.abs(at - this.nextAt) < seamS) at = this.nextAt;
    this.nextAt = at + buffer.duration;
    const late = Math.max(0, context.currentTime - at);
    if (late >= buffer.duration) return;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.onended = () => this.sources.delete(source);
    source.start(at + late, late);
    this.sources.add(source);
    this.heard++;
  }
}
