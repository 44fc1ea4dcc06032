// Settings of one camera for others.
import type { Camera, CameraRequest } from '../api/model';

export const copyable = [
  { value: 'recording', text: 'Recording: calendars, streams, times around an alarm' },
  { value: 'retention', text: 'Retention: days kept and promised' },
  { value: 'connection', text: 'Transport and sound' },
] as const;
export type Copyable = (typeof copyable)[number]['value'];

/** Why a camera cannot take the settings of another; empty when it can. */
export function copyProblem(source: Camera, target: Camera, parts: readonly Copyable[]): string {
  const wantsSub = [source.recording.standard, source.recording.alarm].some((rule) => rule.streams.includes('sub'));
  if (parts.includes('recording') && wantsSub && !target.subUrl) return 'has no second stream';
  return '';
}

/** The request that gives a camera the chosen settings of another; all else stays as it is. */
export function copyRequest(source: Camera, target: Camera, parts: readonly Copyable[]): CameraRequest {
  const request: CameraRequest = { name: target.name, url: target.url, username: target.username ?? '', enabled: target.enabled };
  // On which volume is each one's own.
  if (parts.includes('recording')) request.recording = { ...source.recording, volume: target.recording.volume ?? '' };
  if (parts.includes('retention')) request.retention = source.retention;
  if (parts.includes('connection')) Object.assign(request, { transport: source.transport, audio: source.audio });
  return request;
}
