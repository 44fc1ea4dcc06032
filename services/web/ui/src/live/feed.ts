import { confirmSessionEnd, liveAddress } from '../api/client';
import type { LiveMessage, StreamName } from '../api/model';
import { codecNames, unsupported } from '../mse/support';
import { serverClock } from '../state/clock.svelte';
import { Backoff } from './backoff';
import { CanvasPresenter, decodable } from './canvas';
import { MsePresenter } from './mse';
import type { Listener, Presenter, Way } from './presenter';
import { RtcPresenter } from './rtc';
import { Stalls } from './stalls';

/** How a tile's stream does. `waiting`: connected, but no picture comes; `reason` says why when it is known. */
export type FeedState = {
  status: 'connecting' | 'playing' | 'waiting' | 'lost' | 'unsupported';
  reason: string;
};

/** How the user wants streams to come. */
export type Wish = 'auto' | 'webrtc' | 'websocket';
export const wishes: readonly Wish[] = ['auto', 'webrtc', 'websocket'];

/** Where pictures are shown: one of the two, by `way`. */
export type Surface = { video: HTMLVideoElement; canvas: HTMLCanvasElement };

const tickMs = 200;
const quietMs = 6000;
const unsupportedRetryMs = 30_000;
/** Messages that may wait while the browser says what it can; they come within milliseconds. */
const maxHeld = 500;
const jpegCodec = 'mp4v.6C';
const noSound = 'The sound of this camera does not go by WebRTC.';

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
  private lastShownAt = 0;
  private failures = 0;
  private readonly stalls = new Stalls();
  /** Why WebRTC is not tried any more; empty while it may be. */
  private refused = '';
  /** The line holds the WebSocket up. */
  private lossy = false;
  /** Decoding picture by picture broke off too often; the browser's player may be of more patience. */
  private withoutCodecs = false;
  /** Why the appliance makes pictures of the video: this browser cannot decode it. Empty: it does not. */
  private converted = '';
  private closed = false;
  private state: FeedState = { status: 'connecting', reason: '' };

  constructor(
    private readonly camera: string,
    private readonly stream: StreamName,
    private readonly surface: Surface,
    private audible: boolean,
    private readonly onState: (state: FeedState) => void,
    private readonly wish: Wish,
    private readonly onWay: (way: Way | undefined, reason: string) => void,
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
    if (this.presenter?.way === 'webrtc' && audible && !this.presenter.hasSound()) {
      this.refuse(noSound);
    } else if (this.presenter?.way === 'mse') {
      // The browser's player waits for sound that it has been promised: it is asked for only where it is heard.
      this.dropPresenter();
      this.disconnect();
      this.connect();
    } else {
      this.presenter?.setAudible(audible);
    }
  }

  /** Whether the stream is to come by WebRTC now. */
  private byRtc(): boolean {
    if (this.refused !== '' || typeof RTCPeerConnection === 'undefined') return false;
    // Where pictures are decoded one by one the WebSocket is as quick and can do more; a player's buffer is not.
    return this.wish === 'webrtc' || (this.wish === 'auto' && (this.lossy || !hearing || this.withoutCodecs));
  }

  /** WebRTC does not do for this stream: it comes the other way from now on. */
  private refuse(reason: string): void {
    this.refused = reason;
    this.dropPresenter();
    this.disconnect();
    this.connect();
  }

  /** Asks for the stream by WebRTC. */
  private async offer(socket: WebSocket): Promise<void> {
    const presenter: RtcPresenter = new RtcPresenter(this.surface.video, () => serverClock.now(), this.listener(() => presenter));
    this.dropPresenter();
    this.presenter = presenter;
    this.onWay('webrtc', this.lossy ? 'The line holds up what comes by WebSocket.' : '');
    presenter.setAudible(this.audible);
    try {
      const sdp = await presenter.offer();
      if (this.presenter === presenter && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: 'offer', sdp }));
    } catch (error) {
      if (this.presenter === presenter) this.refuse(`This browser does not offer WebRTC (${error instanceof Error ? error.message : String(error)}).`);
    }
  }

  private async answered(presenter: RtcPresenter, sdp: string): Promise<void> {
    await presenter.answer(sdp);
    if (this.presenter === presenter && this.audible && !presenter.hasSound()) this.refuse(noSound);
  }

  private connect(): void {
    const byRtc = this.converted === '' && this.byRtc();
    const media = this.converted !== '' ? 'jpeg' : byRtc ? 'webrtc' : 'mp4';
    const socket = new WebSocket(liveAddress(this.camera, this.stream, this.audible || hearing, media));
    this.stalls.reset();
    socket.binaryType = 'arraybuffer';
    this.socket = socket;
    this.initNext = false;
    this.held = undefined;
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.lastDataAt = performance.now();
      if (byRtc && this.socket === socket) void this.offer(socket);
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
    } else if (message.type === 'answer' && message.sdp) {
      if (this.presenter instanceof RtcPresenter) void this.answered(this.presenter, message.sdp);
    } else if (message.type === 'refused' && this.converted !== '') {
      this.giveUp(`${this.converted} ${message.reason ?? ''}`);
    } else if (message.type === 'refused') {
      this.refuse(message.reason ?? 'The appliance refuses WebRTC.');
    } else if (message.type === 'unplayable') {
      this.convert(message.reason ?? '');
    } else if (message.type === 'state') {
      const good = message.status === 'live' || message.status === 'connecting';
      if (!good && this.converted !== '') {
        // The camera may come back with another codec, which this browser decodes.
        this.converted = '';
        this.dropPresenter();
        this.disconnect();
        this.connect();
        return;
      }
      if (!good || message.reason) this.tell({ status: 'waiting', reason: message.reason ?? '' });
    }
  }

  private onBytes(data: ArrayBuffer): void {
    this.lastDataAt = performance.now();
    if (!this.lossy && this.stalls.arrived(this.lastDataAt)) {
      this.lossy = true;
      if (this.byRtc()) {
        this.disconnect();
        this.connect();
        return;
      }
    }
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
      this.convert(`This browser cannot play ${codecNames(mime)[0] ?? 'this video'}.`);
      return;
    }
    const presenter: Presenter =
      way === 'mse'
        ? new MsePresenter(this.surface.video, mime, mime.includes(','), this.listener(() => presenter))
        : new CanvasPresenter(way, this.surface.canvas, mime, this.listener(() => presenter));
    this.presenter = presenter;
    this.onWay(way, (this.converted && `${this.converted} The appliance makes pictures of it.`) || this.refused || (way === 'mse' ? 'This browser does not decode this picture by picture, or did not manage to.' : ''));
    presenter.setAudible(this.audible);
    presenter.begin(init);
    for (const message of held) presenter.take(message);
  }

  /** This browser cannot decode the video: the appliance is asked for pictures of it. */
  private convert(reason: string): void {
    this.dropPresenter();
    this.disconnect();
    if (this.closed) return;
    if (this.converted !== '') {
      this.giveUp(reason);
      return;
    }
    this.converted = reason;
    this.tell({ status: 'connecting', reason: '' });
    this.connect();
  }

  /** There is no way to show it; a look now and then tells when the camera's codec, or what stands in the way, has changed. */
  private giveUp(reason: string): void {
    this.dropPresenter();
    this.disconnect();
    this.converted = '';
    this.tell({ status: 'unsupported', reason: reason.trim() });
    clearTimeout(this.retryTimer);
    this.retryTimer = setTimeout(() => this.connect(), unsupportedRetryMs);
  }

  /** Passes on what a presenter tells as long as it is the one. */
  private listener(which: () => Presenter): Listener {
    return {
      shown: () => {
        if (this.presenter !== which()) return;
        this.backoff.reset();
        this.failures = 0;
        this.lastShownAt = performance.now();
        this.tell({ status: 'playing', reason: '' });
      },
      failed: (error) => {
        if (this.presenter === which()) this.fail(error);
      },
    };
  }

  /** The browser gave up on the bytes: start over with a fresh presenter, ever more slowly if it goes on. */
  private fail(error: unknown): void {
    if (this.presenter?.way === 'webrtc') {
      this.refuse(`WebRTC broke off: ${error instanceof Error ? error.message : String(error)}.`);
      return;
    }
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
    if (this.state.status === 'playing' && now - Math.max(this.lastDataAt, this.lastShownAt) > quietMs) {
      this.tell({ status: 'waiting', reason: 'No new picture for some seconds.' });
    }
    this.presenter?.tick(now);
  }

  private dropPresenter(): void {
    this.presenter?.close();
    this.presenter = undefined;
    this.held = undefined;
    this.mime = '';
    this.onWay(undefined, '');
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
