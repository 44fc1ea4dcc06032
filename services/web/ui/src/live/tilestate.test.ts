import { describe, expect, it } from 'vitest';
import type { Camera } from '../api/model';
import { retryText, tileNote } from './tilestate';

function camera(state: Partial<Camera['state']>, enabled = true): Camera {
  return {
    id: 'k3f9x2ab',
    name: 'Gate',
    url: 'rtsp://camera/1',
    enabled,
    hasPassword: false,
    hasSub: false,
    createdMs: 0,
    transport: 'auto',
    audio: true,
    recording: {
      standard: { calendar: 'always', streams: ['main'] },
      alarm: { calendar: 'always', streams: ['main'] },
      preSeconds: 5,
      preMb: 16,
      postSeconds: 10,
      segmentSeconds: 300,
      segmentMb: 1024,
    },
    retention: { standardDays: 0, standardMinDays: 0, alarmDays: 0, alarmMinDays: 0 },
    state: { status: 'live', sinceMs: 0, recording: true, reconnects: 0, lostFrames: 0, ...state },
  };
}

describe('tileNote', () => {
  it('says nothing over a running picture', () => {
    const note = tileNote(camera({ status: 'offline', reason: 'x' }), { status: 'playing', reason: '' }, 0);
    expect(note.kind).toBe('none');
  });
  it('gives the reason of the camera before that of the stream, and the next try', () => {
    const offline = camera({ status: 'offline', reason: 'The password is wrong.', retryMs: 5200 });
    const note = tileNote(offline, { status: 'waiting', reason: 'No new picture.' }, 1000);
    expect(note).toEqual({ kind: 'bad', title: 'Offline', text: 'The password is wrong. Next try in 5 s.' });
  });
  it('knows a camera that is switched off', () => {
    expect(tileNote(camera({ status: 'disabled' }, false), { status: 'connecting', reason: '' }, 0).title).toBe('Switched off');
  });
  it('names an unsupported codec', () => {
    const note = tileNote(camera({}), { status: 'unsupported', reason: 'This browser cannot play H.265.' }, 0);
    expect(note.text).toBe('This browser cannot play H.265.');
  });
});

it('retryText is silent about the past', () => {
  expect(retryText(1000, 1000)).toBe('');
  expect(retryText(undefined, 1000)).toBe('');
  expect(retryText(1001, 1000)).toBe('Next try in 1 s.');
});
