import { fetchKeyframe, streamMedia } from '../api/client';
import { ApiError, sentence } from '../api/error';
import type { StreamName } from '../api/model';
import { BoxCutter, joined } from '../mp4/cutter';
import { samplesOf } from '../mp4/demux';
import { formatOf, type Format } from './format';
import { gopOf, type Gops } from './gops';

const firstMs = 2_000;
const steadyMs = 8_000;
const longestMs = 60_000;
/** Pictures kept ready, in time of playing. */
const aheadMs = 12_000;
const edgeRetryMs = 1_000;
const failRetryMs = 2_000;

/**
 * Fetches what a stream is played from: forwards or back from an instant, one request at a time, until enough is there.
 * What it learns goes into the Gops: pictures, and where there are none.
 */
export class Loader {
  private abort = new AbortController();
  private busy = false;
  private retryAtMs = 0;
  private eager = true;
  /** Where nothing came although there was to be something. */
  private emptyUs = NaN;
  /** All footage there is has been fetched; more may come. */
  atEdge = false;
  problem = '';
  /** As what footage is fetched: `mjpeg` is made of it by the appliance. */
  private format: 'mp4' | 'mjpeg' = 'mp4';
  /** What is recorded cannot be put into MP4 as it is. */
  unplayable = false;

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly gops: Gops,
    private readonly onNews: () => void,
  ) {}

  close(): void {
    this.abort.abort();
  }

  /** Fetches pictures that the appliance makes from now on, and lets go of what has been fetched. */
  remake(): void {
    this.abort.abort();
    this.abort = new AbortController();
    this.busy = false;
    this.format = 'mjpeg';
    this.unplayable = false;
    this.emptyUs = NaN;
    this.gops.clear();
    this.turn(NaN);
  }

  /** Another instant is wanted: what is under way is given up, unless it brings that. */
  turn(us: number): void {
    this.eager = true;
    this.retryAtMs = 0;
    if (this.problem !== '') this.problem = '';
    if (this.gops.at(us) || !this.busy) return;
    this.abort.abort();
    this.abort = new AbortController();
    this.busy = false;
  }

  /** Fetches what is needed next to play from an instant at a rate (below 0: backwards). */
  fill(us: number, rate: number, nowMs: number): void {
    if (this.busy || nowMs < this.retryAtMs) return;
    const direction = rate < 0 ? -1 : 1;
    const from = direction < 0 && this.gops.at(us) ? Math.max(us, this.gops.at(us)?.endUs ?? us) : us;
    const reach = this.gops.reach(from, direction);
    if (!Number.isFinite(reach.us)) return;
    if (reach.pictureUs / 1000 >= aheadMs * Math.min(8, Math.max(1, Math.abs(rate)))) return;
    const lengthMs = Math.min(longestMs, (this.eager ? firstMs : steadyMs) * Math.max(1, Math.abs(rate)));
    this.busy = true;
    const { signal } = this.abort;
    const task = direction > 0 ? this.forwards(reach.us, lengthMs, nowMs, signal) : this.back(reach.us, lengthMs, signal);
    task
      .catch((error: unknown) => {
        if (signal.aborted) return;
        this.problem = sentence(error);
        this.unplayable = this.format === 'mp4' && error instanceof ApiError && error.code === 'bad_codec';
        const passing = error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
        this.retryAtMs = passing ? nowMs + failRetryMs : Infinity;
      })
      .finally(() => {
        if (signal.aborted) return;
        this.busy = false;
        this.eager = false;
        this.onNews();
      });
  }

  /** Fetches the GOP of an instant, whatever is known around it. */
  async load(us: number): Promise<void> {
    await this.fetch(Math.floor(us / 1000), 1, this.abort.signal);
  }

  private async forwards(us: number, lengthMs: number, nowMs: number, signal: AbortSignal): Promise<void> {
    const before = this.gops.reach(us, 1).us;
    // Behind what is known, as the appliance tells its end; rounded down, that would be asked for once more.
    const fromMs = this.gops.at(us - 1) ? Math.ceil(us / 1000) : Math.floor(us / 1000);
    const head = await this.fetch(fromMs, lengthMs, signal);
    if (signal.aborted) return;
    this.problem = '';
    this.atEdge = head === null || head.nextMs === undefined;
    if (head && head.startMs > fromMs + 1) this.gops.addHole(us, head.startMs * 1000);
    const grew = this.gops.reach(us, 1).us > before;
    // Twice nothing came although footage was told of: it is damaged there.
    const again = this.emptyUs === us;
    this.emptyUs = grew ? NaN : us;
    if (!grew && again && head?.nextMs !== undefined) {
      this.gops.addHole(us, Math.min(this.gops.startAfter(us), Math.max(head.endMs, head.nextMs, fromMs + 1000) * 1000), 0);
    }
    if (this.atEdge) this.retryAtMs = nowMs + edgeRetryMs;
  }

  private async back(us: number, lengthMs: number, signal: AbortSignal): Promise<void> {
    const fromMs = Math.max(us / 1000 - lengthMs, this.gops.knownBefore(us) / 1000);
    const wantedMs = us / 1000 - fromMs;
    // The keyframe just before says whether footage goes on there at all.
    const key = await fetchKeyframe(this.camera, this.stream, us / 1000 - 1, 0, signal);
    if (signal.aborted) return;
    this.problem = '';
    if (!key) {
      this.gops.addHole(-Infinity, us);
      return;
    }
    if (key.endMs * 1000 < us - 200_000) {
      this.gops.addHole(key.endMs * 1000, us);
      return;
    }
    const before = this.gops.reach(us, -1).us;
    await this.fetch(Math.min(fromMs + 1, key.startMs), Math.max(1, wantedMs - 1), signal);
    if (signal.aborted) return;
    if (this.gops.reach(us, -1).us < before) return;
    // A gap or a change of format lay in between: the GOP alone will do.
    await this.fetch(key.startMs + 1, Math.max(1, us / 1000 - key.startMs - 2), signal);
    if (signal.aborted) return;
    if (this.gops.reach(us, -1).us >= before) this.gops.addHole(Math.min(key.startMs * 1000, us - 1_000_000), us);
  }

  private async fetch(fromMs: number, durationMs: number, signal: AbortSignal) {
    const cutter = new BoxCutter();
    let format: Format | undefined;
    let mime = '';
    let init: Uint8Array<ArrayBuffer>[] = [];
    let fragment: Uint8Array<ArrayBuffer>[] = [];
    let endUs = 0;
    let nextMs: number | undefined;
    return await streamMedia(
      this.camera,
      this.stream,
      fromMs,
      durationMs,
      this.format,
      signal,
      (head) => {
        mime = head.mime;
        endUs = head.endMs * 1000;
        nextMs = head.nextMs;
        // What lies after the end of an answer that is not at the newest footage is told.
        if (nextMs !== undefined && nextMs > head.endMs) this.gops.addHole(endUs, nextMs * 1000);
      },
      (bytes) => {
        if (signal.aborted) return;
        for (const [type, box] of cutter.push(bytes)) {
          if (type === 'ftyp') init = [box];
          else if (type === 'moov') {
            format = formatOf(joined([...init, box]), mime);
            if (!format) throw new ApiError(200, { code: 'unexpected', message: 'This recording cannot be understood here. Download it instead.' });
          } else if (type === 'moof') fragment = [box];
          else if (type === 'mdat' && format) {
            const raw = joined([...fragment, box]);
            const gop = gopOf(format, samplesOf(raw, format.audio ? [format.video, format.audio] : [format.video]), [raw], false);
            if (!gop) continue;
            // The last GOP of what is being recorded may grow.
            gop.open = nextMs === undefined && gop.endUs > endUs - 100_000;
            this.gops.put(gop);
            this.onNews();
          }
        }
      },
    );
  }
}
