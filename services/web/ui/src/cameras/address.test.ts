import { describe, expect, it } from 'vitest';
import { addressProblem, splitCredentials } from './address';

describe('splitCredentials', () => {
  it.each([
    ['rtsp://admin:secret@10.0.0.5:554/s1', { url: 'rtsp://10.0.0.5:554/s1', username: 'admin', password: 'secret' }],
    ['  rtsp://admin@cam/s1 ', { url: 'rtsp://cam/s1', username: 'admin', password: '' }],
    ['rtsp://admin:p%40ss@cam/', { url: 'rtsp://cam/', username: 'admin', password: 'p@ss' }],
    ['rtsp://admin:p@ss:w@cam/s', { url: 'rtsp://cam/s', username: 'admin', password: 'p@ss:w' }],
    ['rtsp://admin:100%@cam/s', { url: 'rtsp://cam/s', username: 'admin', password: '100%' }],
  ])('%s', (address, parts) => expect(splitCredentials(address)).toEqual(parts));

  it.each(['rtsp://10.0.0.5/s1', 'http://a:b@c/', 'rtsp://cam/a@b', ''])('leaves %j', (address) => {
    expect(splitCredentials(address)).toBeNull();
  });
});

describe('addressProblem', () => {
  it.each(['', 'http://cam/', 'cam', 'rtsp://', 'rtsp:///s1', 'rtsp://cam/a b'])('objects to %j', (address) => {
    expect(addressProblem(address)).not.toBe('');
  });
  it.each(['rtsp://cam', 'RTSP://[fe80::1]:554/s?x=1', 'rtsps://cam/s'])('takes %j', (address) => {
    expect(addressProblem(address)).toBe('');
  });
});
