import type { Listener, Presenter } from './presenter';

const ticksPerMs = 90;
const wrapMs = 2 ** 32 / ticksPerMs;
/** Connected, but nothing comes to be shown for so long: another way is better. */
const patienceMs = 5000;

/** What some browsers let a page wish of a receiver; to others these are nothing. */
type Receiver = { jitterBufferTarget?: number | null; playoutDelayHint?: number };
type FrameFacts = { rtpTimestamp?: number };

/**
 * Receives by WebRTC and shows that in a video element. The offer goes out, and the answer comes back, by whoever made
 * it. Pictures carry the appliance's time in their timestamps.
 */
export class RtcPresenter implements Presenter {
  readonly way = 'webrtc';
  private readonly connection = new RTCPeerConnection();
  private readonly stream = new MediaStream();
  private handle = 0;
  private shownMs: number | undefined;
  private lastAt = performance.now();
  private closed = false;

  constructor(
    private readonly video: HTMLVideoElement,
    /** The appliance's time now, UTC ms. */
    private readonly nowMs: () => number,
    private readonly listener: Listener,
  ) {
    for (const kind of ['video', 'audio']) this.connection.addTransceiver(kind, { direction: 'recvonly' });
    this.connection.ontrack = ({ track, receiver }) => {
      // Nothing is kept back for evenness: what comes is shown.
      const wishes: Receiver = receiver;
      wishes.jitterBufferTarget = 0;
      wishes.playoutDelayHint = 0;
      this.stream.addTrack(track);
    };
    this.connection.onconnectionstatechange = () => {
      if (this.connection.connectionState === 'failed') this.fail(new Error('the WebRTC connection broke off'));
    };
    video.srcObject = this.stream;
    void video.play().catch(() => {});
    this.watch();
  }

  async offer(): Promise<string> {
    const offer = await this.connection.createOffer();
    await this.connection.setLocalDescription(offer);
    return offer.sdp ?? '';
  }

  async answer(sdp: string): Promise<void> {
    try {
      this.lastAt = performance.now();
      await this.connection.setRemoteDescription({ type: 'answer', sdp });
    } catch (error) {
      this.fail(error);
    }
  }

  private watch(): void {
    this.handle = this.video.requestVideoFrameCallback((_, facts) => {
      this.lastAt = performance.now();
      const { rtpTimestamp } = facts as FrameFacts;
      this.shownMs = rtpTimestamp === undefined ? this.nowMs() : instantOf(rtpTimestamp, this.nowMs());
      this.listener.shown();
      this.watch();
    });
  }

  begin(): void {}

  take(): void {}

  pictureMs(): number | undefined {
    return this.shownMs;
  }

  setAudible(audible: boolean): void {
    this.video.muted = !audible;
  }

  hasSound(): boolean {
    return this.stream.getAudioTracks().length > 0;
  }

  level(): number | undefined {
    return undefined;
  }

  tick(now: number): void {
    if (now - this.lastAt > patienceMs && !document.hidden) this.fail(new Error('no picture came by WebRTC'));
  }

  private fail(error: unknown): void {
    if (!this.closed) this.listener.failed(error);
  }

  close(): void {
    this.closed = true;
    this.video.cancelVideoFrameCallback(this.handle);
    this.connection.close();
    if (this.video.srcObject === this.stream) this.video.srcObject = null;
  }
}

/** The instant near `nowMs` that a timestamp of 32 bits means. */
export function instantOf(rtpTimestamp: number, nowMs: number): number {
  const offset = (((nowMs - rtpTimestamp / ticksPerMs) % wrapMs) + wrapMs) % wrapMs;
  return nowMs - (offset > wrapMs / 2 ? offset - wrapMs : offset);
}
