import { describe, expect, it } from 'vitest';
import type { Camera } from '../api/model';
import { formOf, partOf, problemsOf, requestOf, takeApart } from './form';
import { transportText } from './transports';

const door = { name: 'Door', url: 'rtsp://10.0.0.1/a' };

describe('a new camera', () => {
  it('needs a name and an address only', () => {
    const initial = formOf(null);
    const form = { ...initial, ...door };
    expect(problemsOf(form, true)).toEqual({});
    expect(requestOf(form, initial)).toEqual({ ...door, username: '', enabled: true, subUrl: '', transport: 'auto', audio: true });
  });
  it('sends plan and retention once they differ', () => {
    const initial = formOf(null);
    const form = { ...initial, ...door, recording: { ...initial.recording, preSeconds: 9 }, retention: { ...initial.retention, alarmDays: 30 } };
    const request = requestOf(form, initial);
    expect(request.recording?.preSeconds).toBe(9);
    expect(request.retention?.alarmDays).toBe(30);
  });
});

it('an edited form does not change the camera it was made of', () => {
  const camera = { name: 'Door', url: 'rtsp://h/a', recording: formOf(null).recording, retention: formOf(null).retention } as Camera;
  const form = formOf(camera);
  form.recording.standard.streams.push('sub');
  expect(camera.recording.standard.streams).toEqual(['main']);
});

describe('pasted credentials', () => {
  it('are taken from either address, the main one first', () => {
    const form = { ...formOf(null), url: 'rtsp://u:p@h/a', subUrl: 'rtsp://x:y@h/b' };
    expect(takeApart(form)).toMatchObject({ url: 'rtsp://h/a', subUrl: 'rtsp://h/b', username: 'u', password: 'p' });
    expect(takeApart({ ...form, url: 'rtsp://h/a' })).toMatchObject({ subUrl: 'rtsp://h/b', username: 'x', password: 'y' });
  });
});

describe('problems', () => {
  it('are told of the second address too', () => {
    expect(problemsOf({ ...formOf(null), ...door, subUrl: 'http://h' }, true)).toHaveProperty('subUrl');
    expect(problemsOf({ ...formOf(null), ...door, subUrl: door.url }, false)).toHaveProperty('subUrl');
  });
  it('belong to a part of the dialog', () => {
    expect(['name', 'url', 'recording.preMb', 'retention.alarmDays'].map(partOf)).toEqual(['connection', 'connection', 'recording', 'retention']);
  });
});

it('transports read as people call them', () => {
  expect(['tcp', 'udp', 'multicast', 'http', 'tls-tcp', 'tls+http'].map(transportText)).toEqual(['TCP', 'UDP', 'multicast', 'HTTP tunnel', 'TCP, encrypted', 'HTTP tunnel, encrypted']);
});
