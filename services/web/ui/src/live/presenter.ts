/** How a live stream gets onto the screen. */
export type Way = 'webrtc' | 'webcodecs' | 'jpeg' | 'mse';

export const wayTitles: Record<Way, string> = { webrtc: 'WebRTC', webcodecs: 'WebSocket, WebCodecs', jpeg: 'WebSocket, JPEG', mse: 'WebSocket, Media Source' };

/** What a presenter tells. After `failed` it is of no use any more. */
export type Listener = {
  /** A picture is on show. */
  shown(): void;
  failed(error: unknown): void;
};

/** Shows what comes over the WebSocket. `close` ends it. */
export interface Presenter {
  readonly way: Way;
  /** An initialisation segment: the first, or of new parameters in the same codecs. */
  begin(init: ArrayBuffer): void;
  /** A message of fragments. */
  take(message: ArrayBuffer): void;
  /** The appliance's time of the picture on show, UTC ms. */
  pictureMs(): number | undefined;
  setAudible(audible: boolean): void;
  /** Whether there is sound to be heard. */
  hasSound(): boolean;
  /** How loud it is, 0 to 1; undefined when that is not known. */
  level(): number | undefined;
  /** Now and then, for what has to be looked after. */
  tick(nowMs: number): void;
  close(): void;
}
