import { describe, expect, it } from 'vitest';
import type { Camera } from '../api/model';
import { copyProblem, copyRequest } from './copy';
import { defaultPlan, defaultRetention } from './plan';

const camera = (id: string, changes: Partial<Camera> = {}): Camera =>
  ({ id, name: id, url: `rtsp://${id}/1`, username: 'u', enabled: true, transport: 'auto', audio: true, recording: defaultPlan(), retention: defaultRetention(), ...changes }) as Camera;

describe('copying settings', () => {
  const source = camera('a', { transport: 'udp', audio: false, retention: { ...defaultRetention(), standardDays: 30 } });
  it('changes what was chosen and nothing else', () => {
    expect(copyRequest(source, camera('b', { enabled: false }), ['retention'])).toEqual({ name: 'b', url: 'rtsp://b/1', username: 'u', enabled: false, retention: source.retention });
    expect(copyRequest(source, camera('b'), ['connection'])).toEqual({ name: 'b', url: 'rtsp://b/1', username: 'u', enabled: true, transport: 'udp', audio: false });
  });
  it('gives no camera a plan for a stream that it has not', () => {
    const both = camera('a', { recording: { ...defaultPlan(), alarm: { calendar: 'always', streams: ['main', 'sub'] } } });
    expect(copyProblem(both, camera('b'), ['recording'])).not.toBe('');
    expect(copyProblem(both, camera('b', { subUrl: 'rtsp://b/2' }), ['recording'])).toBe('');
    expect(copyProblem(both, camera('b'), ['retention'])).toBe('');
  });
});
