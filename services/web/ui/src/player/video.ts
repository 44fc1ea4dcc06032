import { joined } from '../mp4/cutter';
import { rangeAt, type Range } from '../mse/ranges';
import { Source } from '../mse/source';
import type { Gop, Gops, Place } from './gops';

/** Given to the browser ahead of what is shown, in time of playing. */
const aheadUs = 8_000_000;
/** Kept behind. */
const behindS = 20;
/** The browser's own clock may be so far off before it is set, at the rate 1. */
const offS = 0.15;
const patienceMs = 1000;
/** What browsers play at most. */
export const fastest = 16;
/** What lies outside of so much time begins a new source: the player's axis has no room for decades. */
const axisUs = 6 * 3600e6;

/**
 * Shows pictures through the browser's own player (Media Source Extensions), for browsers that do not decode single ones.
 * Forwards it plays, held to the clock of the Player; everything else is seeking, a picture at a time.
 */
export class VideoPictures {
  private readonly video = document.createElement('video');
  private source: Source | undefined;
  private originUs = 0;
  private initKey = '';
  /** The last fragment of each GOP that was given to the source. */
  private given = new WeakMap<Gop, Uint8Array>();
  /** GOPs of which the player plays nothing: it ends where sound or pictures end, whichever is first. */
  private unplayed = new WeakSet<Gop>();
  private feeding = false;
  private seekingTo: number | undefined;
  private trimmedAt = 0;
  private shownAt = 0;
  problem = '';

  constructor(
    canvas: HTMLCanvasElement,
    private readonly onNews: () => void,
  ) {
    Object.assign(this.video, { muted: true, playsInline: true, tabIndex: -1 });
    // Browsers do not run what is not on the page.
    Object.assign(this.video.style, { position: 'absolute', width: '1px', height: '1px', opacity: '0', pointerEvents: 'none' });
    canvas.parentElement?.append(this.video);
    this.video.addEventListener('seeked', () => {
      this.seekingTo = undefined;
      this.onNews();
    });
  }

  close(): void {
    this.source?.close();
    this.source = undefined;
    this.video.remove();
  }

  set audible(audible: boolean) {
    if (this.video.muted === audible) this.video.muted = !audible;
  }

  /** Sees to the picture of a place being shown; returns the one that is, to be drawn from `picture`. */
  show(gops: Gops, place: Place, us: number, rate: number, playing: boolean): Place | undefined {
    if (this.video.error && this.problem === '') this.problem = this.video.error.message || 'its player gave up';
    if (this.problem !== '') return undefined;
    this.open(place.gop);
    void this.feed(gops, place.gop);
    const sample = place.gop.shown[place.index];
    const room = this.roomOf(place.gop);
    if (!room && playing && this.unplayed.has(place.gop)) return place;
    if (!sample || !room) return undefined;
    const run = playing && rate > 0;
    // Beyond what it has the player would wait: where sound ends before the last pictures, these are not shown.
    const wantedS = Math.min(room.end - 0.005, this.secondOf(run ? us : sample.timeUs + Math.max(1000, sample.durationUs / 2)));
    if (run) {
      const off = wantedS - this.video.currentTime;
      if (Math.abs(off) > offS * Math.max(1, rate)) this.seek(wantedS);
      this.video.playbackRate = Math.min(fastest, rate * (1 + Math.max(-0.1, Math.min(0.1, off))));
      if (this.video.paused) this.video.play().catch(() => (this.video.muted = true));
    } else {
      if (!this.video.paused) this.video.pause();
      const at = this.at(gops);
      if ((at?.gop !== place.gop || at.index !== place.index) && Math.abs(this.video.currentTime - wantedS) > 0.001) this.seek(wantedS);
    }
    const now = performance.now();
    if (this.seekingTo === undefined && !this.video.seeking && this.video.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA) {
      this.shownAt = now;
      return this.at(gops) ?? place;
    }
    // At the end of what there is players keep the last pictures back: playing goes on without them.
    if (!run || gops.next(place.gop) || now - this.shownAt < patienceMs) return undefined;
    this.seekingTo = undefined;
    return place;
  }

  /** The picture that the player is at. */
  private at(gops: Gops): Place | undefined {
    return gops.placeAt(this.originUs + this.video.currentTime * 1e6);
  }

  get picture(): HTMLVideoElement {
    return this.video;
  }

  /** Nothing is shown now: time does not go on. */
  rest(): void {
    if (!this.video.paused) this.video.pause();
  }

  private seek(toS: number): void {
    if (this.seekingTo !== undefined) return;
    this.seekingTo = toS;
    this.video.currentTime = toS;
  }

  private open(gop: Gop): void {
    if (this.source && gop.startUs > this.originUs && gop.startUs < this.originUs + axisUs) return;
    this.source?.close();
    this.originUs = gop.startUs - axisUs / 2;
    this.source = new Source(this.video, this.originUs / 1000);
    this.given = new WeakMap();
    this.initKey = '';
    this.seekingTo = undefined;
  }

  private secondOf(us: number): number {
    return (us - this.originUs) / 1e6;
  }

  /** What the player has around a GOP that was given to it. */
  private roomOf(gop: Gop): Range | undefined {
    const first = gop.shown[0];
    return first && this.given.has(gop) ? rangeAt(this.source?.ranges() ?? [], this.secondOf(first.timeUs + first.durationUs / 2)) : undefined;
  }

  /** Gives the browser what follows, a GOP at a time. */
  private async feed(gops: Gops, from: Gop): Promise<void> {
    const { source } = this;
    if (this.feeding || !source) return;
    this.feeding = true;
    try {
      for (let gop: Gop | undefined = from; gop && gop.startUs < from.startUs + aheadUs * Math.max(1, this.video.playbackRate); gop = gops.next(gop)) {
        const newest = gop.raw.at(-1);
        if (!newest || (this.given.get(gop) === newest && (this.unplayed.has(gop) || this.roomOf(gop)))) continue;
        const known = this.roomOf(gop) ? gop.raw.indexOf(this.given.get(gop) as Uint8Array<ArrayBuffer>) : -1;
        if (this.initKey !== gop.format.key) {
          this.initKey = gop.format.key;
          await source.append(gop.format.init.slice().buffer, gop.format.mime);
        }
        this.given.set(gop, newest);
        this.unplayed.delete(gop);
        await source.append(joined(gop.raw.slice(known + 1)).buffer, gop.format.mime);
        if (!this.roomOf(gop)) this.unplayed.add(gop);
        break;
      }
      const now = performance.now();
      if (now - this.trimmedAt > 5000) {
        this.trimmedAt = now;
        await source.trim(this.video.currentTime - behindS);
      }
    } catch (error) {
      if (this.source === source) this.problem = error instanceof Error ? error.message : String(error);
    } finally {
      this.feeding = false;
      this.onNews();
    }
  }
}
