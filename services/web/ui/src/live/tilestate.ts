import type { Camera } from '../api/model';
import { span } from '../ui/format';
import type { FeedState } from './feed';

/** What a tile says over (or instead of) its picture. */
export type TileNote = { kind: 'none' | 'busy' | 'warn' | 'bad'; title: string; text: string };

const none: TileNote = { kind: 'none', title: '', text: '' };

/** Of all that is known about a camera, what matters most to somebody who looks for its picture. */
export function tileNote(camera: Camera, feed: FeedState, nowMs: number): TileNote {
  if (feed.status === 'playing') return none;
  const { state } = camera;
  if (!camera.enabled || state.status === 'disabled') {
    return { kind: 'warn', title: 'Switched off', text: 'This camera is not connected to. Switch it on under Cameras.' };
  }
  if (state.status === 'offline') {
    return { kind: 'bad', title: 'Offline', text: [state.reason ?? feed.reason, retryText(state.retryMs, nowMs)].filter(Boolean).join(' ') };
  }
  if (feed.status === 'unsupported') return { kind: 'warn', title: 'Cannot be shown here', text: feed.reason };
  if (feed.status === 'lost') return { kind: 'busy', title: 'Connection lost', text: feed.reason };
  if (feed.status === 'waiting') return { kind: 'warn', title: 'No picture', text: feed.reason };
  return { kind: 'busy', title: '', text: state.status === 'connecting' ? 'Connecting to the camera…' : 'Waiting for the picture…' };
}

/** When the next try is due; nothing when it is not known or due already. */
export function retryText(retryMs: number | undefined, nowMs: number): string {
  if (retryMs === undefined || retryMs <= nowMs) return '';
  return `Next try in ${span(Math.ceil((retryMs - nowMs) / 1000) * 1000)}.`;
}
