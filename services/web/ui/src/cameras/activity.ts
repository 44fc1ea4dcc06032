// What of a camera is being recorded now, and why.
import type { Camera, RecordingState, StreamName, StreamState } from '../api/model';
import { span } from '../ui/format';

export type Activity = { kind: 'alarm' | 'forced'; word: string; title: string };

/** Recordings out of the ordinary that run now. */
export function activities(camera: Camera, nowMs: number): Activity[] {
  const { alarmUntilMs = 0, forcedUntilMs = 0 } = camera.state;
  const found: Activity[] = [];
  if (forcedUntilMs > nowMs) {
    const left = span(Math.ceil((forcedUntilMs - nowMs) / 1000) * 1000);
    found.push({ kind: 'forced', word: `By hand, ${left}`, title: `Somebody has it recorded for another ${left}` });
  }
  if (alarmUntilMs > nowMs) found.push({ kind: 'alarm', word: 'Alarm', title: 'An alarm is being recorded' });
  return found;
}

export const streamTitles: Record<StreamName, string> = { main: 'Main stream', sub: 'Second stream' };

export type Reason = { kind: 'good' | 'bad' | 'quiet'; word: string; text: string };

/** One recording of a stream: whether it runs, and why or why not. `calendar` and `volume` turn ids into names. */
export function reasonOf(camera: Camera, stream: StreamState, one: RecordingState, nowMs: number, names: { calendar: (id: string) => string; volume: (id: string) => string }): Reason {
  const rule = camera.recording[one.kind];
  const active = new Set(activities(camera, nowMs).map((activity) => activity.kind));
  const why =
    one.kind === 'standard' && rule.streams.includes(stream.name)
      ? `by calendar “${names.calendar(rule.calendar)}”`
      : [active.has('forced') ? 'by hand' : '', active.has('alarm') ? 'on alarm' : ''].filter(Boolean).join(' and ');
  if (one.recording) {
    const places = [one.volume, one.duplicate].filter((id) => id !== undefined).map(names.volume);
    const text = [why, places.length > 0 ? `on ${places.join(' and ')}` : ''].filter(Boolean).join(', ');
    return one.duplicateReason ? { kind: 'bad', word: 'Recording once', text: `${text}. ${one.duplicateReason}` } : { kind: 'good', word: 'Recording', text };
  }
  if (one.scheduled) return { kind: 'bad', word: 'Not recording', text: [why, one.reason ?? ''].filter(Boolean).join('. ') };
  if (!rule.streams.includes(stream.name) || rule.calendar === 'never') return { kind: 'quiet', word: 'Off', text: 'This stream is not set to be recorded' };
  return { kind: 'quiet', word: 'Waiting', text: one.kind === 'alarm' ? 'For a trigger' : `For calendar “${names.calendar(rule.calendar)}”` };
}
