import { describe, expect, it } from 'vitest';
import type { Gap, Protection, Segment, Timeline, Trigger } from '../api/model';
import { findAt, gapAt, ofStream, protectionAt, segmentAt, stretches, triggerAt, triggerText } from './footage';

function segment(startMs: number, endMs: number, kind: Segment['kind'] = 'standard'): Segment {
  return { id: `${kind}-${startMs}`, stream: 'main', kind, startMs, endMs, open: false, sizeBytes: 1, volume: 'v' };
}
function gap(startMs: number, endMs: number): Gap {
  return { startMs, endMs, cause: 'camera_offline', message: 'The camera did not answer.' };
}

const segments = [segment(0, 100), segment(100, 200), segment(150, 180, 'alarm'), segment(500, 600)];

describe('segmentAt', () => {
  it('ends belong to what follows', () => expect(segmentAt(segments, 100)?.startMs).toBe(100));
  it('prefers an alarm', () => expect(segmentAt(segments, 160)?.kind).toBe('alarm'));
  it('finds none in a gap', () => expect(segmentAt(segments, 300)).toBeUndefined());
});

it('gapAt', () => {
  expect(gapAt([gap(200, 500)], 200)?.endMs).toBe(500);
  expect(gapAt([gap(200, 500)], 500)).toBeUndefined();
});

describe('findAt', () => {
  it('makes a narrow gap touchable from within a segment beside it', () => {
    expect(findAt(segments, [gap(200, 202)], 195, 10).kind).toBe('gap');
  });
  it('does not let a wide gap reach over a segment', () => {
    expect(findAt(segments, [gap(200, 500)], 195, 10).kind).toBe('segment');
  });
  it('knows nothing', () => expect(findAt(segments, [], 1000, 10).kind).toBe('nothing'));
});

describe('stretches', () => {
  it('joins what touches and keeps kinds apart', () => {
    expect(stretches(segments, 0)).toEqual([
      { startMs: 0, endMs: 200, kind: 'standard' },
      { startMs: 150, endMs: 180, kind: 'alarm' },
      { startMs: 500, endMs: 600, kind: 'standard' },
    ]);
  });
  it('bridges what cannot be seen', () => {
    expect(stretches(segments, 300).filter((stretch) => stretch.kind === 'standard')).toHaveLength(1);
  });
});

describe('a stream of a timeline', () => {
  const timeline = {
    fromMs: 0,
    toMs: 10,
    segments: [segment(0, 5), { ...segment(0, 9), stream: 'sub' }],
    gaps: [gap(5, 10), { ...gap(9, 10), stream: 'sub' as const }],
  } satisfies Timeline;

  it('has its own segments, and the gaps that are of all', () => {
    expect(ofStream(timeline, 'main').segments).toHaveLength(1);
    expect(ofStream(timeline, 'main').gaps).toHaveLength(1);
    expect(ofStream(timeline, 'sub').segments[0]?.endMs).toBe(9);
    expect(ofStream(timeline, 'sub').gaps).toHaveLength(2);
  });
});

describe('triggers and protections', () => {
  const triggers: Trigger[] = [{ atMs: 100, endMs: 200, source: 'door-contact', text: 'Back door' }, { atMs: 190, endMs: 190, source: 'forced', by: 'ann' }];

  it('are found at their instant', () => {
    expect(protectionAt([{ fromMs: 5, toMs: 10 } as Protection], 10)).toBeUndefined();
    expect(protectionAt([{ fromMs: 5, toMs: 10 } as Protection], 5)?.toMs).toBe(10);
    expect(triggerAt(triggers, 50, 10)).toBeUndefined();
    expect(triggerAt(triggers, 120, 10)?.source).toBe('door-contact');
    expect(triggerAt(triggers, 195, 10)?.source).toBe('forced');
  });
  it('are told in words', () => {
    expect(triggers.map(triggerText)).toEqual(['Alarm: door-contact “Back door”', 'Recorded by hand by ann']);
  });
});
