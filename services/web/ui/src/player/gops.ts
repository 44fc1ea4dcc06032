import type { Sample } from '../mp4/demux';
import type { Format } from './format';

/** A keyframe and the pictures up to the next one, with the sound of that time. Times are microseconds. */
export type Gop = {
  startUs: number;
  /** Where the next one begins, or the last picture ends. */
  endUs: number;
  format: Format;
  /** In the order of decoding. */
  video: Sample[];
  /** In the order of showing. */
  shown: Sample[];
  audio: Sample[];
  /** Its fragments as they came. */
  raw: Uint8Array<ArrayBuffer>[];
  bytes: number;
  /** More of it may come. */
  open: boolean;
};

/** A stretch without footage. `fromUs` may be -Infinity: before all recordings. */
export type Hole = { fromUs: number; toUs: number };

/** A picture: the n-th shown of a GOP. */
export type Place = { gop: Gop; index: number };

/** The same keyframe may come with times that differ by so much: recorded files round to 100 µs. */
const sameUs = 2000;
/** Pictures this far apart follow one another; what is missing in between is not worth telling. */
export const jointUs = 800_000;

/** Makes a GOP of a format's samples, which `raw` holds; undefined when there is no picture among them. */
export function gopOf(format: Format, samples: Sample[], raw: Uint8Array<ArrayBuffer>[], open: boolean): Gop | undefined {
  const video = samples.filter((sample) => sample.track === format.video);
  const audio = samples.filter((sample) => sample.track === format.audio);
  const first = video[0];
  if (!first) return undefined;
  const gop: Gop = { startUs: first.timeUs, endUs: 0, format, video, shown: [], audio, raw, bytes: 0, open };
  settle(gop);
  return gop;
}

/** Works out what follows from a GOP's samples. */
export function settle(gop: Gop): void {
  gop.shown = [...gop.video].sort((one, other) => one.timeUs - other.timeUs);
  gop.startUs = gop.shown[0]?.timeUs ?? gop.startUs;
  const last = gop.shown.at(-1);
  gop.endUs = last ? last.timeUs + Math.max(1, last.durationUs) : gop.startUs;
  gop.bytes = [...gop.video, ...gop.audio].reduce((sum, sample) => sum + sample.data.byteLength, 0);
}

/** What is known of one stream: encoded pictures, and where there are none. Holds so many bytes around where it is used. */
export class Gops {
  private list: Gop[] = [];
  private holes: Hole[] = [];
  private bytes = 0;

  constructor(private readonly maxBytes = 96 << 20) {}

  clear(): void {
    this.list = [];
    this.holes = [];
    this.bytes = 0;
  }

  /** Adds a GOP, or to the one that is there. Returns the one that is kept: the object for it never changes. */
  put(gop: Gop): Gop {
    const index = this.after(gop.startUs - sameUs);
    const there = this.list[index];
    if (there && Math.abs(there.startUs - gop.startUs) <= sameUs) {
      if (there.open && gop.video.length >= there.video.length) {
        this.bytes += gop.bytes - there.bytes;
        // Samples that were there stay the same objects: decoders know them.
        there.video = gop.video.map((sample, n) => there.video[n] ?? sample);
        there.audio = gop.audio.length >= there.audio.length ? gop.audio : there.audio;
        there.raw = gop.raw;
        there.open = gop.open;
        settle(there);
      }
      this.fit(index);
      this.snap(there);
      return there;
    }
    this.list.splice(index, 0, gop);
    this.bytes += gop.bytes;
    this.fit(index);
    this.fit(index - 1);
    this.snap(gop);
    return gop;
  }

  /** A GOP ends where the next begins. */
  private fit(index: number): void {
    const gop = this.list[index];
    const next = this.list[index + 1];
    if (!gop || !next) return;
    if (gop.endUs > next.startUs || next.startUs - gop.endUs < jointUs) gop.endUs = next.startUs;
    if (gop.endUs === next.startUs && !next.open) gop.open = false;
  }

  /** Takes in more of an open GOP, as it comes from a live stream. */
  grow(gop: Gop, samples: Sample[], raw: Uint8Array<ArrayBuffer>[]): void {
    const before = gop.bytes;
    const video = samples.filter((sample) => sample.track === gop.format.video);
    const newest = gop.video.at(-1)?.timeUs ?? -Infinity;
    gop.video.push(...video.filter((sample) => Math.abs(sample.timeUs - newest) > sameUs && !gop.video.some((one) => Math.abs(one.timeUs - sample.timeUs) <= sameUs)));
    gop.audio.push(...samples.filter((sample) => sample.track === gop.format.audio));
    gop.raw.push(...raw);
    settle(gop);
    this.bytes += gop.bytes - before;
  }

  addHole(fromUs: number, toUs: number, leastUs = jointUs): void {
    if (toUs - fromUs < leastUs) return;
    const touching = this.holes.filter((hole) => hole.fromUs <= toUs && hole.toUs >= fromUs);
    this.holes = this.holes.filter((hole) => !touching.includes(hole));
    this.holes.push({ fromUs: Math.min(fromUs, ...touching.map((hole) => hole.fromUs)), toUs: Math.max(toUs, ...touching.map((hole) => hole.toUs)) });
    for (const gop of this.list) this.snap(gop);
  }

  /** A hole begins where the pictures before it end, and ends where those after it begin; the appliance tells that in milliseconds. */
  private snap(gop: Gop): void {
    for (const hole of this.holes) {
      if (Math.abs(hole.toUs - gop.startUs) <= sameUs) hole.toUs = gop.startUs;
      if (Math.abs(hole.fromUs - gop.endUs) < jointUs / 4) hole.fromUs = gop.endUs;
    }
  }

  holeAt(us: number): Hole | undefined {
    return this.holes.find((hole) => us >= hole.fromUs && us < hole.toUs);
  }

  /** The GOP that is on show at an instant. */
  at(us: number): Gop | undefined {
    const index = this.after(us) - 1;
    const gop = this.list[index];
    return gop && us < gop.endUs ? gop : undefined;
  }

  /** Where the first known pictures after an instant begin. */
  startAfter(us: number): number {
    return this.list[this.after(us)]?.startUs ?? Infinity;
  }

  /** The GOP that follows without a break; one of a live stream may begin before its predecessor is whole. */
  next(gop: Gop): Gop | undefined {
    const next = this.list[this.list.indexOf(gop) + 1];
    return next && next.startUs - gop.endUs < jointUs && !this.holeAt(gop.endUs) ? next : undefined;
  }

  previous(gop: Gop): Gop | undefined {
    const index = this.list.indexOf(gop);
    const before = index > 0 ? this.list[index - 1] : undefined;
    return before && gop.startUs - before.endUs < jointUs && !this.holeAt(before.endUs) ? before : undefined;
  }

  /** The picture on show at an instant. */
  placeAt(us: number): Place | undefined {
    const gop = this.at(us);
    if (!gop) return undefined;
    let index = gop.shown.findIndex((sample) => sample.timeUs > us);
    if (index < 0) index = gop.shown.length;
    return { gop, index: Math.max(0, index - 1) };
  }

  /** The picture `by` further on, or the outermost without a break; `rest` is what is missing to it. */
  step(place: Place, by: number): { place: Place; rest: number } {
    let { gop, index } = place;
    index += by;
    for (;;) {
      if (index < 0) {
        const before = this.previous(gop);
        if (!before) return { place: { gop, index: 0 }, rest: index };
        gop = before;
        index += gop.shown.length;
      } else if (index >= gop.shown.length) {
        const next = this.next(gop);
        if (!next) return { place: { gop, index: gop.shown.length - 1 }, rest: index - gop.shown.length + 1 };
        index -= gop.shown.length;
        gop = next;
      } else return { place: { gop, index }, rest: 0 };
    }
  }

  /** Where what is known without a break from an instant on ends, going forwards (1) or back (-1), and how much of it is pictures. */
  reach(us: number, direction: 1 | -1): { us: number; pictureUs: number } {
    let pictureUs = 0;
    for (;;) {
      // Going back an instant belongs to what ends there.
      const inside = direction > 0 ? us : us - 1;
      const hole = this.holeAt(inside);
      if (hole) {
        us = direction > 0 ? hole.toUs : hole.fromUs;
        if (!Number.isFinite(us)) return { us, pictureUs };
        continue;
      }
      const gop = this.at(inside);
      if (!gop) return { us, pictureUs };
      const to = direction > 0 ? gop.endUs : gop.startUs;
      pictureUs += Math.abs(to - us);
      us = to;
      if (direction > 0 && gop.open) return { us, pictureUs };
    }
  }

  /** The end of what is known nearest before an instant. */
  knownBefore(us: number): number {
    const gop = this.list[this.after(us - 1) - 1];
    return Math.max(gop && gop.endUs <= us ? gop.endUs : -Infinity, ...this.holes.map((hole) => (hole.toUs <= us ? hole.toUs : -Infinity)));
  }

  /** Forgets what lies farthest from an instant until the rest fits. */
  trim(us: number): void {
    while (this.bytes > this.maxBytes && this.list.length > 2) {
      const first = this.list[0] as Gop;
      const last = this.list.at(-1) as Gop;
      const drop = us - first.endUs > last.startUs - us ? first : last;
      if (us >= drop.startUs && us < drop.endUs) return;
      this.list.splice(this.list.indexOf(drop), 1);
      this.bytes -= drop.bytes;
    }
  }

  get newestUs(): number {
    return this.list.at(-1)?.endUs ?? -Infinity;
  }

  /** The first index whose GOP begins after an instant. */
  private after(us: number): number {
    let low = 0;
    let high = this.list.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.list[middle] as Gop).startUs > us) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
