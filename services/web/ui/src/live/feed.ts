import { confirmSessionEnd, liveAddress } from '../api/client';
import type { LiveMessage } from '../api/model';
import { fragmentStartMs, timescales } from '../mse/mp4';
import { Source } from '../mse/source';
import { unsupported } from '../mse/support';
import { Backoff } from './backoff';
import { EdgeControl } from './edge';

/** How a tile's stream does. `waiting`: connected, but no picture comes; `reason` says why when it is known. */
export type FeedState = {
  status: 'connecting' | 'playing' | 'waiting' | 'lost' | 'unsupported';
  reason: string;
};

const tickMs = 200;
const quietMs = 6000;
const keepBehindS = 8;
const unsupportedRetryMs = 30_000;
/** More unappended messages than this, and the page does not keep up: all but the newest are dropped. */
const pileUp = 12;

/**
 * Plays one camera live in one video element: connects, reconnects, feeds Media Source Extensions and holds
 * playback at the live edge. Everything happens on the page's own event loop; `close` ends it all.
 */
export class Feed {
  private socket: WebSocket | undefined;
  private source: Source | undefined;
  private originMs = 0;
  private mime = '';
  private playable = false;
  private initNext = false;
  private init: ArrayBuffer | undefined;
  private scales = new Map<number, number>();
  private edge = new EdgeControl();
  private readonly backoff = new Backoff();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly ticker: ReturnType<typeof setInterval>;
  private lastDataAt = 0;
  private lastTrimAt = 0;
  private failures = 0;
  private closed = false;
  private state: FeedState = { status: 'connecting', reason: '' };

  constructor(
    private readonly camera: string,
    private readonly video: HTMLVideoElement,
    private readonly onState: (state: FeedState) => void,
  ) {
    this.ticker = setInterval(() => this.tick(), tickMs);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.ticker);
    clearTimeout(this.retryTimer);
    this.disconnect();
    this.dropSource();
  }

  /** The appliance's time of the picture on show, UTC ms; undefined when there is none. */
  pictureMs(): number | undefined {
    if (!this.source || this.video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return undefined;
    return this.originMs + this.video.currentTime * 1000;
  }

  private connect(): void {
    const socket = new WebSocket(liveAddress(this.camera));
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.initNext = false;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.lastDataAt = performance.now();
    };
    socket.onmessage = (event) => {
      if (this.socket !== socket) return;
      if (typeof event.data === 'string') this.onText(event.data);
      else if (event.data instanceof ArrayBuffer) this.onBytes(event.data);
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      // A refused handshake shows no status here: it may well be that the session has ended.
      if (!opened) void confirmSessionEnd();
      this.tell({ status: 'lost', reason: opened ? 'The stream broke off. Connecting again…' : 'No connection to the appliance. Trying again…' });
      this.retry();
    };
  }

  private disconnect(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }

  private retry(): void {
    if (this.closed) return;
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), this.backoff.next());
  }

  private onText(text: string): void {
    let message: LiveMessage;
    try {
      message = JSON.parse(text) as LiveMessage;
    } catch {
      return; // not for this client
    }
    if (message.type === 'init' && message.mime) {
      const why = unsupported(message.mime);
      this.playable = why === '';
      this.mime = message.mime;
      this.initNext = true;
      if (why !== '') {
        // No use in receiving it; a look now and then tells when the camera's codec has changed.
        this.dropSource();
        this.disconnect();
        this.tell({ status: 'unsupported', reason: why });
        this.retryTimer = setTimeout(() => this.connect(), unsupportedRetryMs);
      }
    } else if (message.type === 'state') {
      const good = message.status === 'live' || message.status === 'connecting';
      if (!good || message.reason) this.tell({ status: 'waiting', reason: message.reason ?? '' });
    }
  }

  private onBytes(data: ArrayBuffer): void {
    this.lastDataAt = performance.now();
    if (!this.playable) return;
    if (this.initNext) {
      this.initNext = false;
      this.init = data;
      this.scales = timescales(data);
      if (this.source) void this.feed(data);
      return;
    }
    if (!this.source && !this.begin(data)) return;
    if (this.source && this.source.waiting > pileUp) return;
    void this.feed(data);
  }

  /** Opens a source whose time axis begins a second before the first fragment. */
  private begin(fragment: ArrayBuffer): boolean {
    const startMs = fragmentStartMs(fragment, this.scales);
    if (startMs === undefined || !this.init) return false;
    this.originMs = Math.floor(startMs) - 1000;
    this.source = new Source(this.video, this.originMs);
    this.edge = new EdgeControl();
    void this.feed(this.init);
    return true;
  }

  private async feed(data: ArrayBuffer): Promise<void> {
    const source = this.source;
    if (!source) return;
    const before = source.ranges().at(-1)?.end;
    const reserve = before === undefined ? 0 : before - this.video.currentTime;
    try {
      await source.append(data, this.mime);
    } catch (error) {
      if (this.source === source && !this.closed) this.fail(error);
      return;
    }
    const newest = source.ranges().at(-1);
    if (this.source !== source || !newest || newest.end === before) return;
    this.edge.arrived(reserve, newest.end - Math.max(before ?? newest.start, newest.start));
    this.backoff.reset();
    this.failures = 0;
    this.tell({ status: 'playing', reason: '' });
    this.tick();
  }

  /** The browser gave up on the bytes: start over with a fresh source, ever more slowly if it goes on. */
  private fail(error: unknown): void {
    this.failures++;
    this.dropSource();
    this.disconnect();
    const reason =
      this.failures < 3
        ? 'The picture broke off. Connecting again…'
        : `The browser cannot play this stream (${error instanceof Error ? error.message : String(error)}). Trying again…`;
    this.tell({ status: 'lost', reason });
    this.retry();
  }

  private tick(): void {
    const source = this.source;
    const now = performance.now();
    if (this.state.status === 'playing' && now - this.lastDataAt > quietMs) {
      this.tell({ status: 'waiting', reason: 'No new picture for some seconds.' });
    }
    if (!source) return;
    if (this.video.error) {
      this.fail(this.video.error);
      return;
    }
    const ranges = source.ranges();
    if (ranges.length === 0) return;
    const move = this.edge.decide(this.video.currentTime, ranges);
    if (move.seekTo !== undefined && !this.video.seeking) this.video.currentTime = move.seekTo;
    if (Math.abs(this.video.playbackRate - move.rate) > 0.005) this.video.playbackRate = move.rate;
    if (this.video.paused) this.video.play().catch(() => this.video.muted || this.playMuted());
    if (now - this.lastTrimAt > 5000) {
      this.lastTrimAt = now;
      const end = this.video.currentTime - keepBehindS;
      if (end > 0) void source.trim(end).catch(() => {});
    }
  }

  /** A browser may refuse sound before the first click; silence is better than no picture. */
  private playMuted(): void {
    this.video.muted = true;
    void this.video.play().catch(() => {});
  }

  private dropSource(): void {
    this.source?.close();
    this.source = undefined;
    this.video.playbackRate = 1;
  }

  private tell(state: FeedState): void {
    if (state.status === this.state.status && state.reason === this.state.reason) return;
    this.state = state;
    this.onState(state);
  }
}
