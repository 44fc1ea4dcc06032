import type { Camera, StreamState, Track } from '../api/model';

export type Verdict = { kind: 'quiet' | 'good' | 'warn' | 'bad' | 'busy'; word: string };

/** A camera's state in one word. */
export function verdict(camera: Camera): Verdict {
  switch (camera.state.status) {
    case 'live':
      return camera.state.recording ? { kind: 'good', word: 'Recording' } : { kind: 'warn', word: 'Not recording' };
    case 'connecting':
      return { kind: 'busy', word: 'Connecting' };
    case 'offline':
      return { kind: 'bad', word: 'Offline' };
    case 'disabled':
      return { kind: 'quiet', word: 'Off' };
  }
}

export function streamVerdict(stream: StreamState): Verdict {
  const words: Record<StreamState['status'], Verdict> = {
    live: { kind: 'good', word: 'Live' },
    connecting: { kind: 'busy', word: 'Connecting' },
    offline: { kind: 'bad', word: 'Offline' },
  };
  return words[stream.status];
}

/** `H.264 1920 × 1080` or `AAC 48 kHz mono`. */
export function trackText(track: Track): string {
  if (track.kind === 'video') {
    return track.width && track.height ? `${track.codec} ${track.width} × ${track.height}` : track.codec;
  }
  const rate = track.sampleRateHz ? ` ${track.sampleRateHz / 1000} kHz` : '';
  const channels = track.channels === 1 ? ' mono' : track.channels === 2 ? ' stereo' : track.channels ? ` ${track.channels} channels` : '';
  return track.codec + rate + channels;
}

/** Frames per second as people say it: whole where it is whole. */
export function rateText(framesPerSecond: number): string {
  const rounded = Math.round(framesPerSecond * 10) / 10;
  return `${Number.isInteger(rounded) ? rounded : rounded.toFixed(1)} fps`;
}
