import { describe, expect, it } from 'vitest';
import type { Calendar, CameraState, Recording, RecordingPlan } from '../api/model';
import { bounds, bytesPerDay, defaultPlan, defaultRetention, estimate, estimateText, numberProblem, planProblems, planText, prebufferBytes, prebufferShort, rateOf, retentionProblems, retentionText, ruleText } from './plan';

const nights = { id: 'c1', name: 'Nights' } as Calendar;
const plan = (changes: Partial<RecordingPlan> = {}): RecordingPlan => ({ ...defaultPlan(), ...changes });

describe('words', () => {
  it('says what is recorded and when', () => {
    expect(ruleText({ calendar: 'always', streams: ['main'] }, [])).toBe('main stream always');
    expect(ruleText({ calendar: 'c1', streams: ['main', 'sub'] }, [nights])).toBe('both streams by “Nights”');
    expect(ruleText({ calendar: 'gone', streams: ['sub'] }, [nights])).toBe('second stream by a calendar');
    expect(ruleText({ calendar: 'never', streams: ['sub'] }, [])).toBe('nothing');
    expect(ruleText({ calendar: 'always', streams: [] }, [])).toBe('nothing');
  });
  it('says how an alarm is recorded, unless it is not', () => {
    expect(planText(plan(), [])).toBe('Standard: main stream always. On alarm: main stream always from 5 s before to 10 s after.');
    expect(planText(plan({ alarm: { calendar: 'never', streams: ['main'] } }), [])).toBe('Standard: main stream always. On alarm: nothing.');
  });
  it('says how long recordings stay', () => {
    expect(retentionText(defaultRetention())).toBe('Kept while there is room.');
    expect(retentionText({ standardDays: 30, standardMinDays: 7, alarmDays: 90, alarmMinDays: 1 })).toBe('Standard kept 30 days, 7 days promised; alarms 90 days, 1 day promised.');
  });
});

describe('numbers as typed', () => {
  it('takes whole numbers within the bounds only', () => {
    for (const value of [0, 600, 5]) expect(numberProblem(value, bounds.preSeconds)).toBe('');
    for (const value of [null, undefined, -1, 601, 1.5, NaN]) expect(numberProblem(value, bounds.preSeconds)).not.toBe('');
  });
  it('names the field at fault as the appliance would', () => {
    expect(planProblems(plan(), false)).toEqual({});
    expect(Object.keys(planProblems(plan({ preMb: 1, standard: { calendar: 'always', streams: ['sub'] } }), false))).toEqual(['recording.preMb', 'recording.standard.streams']);
    expect(planProblems(plan({ standard: { calendar: 'always', streams: ['sub'] } }), true)).toEqual({});
  });
  it('does not let more be promised than is kept', () => {
    expect(retentionProblems({ ...defaultRetention(), standardDays: 7, standardMinDays: 8 })).toHaveProperty(['retention.standardMinDays']);
    expect(retentionProblems({ ...defaultRetention(), standardDays: 0, standardMinDays: 8 })).toEqual({});
  });
});

describe('bytes', () => {
  const recording = { volumes: [{ sizeBytes: 1e12, limitPercent: 90 }, { sizeBytes: 1e12, limitPercent: 80 }] } as Recording;

  it('counts the streams that are recorded, for the hours that they are', () => {
    const rates = { main: 4_000_000, sub: 500_000 };
    expect(bytesPerDay({ calendar: 'always', streams: ['main'] }, rates, 24)).toBe(43.2e9);
    expect(bytesPerDay({ calendar: 'c1', streams: ['main', 'sub'] }, rates, 12)).toBe(24.3e9);
    expect(bytesPerDay({ calendar: 'never', streams: ['main'] }, rates, 24)).toBe(0);
  });
  it('warns when one camera alone asks for more than there is', () => {
    const wanted = { ...defaultRetention(), standardDays: 30, standardMinDays: 7 };
    const fits = estimate(wanted, 43.2e9, recording);
    expect(fits).toEqual({ perDay: 43.2e9, promised: 302.4e9, wanted: 1296e9, room: 1.7e12 });
    expect(fits && estimateText(fits, wanted).warn).toBe(false);
    const far = estimate({ ...wanted, standardDays: 60 }, 43.2e9, recording);
    expect(far && estimateText(far, { ...wanted, standardDays: 60 }).warn).toBe(true);
  });
  it('says how far back the disks reach when no days are set', () => {
    const found = estimate(defaultRetention(), 43.2e9, recording);
    expect(found && estimateText(found, defaultRetention()).text).toContain('reach back 39 days');
  });
  it('estimates nothing without a bit rate', () => expect(estimate(defaultRetention(), 0, recording)).toBeNull());
  it('knows the rate of each stream, and of old states the main one', () => {
    expect(rateOf({ bitrateBps: 5 } as CameraState, 'main')).toBe(5);
    expect(rateOf({ bitrateBps: 5 } as CameraState, 'sub')).toBe(0);
    expect(rateOf({ bitrateBps: 5, streams: [{ name: 'sub', bitrateBps: 3 }] } as CameraState, 'sub')).toBe(3);
  });
});

describe('prebuffer', () => {
  it('counts each stream that alarms record', () => {
    expect(prebufferBytes(plan({ preMb: 8, alarm: { calendar: 'always', streams: ['main', 'sub'] } }))).toBe(16 * 1024 * 1024);
    expect(prebufferBytes(plan({ preSeconds: 0 }))).toBe(0);
  });
  it('says when the size cuts the time short', () => {
    expect(prebufferShort(plan({ preSeconds: 60, preMb: 16 }), 4_000_000)).toBe(33);
    expect(prebufferShort(plan({ preSeconds: 10, preMb: 16 }), 4_000_000)).toBeUndefined();
    expect(prebufferShort(plan(), 0)).toBeUndefined();
  });
});
