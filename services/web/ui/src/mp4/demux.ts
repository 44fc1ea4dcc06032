/**
 * What decoding takes of fragmented MP4 (ISO/IEC 14496-12): each track's configuration, and the samples of fragments, as
 * live streams and recordings come. The bytes come from outside; whatever they are, these functions return and do not
 * throw. Times are microseconds since the Unix epoch.
 */
import { boxes, find, uint32, uint64, version, type Box } from './boxes';

export type Track = {
  id: number;
  kind: 'video' | 'audio';
  /** As in a MIME type's `codecs`. */
  codec: string;
  /** Ticks a second. */
  timescale: number;
  /** What a decoder of WebCodecs takes as `description`; absent where it takes none. */
  description: Uint8Array<ArrayBuffer> | undefined;
  width: number;
  height: number;
  sampleRate: number;
  channels: number;
};

/** One frame of video or one unit of sound. */
export type Sample = {
  track: Track;
  key: boolean;
  /** When it is shown or heard. */
  timeUs: number;
  durationUs: number;
  data: Uint8Array<ArrayBuffer>;
};

/** How Motion JPEG is named: by its object type (ISO/IEC 14496-1 §7.2.6.6.2). */
export const jpegCodec = 'mp4v.6C';

const visualHeader = 78;
const audioHeader = 28;
/** More samples than a message can hold: a count beyond it is no count. */
const maxSamples = 100_000;

/** The tracks of an initialisation segment, in its order, which is that of the `codecs` of its MIME type. */
export function tracksOf(init: Uint8Array<ArrayBuffer>, mime: string): Track[] {
  const view = new DataView(init.buffer, init.byteOffset, init.byteLength);
  const codecs = (/codecs="?([^"]*)"?/.exec(mime)?.[1] ?? '').split(',').map((codec) => codec.trim());
  const moov = find(view, { type: '', start: 0, end: init.byteLength }, 'moov');
  if (!moov) return [];
  return [...boxes(view, moov.start, moov.end)]
    .filter((box) => box.type === 'trak')
    .flatMap((trak, index) => trackOf(view, trak, codecs[index] ?? '') ?? []);
}

function trackOf(view: DataView, trak: Box, codec: string): Track | undefined {
  const tkhd = find(view, trak, 'tkhd');
  const mdhd = find(view, trak, 'mdia', 'mdhd');
  const stsd = find(view, trak, 'mdia', 'minf', 'stbl', 'stsd');
  if (!tkhd || !mdhd || !stsd) return undefined;
  // Version 1 has 64-bit creation and modification times before the field wanted.
  const id = uint32(view, tkhd, version(view, tkhd) === 1 ? 20 : 12);
  const timescale = uint32(view, mdhd, version(view, mdhd) === 1 ? 20 : 12);
  const [entry] = boxes(view, stsd.start + 8, stsd.end);
  if (id === undefined || !timescale || !entry) return undefined;
  const video = find(view, trak, 'mdia', 'minf', 'vmhd') !== undefined;
  const header = video ? visualHeader : audioHeader;
  if (entry.start + header > entry.end) return undefined;
  const inner = { type: entry.type, start: entry.start + header, end: entry.end };
  return {
    id,
    kind: video ? 'video' : 'audio',
    codec,
    timescale,
    description: descriptionOf(view, inner),
    width: video ? view.getUint16(entry.start + 24) : 0,
    height: video ? view.getUint16(entry.start + 26) : 0,
    sampleRate: video ? 0 : view.getUint32(entry.start + 24) >>> 16,
    channels: video ? 0 : view.getUint16(entry.start + 16),
  };
}

function descriptionOf(view: DataView, entry: Box): Uint8Array<ArrayBuffer> | undefined {
  for (const box of boxes(view, entry.start, entry.end)) {
    switch (box.type) {
      case 'avcC':
      case 'hvcC':
        return bytes(view, box.start, box.end);
      case 'esds':
        return specificInfo(view, box);
      case 'dfLa': {
        // WebCodecs wants the blocks behind the marker of a native stream.
        const blocks = bytes(view, Math.min(box.end, box.start + 4), box.end);
        const whole = new Uint8Array(4 + blocks.length);
        whole.set([0x66, 0x4c, 0x61, 0x43]);
        whole.set(blocks, 4);
        return whole;
      }
    }
  }
  return undefined;
}

/** The DecoderSpecificInfo within an ES descriptor (ISO/IEC 14496-1 §7.2.6). */
function specificInfo(view: DataView, esds: Box): Uint8Array<ArrayBuffer> | undefined {
  let at = esds.start + 4;
  while (at + 2 <= esds.end) {
    const tag = view.getUint8(at++);
    let size = 0;
    for (let more = true; more; ) {
      if (at >= esds.end) return undefined;
      const byte = view.getUint8(at++);
      size = (size << 7) | (byte & 0x7f);
      more = (byte & 0x80) !== 0;
    }
    if (tag === 3) at += 3; // ES_Descriptor: its id and flags, then what we look for
    else if (tag === 4) at += 13; // DecoderConfigDescriptor, likewise
    else if (tag === 5) return size >= 0 && at + size <= esds.end ? bytes(view, at, at + size) : undefined;
    else at += Math.max(0, size);
  }
  return undefined;
}

/** All samples of these tracks in whole fragments, in the order of the file. Those that do not lie within the bytes are left out. */
export function samplesOf(message: Uint8Array<ArrayBuffer>, tracks: readonly Track[]): Sample[] {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const samples: Sample[] = [];
  let at = 0;
  for (const box of boxes(view, 0, message.byteLength)) {
    if (box.type === 'moof') {
      for (const traf of boxes(view, box.start, box.end)) {
        if (traf.type === 'traf') addSamples(view, at, traf, tracks, samples);
      }
    }
    at = box.end;
  }
  return samples;
}

function addSamples(view: DataView, moofStart: number, traf: Box, tracks: readonly Track[], samples: Sample[]): void {
  const tfhd = find(view, traf, 'tfhd');
  const tfdt = find(view, traf, 'tfdt');
  if (!tfhd || !tfdt) return;
  const flags = (uint32(view, tfhd, 0) ?? 0) & 0xffffff;
  const id = uint32(view, tfhd, 4);
  const track = tracks.find((one) => one.id === id);
  let time = version(view, tfdt) === 1 ? uint64(view, tfdt, 4) : uint32(view, tfdt, 4);
  if (track === undefined || time === undefined) return;
  let at = 8;
  const optional = (bit: number, size: number): number | undefined => {
    if ((flags & bit) === 0) return undefined;
    at += size;
    return size === 8 ? uint64(view, tfhd, at - 8) : uint32(view, tfhd, at - 4);
  };
  const base = optional(0x1, 8) ?? moofStart;
  optional(0x2, 4);
  const usual = { duration: optional(0x8, 4) ?? 0, size: optional(0x10, 4) ?? 0, flags: optional(0x20, 4) ?? 0 };
  for (const trun of boxes(view, traf.start, traf.end)) {
    if (trun.type === 'trun') time = addRun(view, trun, { track, time, base, usual }, samples);
  }
}

type Run = { track: Track; time: number; base: number; usual: { duration: number; size: number; flags: number } };

/** Adds one run's samples, and returns the decode time of what follows. */
function addRun(view: DataView, trun: Box, { track, time, base, usual }: Run, samples: Sample[]): number {
  const flags = (uint32(view, trun, 0) ?? 0) & 0xffffff;
  const signed = version(view, trun) >= 1;
  const count = Math.min(uint32(view, trun, 4) ?? 0, maxSamples);
  let at = 8;
  const next = (bit: number): number | undefined => {
    if ((flags & bit) === 0) return undefined;
    at += 4;
    return uint32(view, trun, at - 4);
  };
  let offset = base + ((next(0x1) ?? 0) | 0);
  const first = next(0x4);
  for (let index = 0; index < count; index++) {
    if (trun.start + at >= trun.end && (flags & 0xf00) !== 0) break;
    const duration = next(0x100) ?? usual.duration;
    const size = next(0x200) ?? usual.size;
    const own = next(0x400);
    const sampleFlags = index === 0 && first !== undefined ? first : (own ?? usual.flags);
    const shift = next(0x800) ?? 0;
    if (offset < 0 || offset + size > view.byteLength) break;
    samples.push({
      track,
      key: (sampleFlags & 0x10000) === 0,
      timeUs: Math.round(((time + (signed ? shift | 0 : shift)) / track.timescale) * 1e6),
      durationUs: Math.round((duration / track.timescale) * 1e6),
      data: new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + offset, size),
    });
    offset += size;
    time += duration;
  }
  return time;
}

function bytes(view: DataView, start: number, end: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array((view.buffer as ArrayBuffer).slice(view.byteOffset + start, view.byteOffset + end));
}

/** What WebCodecs want to know of a track of video. */
export function videoConfig(track: Track): VideoDecoderConfig {
  return { codec: track.codec, codedWidth: track.width, codedHeight: track.height, ...(track.description ? { description: track.description } : {}) };
}

/** What WebCodecs want to know of a track of sound. */
export function audioConfig(track: Track): AudioDecoderConfig {
  return { codec: track.codec, sampleRate: track.sampleRate || track.timescale, numberOfChannels: track.channels, ...(track.description ? { description: track.description } : {}) };
}
