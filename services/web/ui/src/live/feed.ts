import { confirmSessionEnd, liveAddress } from '../api/client';
import type { LiveMessage, StreamName } from '../api/model';
import { unsupported } from '../mse/support';
import { Backoff } from './backoff';
import { CanvasPresenter, decodable } from './canvas';
import { MsePresenter } from './mse';
import type { Listener, Presenter, Way } from './presenter';

/** How a tile's stream does. `waiting`: connected, but no picture comes; `reason` says why when it is known. */
export type FeedState = {
  status: 'connecting' | 'playing' | 'waiting' | 'lost' | 'unsupported';
  reason: string;
};

/** Where pictures are shown: one of the two, by `way`. */
export type Surface = { video: HTMLVideoElement; canvas: HTMLCanvasElement };

const tickMs = 200;
const quietMs = 6000;
const unsupportedRetryMs = 30_000;
/** Messages that may wait while the browser says what it can; they come within milliseconds. */
const maxHeld = 500;
const jpegCodec = 'mp4v.6C';

/**
 * Shows one stream of a camera live: connects, reconnects, and has what comes shown in the best way that this browser
 * has. Everything happens on the page's own event loop; `close` ends it all.
 */
export class Feed {
  private socket: WebSocket | undefined;
  private presenter: Presenter | undefined;
  private mime = '';
  private initNext = false;
  /** Messages since the last init that no presenter has taken yet: the first is the initialisation segment. */
  private held: ArrayBuffer[] | undefined;
  private readonly backoff = new Backoff();
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly ticker: ReturnType<typeof setInterval>;
  private lastDataAt = 0;
  private failures = 0;
  /** Decoding picture by picture broke off too often; the browser's player may be of more patience. */
  private withoutCodecs = false;
  private closed = false;
  private state: FeedState = { status: 'connecting', reason: '' };

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly surface: Surface,
    private audible: boolean,
    private readonly onState: (state: FeedState) => void,
    private readonly onWay: (way: Way | undefined) => void,
  ) {
    this.ticker = setInterval(() => this.tick(), tickMs);
    this.connect();
  }

  close(): void {
    this.closed = true;
    clearInterval(this.ticker);
    clearTimeout(this.retryTimer);
    this.disconnect();
    this.dropPresenter();
  }

  /** The appliance's time of the picture on show, UTC ms; undefined when there is none. */
  pictureMs(): number | undefined {
    return this.presenter?.pictureMs();
  }

  level(): number | undefined {
    return this.presenter?.level();
  }

  setAudible(audible: boolean): void {
    if (audible === this.audible) return;
    this.audible = audible;
    if (this.presenter?.way === 'mse' || (audible && !hearing)) {
      // The browser's player waits for sound that it has been promised: it is asked for only where it is heard.
      this.dropPresenter();
      this.disconnect();
      this.connect();
    } else {
      this.presenter?.setAudible(audible);
    }
  }

  private connect(): void {
    const socket = new WebSocket(liveAddress(this.camera, this.stream, this.audible || hearing));
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.initNext = false;
    this.held = undefined;
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
      // Another codec gets another presenter.
      if (message.mime !== this.mime) this.dropPresenter();
      this.mime = message.mime;
      this.initNext = true;
    } else if (message.type === 'state') {
      const good = message.status === 'live' || message.status === 'connecting';
      if (!good || message.reason) this.tell({ status: 'waiting', reason: message.reason ?? '' });
    }
  }

  private onBytes(data: ArrayBuffer): void {
    this.lastDataAt = performance.now();
    if (this.initNext) {
      this.initNext = false;
      if (this.presenter) this.presenter.begin(data);
      else if (this.mime) void this.choose(data);
      return;
    }
    if (this.held) {
      if (this.held.length < maxHeld) this.held.push(data);
    } else {
      this.presenter?.take(data);
    }
  }

  /** Finds a way to show a stream of type `mime`, and shows what has come meanwhile. */
  private async choose(init: ArrayBuffer): Promise<void> {
    const mime = this.mime;
    const held: ArrayBuffer[] = [];
    this.held = held;
    const way = await wayFor(mime, this.audible, this.withoutCodecs);
    if (this.held !== held) return; // closed, or begun anew
    this.held = undefined;
    if (!way) {
      // No use in receiving it; a look now and then tells when the camera's codec has changed.
      this.mime = '';
      this.disconnect();
      this.tell({ status: 'unsupported', reason: unsupported(mime) });
      this.retryTimer = setTimeout(() => this.connect(), unsupportedRetryMs);
      return;
    }
    const presenter: Presenter =
      way === 'mse'
        ? new MsePresenter(this.surface.video, mime, mime.includes(','), this.listener(() => presenter))
        : new CanvasPresenter(way, this.surface.canvas, mime, this.listener(() => presenter));
    this.presenter = presenter;
    this.onWay(way);
    presenter.setAudible(this.audible);
    presenter.begin(init);
    for (const message of held) presenter.take(message);
  }

  /** Passes on what a presenter tells as long as it is the one. */
  private listener(which: () => Presenter): Listener {
    return {
      shown: () => {
        if (this.presenter !== which()) return;
        this.backoff.reset();
        this.failures = 0;
        this.tell({ status: 'playing', reason: '' });
      },
      failed: (error) => {
        if (this.presenter === which()) this.fail(error);
      },
    };
  }

  /** The browser gave up on the bytes: start over with a fresh presenter, ever more slowly if it goes on. */
  private fail(error: unknown): void {
    this.failures++;
    if (this.failures >= 2 && this.presenter?.way === 'webcodecs') this.withoutCodecs = true;
    this.dropPresenter();
    this.disconnect();
    const reason =
      this.failures < 3
        ? 'The picture broke off. Connecting again…'
        : `The browser cannot play this stream (${error instanceof Error ? error.message : String(error)}). Trying again…`;
    this.tell({ status: 'lost', reason });
    this.retry();
  }

  private tick(): void {
    const now = performance.now();
    if (this.state.status === 'playing' && now - this.lastDataAt > quietMs) {
      this.tell({ status: 'waiting', reason: 'No new picture for some seconds.' });
    }
    this.presenter?.tick(now);
  }

  private dropPresenter(): void {
    this.presenter?.close();
    this.presenter = undefined;
    this.held = undefined;
    this.mime = '';
    this.onWay(undefined);
  }

  private tell(state: FeedState): void {
    if (state.status === this.state.status && state.reason === this.state.reason) return;
    this.state = state;
    this.onState(state);
  }
}

/** Sound can be played beside pictures that are decoded one by one. */
const hearing = typeof AudioDecoder !== 'undefined' && typeof VideoDecoder !== 'undefined';

/** The best way to show a stream of this type here; undefined when there is none. */
async function wayFor(mime: string, audible: boolean, withoutCodecs: boolean): Promise<Way | undefined> {
  const [codec = ''] = (/codecs="?([^"]*)"?/.exec(mime)?.[1] ?? '').split(',');
  if (codec === jpegCodec) return 'jpeg';
  const playable = unsupported(mime) === '';
  if (playable && (withoutCodecs || (audible && !hearing))) return 'mse';
  if (await decodable(codec)) return 'webcodecs';
  return playable ? 'mse' : undefined;
}
