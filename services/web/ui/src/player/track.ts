import { fetchKeyframe } from '../api/client';
import { ApiError } from '../api/error';
import type { StreamName } from '../api/model';
import { unsupported } from '../mse/support';
import { Decoding, type Picture } from './decoding';
import { Gops, type Hole, type Place } from './gops';
import { Loader } from './loader';
import { Stills } from './stills';
import { Tap } from './tap';
import { VideoPictures } from './video';
import { wayOf, type Way } from './ways';
import { capacity, snapped, strideAt, Window } from './window';

/**
 * What a camera has for an instant. `ready`: its picture is on show. `waiting`: that is on its way. `hole`: nothing was
 * recorded then. `edge`: not yet. `failed`: see the track's problem.
 */
export type TrackState = 'ready' | 'waiting' | 'hole' | 'edge' | 'failed';

/** For what was fetched, of all cameras. */
const memoryBytes = 256 << 20;
const leastBytes = 24 << 20;
/** A running picture may be so much late; beside other cameras by one picture at most. */
const lateUs = 200_000;
const rollAheadMs = 130;
const rollPictures = 4;
const rollRetryMs = 1000;

/** One stream of one camera, shown on one canvas at whatever instant it is told to. Times are microseconds. */
export class Track {
  readonly gops: Gops;
  private readonly loader: Loader;
  private readonly decoding: Decoding;
  private readonly window = new Window();
  /** For what cannot be decoded picture by picture. */
  private video: VideoPictures | undefined;
  private tap: Tap | undefined;
  private roll: Stills | undefined;
  private rollBusy = 0;
  private rollLast = -Infinity;
  /** The instant before, and the one that was asked for while the clock was held. */
  private rollMs = NaN;
  private rollHeld = NaN;
  private rollEdge = false;
  private lookingForLast = false;
  private drawn = NaN;
  /** What is on show comes from the browser's own player. */
  byPlayer = false;
  /** What is on show are pictures that the appliance makes, of what this browser cannot decode. */
  made = false;
  /** The picture stays while time goes on. */
  frozen = false;
  /** Instant of the picture on show. */
  shownUs = NaN;
  problem = '';

  constructor(
    readonly camera: string,
    readonly stream: StreamName,
    private readonly canvas: HTMLCanvasElement,
    /** How many cameras share the memory. */
    cameras: number,
    private readonly onNews: () => void,
  ) {
    this.gops = new Gops(Math.max(leastBytes, memoryBytes / cameras));
    this.loader = new Loader(camera, stream, this.gops, onNews);
    this.decoding = new Decoding(this.gops, onNews);
  }

  close(): void {
    this.loader.close();
    this.decoding.close();
    this.video?.close();
    this.tap?.close();
    this.roll?.close();
  }

  /** Another instant is about to be shown. */
  turn(us: number): void {
    this.problem = '';
    this.loader.turn(us);
    this.decoding.forgive();
  }

  hole(us: number): Hole | undefined {
    return this.gops.holeAt(us);
  }

  /**
   * Shows an instant, and sees to what comes next at that rate. While pictures run, one that is a little late is passed
   * over; standing still, it is the very picture of the instant.
   */
  update(us: number, rate: number, nowMs: number, cameras: number, playing: boolean): TrackState {
    this.gops.trim(us);
    if (!this.tapped(us)) this.loader.fill(us, rate, nowMs);
    const direction = rate < 0 ? -1 : 1;
    let place = this.gops.placeAt(us);
    for (let tries = 0; place && tries < 50 && this.decoding.isDead(this.sample(place)); tries++) {
      const before = this.gops.step(place, -1);
      if (before.rest !== 0) break;
      place = before.place;
    }
    const way = place && wayOf(place.gop.format, this.onNews);
    this.byPlayer = way === 'player';
    if (!this.byPlayer) this.video?.rest();
    if (place && way !== 'pictures') return this.updateOtherwise(place, way, us, rate, playing);
    if (place) {
      const { width, height } = place.gop.format.video;
      const stride = playing ? strideAt(rate) : 1;
      place = snapped(place, stride);
      const { wanted, keep, enough, last } = this.window.around(this.gops, place, direction, capacity(width, height, cameras), stride);
      this.decoding.want(
        wanted.map((one) => ({ gop: one.gop, sample: this.sample(one) })),
        keep.map((one) => this.sample(one).timeUs),
        enough,
        last,
      );
      let sample = this.sample(place);
      // Running forwards, time does not go back: where only every so many pictures are wanted, what is on show may be newer.
      const newer = (timeUs: number) => playing && rate > 0 && timeUs <= this.shownUs && this.shownUs <= us;
      if (newer(sample.timeUs)) return 'ready';
      let frame = this.decoding.frame(sample);
      for (const one of playing && rate > 0 && !frame ? keep : []) {
        const before = this.sample(one);
        if (us - before.timeUs > (cameras > 1 ? 2 * before.durationUs : lateUs) * rate) break;
        if (newer(before.timeUs)) return 'ready';
        frame = this.decoding.frame(before);
        if (frame) {
          sample = before;
          break;
        }
      }
      if (frame) {
        this.draw(frame, sample.timeUs);
        return 'ready';
      }
      if (this.decoding.problem !== '') {
        this.problem = `The browser cannot decode this recording (${this.decoding.problem}). Download it instead.`;
        return 'failed';
      }
      return 'waiting';
    }
    if (this.gops.holeAt(us)) return 'hole';
    if (this.loader.unplayable) return this.remake();
    if (this.loader.problem !== '') {
      this.problem = this.loader.problem;
      return 'failed';
    }
    if (!this.loader.atEdge || rate < 0) return 'waiting';
    if (!Number.isFinite(this.gops.newestUs)) this.lookForLast(us);
    return 'edge';
  }

  /** As update, for a format that is not decoded picture by picture. */
  private updateOtherwise(place: Place, way: Way | undefined, us: number, rate: number, playing: boolean): TrackState {
    if (way === undefined) return 'waiting';
    if (way === 'none') {
      if (!this.made) return this.remake();
      this.problem = unsupported(place.gop.format.mime);
      return 'failed';
    }
    this.video ??= new VideoPictures(this.canvas, this.onNews);
    const shown = this.video.show(this.gops, place, us, rate, playing);
    if (this.video.problem !== '') {
      this.problem = `The browser cannot play this recording (${this.video.problem}). Download it instead.`;
      return 'failed';
    }
    if (!shown) return 'waiting';
    this.draw(this.video.picture, this.sample(shown).timeUs);
    return 'ready';
  }

  /** Has the appliance make pictures from now on. */
  private remake(): TrackState {
    this.made = true;
    this.follow(false);
    this.loader.remake();
    return 'waiting';
  }

  /** Lets the browser's player be heard. */
  set audible(audible: boolean) {
    if (this.video) this.video.audible = audible;
  }

  /** As update, by keyframes alone: for rates at which not every picture can be decoded. */
  updateRoll(us: number, rate: number): TrackState {
    this.roll ??= new Stills(this.camera, this.stream, 1280, 24, 3);
    const roll = this.roll;
    const ms = us / 1000;
    if (this.gops.holeAt(us)) return 'hole';
    const held = ms === this.rollMs;
    this.rollMs = ms;
    for (let n = 0; n < rollPictures && this.rollBusy < 3; n++) {
      const at = ms + n * rate * rollAheadMs;
      if (roll.peek(at) || this.gops.holeAt(at * 1000)) continue;
      // A clock that is held waits for this very instant; else one not far from the last will do.
      if (n === 0 && held && this.rollHeld !== at) this.rollHeld = at;
      else if (Math.abs(at - this.rollLast) < Math.abs(rate) * rollAheadMs * 0.7) continue;
      this.rollLast = at;
      this.rollBusy++;
      void this.rollOn(roll, at, rate).finally(() => {
        this.rollBusy--;
        this.onNews();
      });
    }
    const still = roll.peek(ms) ?? roll.peek(ms - rate * rollAheadMs) ?? roll.peek(ms - 2 * rate * rollAheadMs);
    if (!still) return this.rollEdge ? 'edge' : 'waiting';
    if (rate > 0 && still.startMs * 1000 < this.shownUs && this.shownUs <= us) return 'ready'; // time does not go back
    this.draw(still.picture, still.startMs * 1000);
    return 'ready';
  }

  private async rollOn(roll: Stills, ms: number, rate: number): Promise<void> {
    const still = await roll.at(ms);
    if (still && still.endMs > ms) return;
    // The keyframe before is not of this instant: nothing was recorded.
    if (rate < 0) {
      this.gops.addHole(still ? still.endMs * 1000 : -Infinity, ms * 1000);
      return;
    }
    try {
      const next = await fetchKeyframe(this.camera, this.stream, ms, 1);
      if (next && next.startMs > ms) this.gops.addHole(Math.min(ms, still?.endMs ?? ms) * 1000, next.startMs * 1000);
      else this.rollEdge = true;
      // A file's end and its last picture's are not always told alike: in between the picture stays.
      if (still && !this.rollEdge && !this.gops.holeAt(ms * 1000)) still.endMs = Math.max(still.endMs, ms + rollAheadMs);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setTimeout(() => (this.rollHeld = NaN), rollRetryMs);
    }
  }

  /** Ends the showing of keyframes alone. */
  unroll(): void {
    this.roll?.close();
    this.roll = undefined;
    this.rollEdge = false;
    this.rollLast = -Infinity;
  }

  /** Follows what the camera sends now, or no longer. */
  follow(live: boolean): void {
    if (live && this.made) return; // the camera sends what cannot be decoded here
    if (live && (!this.tap || this.tap.ended)) this.tap = new Tap(this.camera, this.stream, this.gops, this.onNews);
    else if (!live) {
      this.tap?.close();
      this.tap = undefined;
    }
  }

  get follows(): boolean {
    return this.tap?.gop !== undefined;
  }

  /** Whether what follows an instant comes from the camera. */
  private tapped(us: number): boolean {
    const gop = this.tap?.gop;
    return gop !== undefined && this.gops.at(this.gops.reach(us, 1).us - 1) === gop;
  }

  /** All that is recorded has been fetched. */
  get atEdge(): boolean {
    return this.loader.atEdge;
  }

  /** Instant of the newest picture that is known. */
  get newestUs(): number {
    return this.gops.newestUs;
  }

  private sample(place: Place) {
    return place.gop.shown[place.index] as Place['gop']['shown'][number];
  }

  private lookForLast(us: number): void {
    if (this.lookingForLast) return;
    this.lookingForLast = true;
    fetchKeyframe(this.camera, this.stream, us / 1000, 0)
      .then(async (key) => {
        if (key) await this.loader.load((key.startMs + 1) * 1000);
      })
      .catch((error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
      })
      .finally(() => this.onNews());
  }

  private draw(picture: Picture | HTMLVideoElement, us: number): void {
    if (this.frozen) return;
    const running = 'videoWidth' in picture;
    if (us === this.drawn && !running) return;
    const [width, height] = running ? [picture.videoWidth, picture.videoHeight] : 'displayWidth' in picture ? [picture.displayWidth, picture.displayHeight] : [picture.width, picture.height];
    if (this.canvas.width !== width || this.canvas.height !== height) Object.assign(this.canvas, { width, height });
    this.canvas.getContext('2d')?.drawImage(picture, 0, 0, width, height);
    this.drawn = this.shownUs = us;
    this.canvas.dataset.pictureMs = String(us / 1000);
  }
}
