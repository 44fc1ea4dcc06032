import { describe, expect, it } from 'vitest';
import type { Camera, RecordingState, StreamState } from '../api/model';
import { activities, reasonOf } from './activity';
import { defaultPlan } from './plan';

const camera = (state: object): Camera => ({ recording: { ...defaultPlan(), standard: { calendar: 'c1', streams: ['main'] } }, state }) as Camera;
const main = { name: 'main' } as StreamState;
const sub = { name: 'sub' } as StreamState;
const names = { calendar: () => 'Nights', volume: () => 'Disk 1' };
const standard = (one: Partial<RecordingState>): RecordingState => ({ kind: 'standard', scheduled: false, recording: false, ...one });

it('only what still lasts is an activity', () => {
  expect(activities(camera({ alarmUntilMs: 10, forcedUntilMs: 61_000 }), 1000)).toEqual([{ kind: 'forced', word: 'By hand, 1 min', title: 'Somebody has it recorded for another 1 min' }]);
  expect(activities(camera({ alarmUntilMs: 2000 }), 1000).map((one) => one.kind)).toEqual(['alarm']);
  expect(activities(camera({}), 1000)).toEqual([]);
});

describe('why something is recorded or not', () => {
  it('names the calendar and the volume', () => {
    expect(reasonOf(camera({}), main, standard({ scheduled: true, recording: true, volume: 'v' }), 0, names)).toEqual({ kind: 'good', word: 'Recording', text: 'by calendar “Nights”, on Disk 1' });
  });
  it('says whether it is recorded twice', () => {
    const twice = (one: Partial<RecordingState>) => reasonOf(camera({}), main, standard({ scheduled: true, recording: true, volume: 'v', ...one }), 0, { ...names, volume: (id) => id });
    expect(twice({ duplicate: 'w' })).toEqual({ kind: 'good', word: 'Recording', text: 'by calendar “Nights”, on v and w' });
    expect(twice({ duplicateReason: 'No other volume takes recordings.' })).toEqual({ kind: 'bad', word: 'Recording once', text: 'by calendar “Nights”, on v. No other volume takes recordings.' });
  });
  it('says what keeps it from being recorded', () => {
    expect(reasonOf(camera({}), main, standard({ scheduled: true, reason: 'No volume can be written to.' }), 0, names)).toEqual({
      kind: 'bad',
      word: 'Not recording',
      text: 'by calendar “Nights”. No volume can be written to.',
    });
  });
  it('tells waiting from being off', () => {
    expect(reasonOf(camera({}), main, standard({}), 0, names).text).toBe('For calendar “Nights”');
    expect(reasonOf(camera({}), main, { ...standard({}), kind: 'alarm' }, 0, names).text).toBe('For a trigger');
    expect(reasonOf(camera({}), sub, standard({}), 0, names).word).toBe('Off');
  });
  it('tells alarms from what somebody wants', () => {
    const state = { forcedUntilMs: 10, alarmUntilMs: 10 };
    expect(reasonOf(camera(state), main, { kind: 'alarm', scheduled: true, recording: true }, 5, names).text).toBe('by hand and on alarm');
  });
});
