import { tracksOf, type Track } from '../mp4/demux';

/** What decoders have to know of a stream; two of the same `key` are the same. */
export type Format = {
  mime: string;
  key: string;
  /** As it came, for the browser's own player. */
  init: Uint8Array<ArrayBuffer>;
  video: Track;
  audio: Track | undefined;
};

/** Reads an initialisation segment of type `mime`; undefined when it has no video that can be understood. */
export function formatOf(init: Uint8Array<ArrayBuffer>, mime: string): Format | undefined {
  const tracks = tracksOf(init, mime);
  const video = tracks.find((track) => track.kind === 'video');
  const key = [mime, ...tracks.map((track) => hex(track.description ?? new Uint8Array()))].join(' ');
  return video && { mime, key, init, video, audio: tracks.find((track) => track.kind === 'audio') };
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}
