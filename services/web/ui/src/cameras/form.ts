// What the camera dialog edits, and the request that comes of it.
import type { Camera, CameraRequest, RecordingPlan, Retention, Transport } from '../api/model';
import { addressProblem, splitCredentials } from './address';
import { defaultPlan, defaultRetention, planProblems, retentionProblems } from './plan';

export type CameraForm = {
  name: string;
  url: string;
  subUrl: string;
  username: string;
  password: string;
  enabled: boolean;
  transport: Transport;
  audio: boolean;
  recording: RecordingPlan;
  retention: Retention;
};

export function formOf(camera: Camera | null): CameraForm {
  return {
    name: camera?.name ?? '',
    url: camera?.url ?? '',
    subUrl: camera?.subUrl ?? '',
    username: camera?.username ?? '',
    password: '',
    enabled: camera?.enabled ?? true,
    transport: camera?.transport ?? 'auto',
    audio: camera?.audio ?? true,
    recording: structuredClone(camera?.recording ?? defaultPlan()),
    retention: structuredClone(camera?.retention ?? defaultRetention()),
  };
}

/** Takes user and password, pasted within an address, out of it. Those of the first address win over the second's. */
export function takeApart(form: CameraForm): CameraForm {
  let next = form;
  const main = splitCredentials(form.url);
  if (main) next = { ...next, url: main.url, username: main.username, password: main.password || next.password };
  const sub = splitCredentials(form.subUrl);
  if (sub) {
    next = { ...next, subUrl: sub.url };
    if (next.username === '') next = { ...next, username: sub.username, password: sub.password || next.password };
  }
  return next;
}

/** What is wrong with a form, by field as the API names it. */
export function problemsOf(form: CameraForm, withName: boolean): Record<string, string> {
  const found: Record<string, string> = {};
  if (withName && form.name.trim() === '') found.name = 'Give the camera a name.';
  const main = addressProblem(form.url);
  if (main) found.url = main;
  if (form.subUrl.trim() !== '') {
    const sub = addressProblem(form.subUrl);
    if (sub) found.subUrl = sub;
    else if (form.subUrl.trim() === form.url.trim()) found.subUrl = 'This is the address of the main stream.';
  }
  if (!withName) return found;
  return { ...found, ...planProblems(form.recording, form.subUrl.trim() !== ''), ...retentionProblems(form.retention) };
}

/** The request for a form. Plan and retention that nobody touched are left out: as they were, or as the appliance starts a camera. */
export function requestOf(form: CameraForm, initial: CameraForm): CameraRequest {
  const request: CameraRequest = {
    name: form.name.trim(),
    url: form.url.trim(),
    username: form.username.trim(),
    enabled: form.enabled,
    subUrl: form.subUrl.trim(),
    transport: form.transport,
    audio: form.audio,
  };
  if (form.password !== '') request.password = form.password;
  if (!same(form.recording, initial.recording)) request.recording = form.recording;
  if (!same(form.retention, initial.retention)) request.retention = form.retention;
  return request;
}

function same(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

export type Part = 'connection' | 'recording' | 'retention';

/** The part of the dialog that shows a field. */
export function partOf(field: string): Part {
  if (field.startsWith('recording')) return 'recording';
  return field.startsWith('retention') ? 'retention' : 'connection';
}
