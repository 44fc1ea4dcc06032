import { expect, test } from 'vitest';
import { dropped, kbps, loginWay, megabits, portText, serviceState, sshVerdict, used, wayIn } from './words';

test('ports are written as people write them', () => {
  expect(portText([{ protocol: 'tcp', first: 443, last: 443 }, { protocol: 'udp', first: 56000, last: 56099 }])).toBe('TCP 443, UDP 56000–56099');
  expect(portText([])).toBe('');
});

test('what was dropped, the most frequent first', () => {
  expect(dropped({ id: 'office', interfaces: [], dropped: [{ reason: 'spoofed', packets: 2, bytes: 1 }, { reason: 'limited', packets: 0, bytes: 0 }, { reason: 'denied', packets: 7, bytes: 1 }] })).toBe('7 for what is not open, 2 with a false sender');
  expect(dropped({ id: 'both', interfaces: [], dropped: [] })).toBe('nothing');
});

test('a service says whether anybody can reach it', () => {
  const service = { id: 'relay', enabled: true, zones: ['office'], usualZones: ['office'], ports: [{ protocol: 'tcp', first: 554, last: 554 }], listening: true } as const;
  const of = (change: object) => serviceState({ ...service, zones: [...service.zones], usualZones: [], ports: [...service.ports], ...change }).word;
  expect(of({})).toBe('listens');
  expect(of({ listening: false })).toBe('does not listen');
  expect(of({ zones: [] })).toBe('closed');
  expect(of({ enabled: false })).toBe('off');
});

test('limits are typed in Mbit/s', () => {
  expect(kbps('')).toBe(null);
  expect(kbps(' 2,5 ')).toBe(2500);
  expect(kbps('0.128')).toBe(128);
  expect(kbps('25000')).toBe(25_000_000);
  for (const bad of ['0.1', '25001', '-1', '1e3', 'fast', '1.2345']) expect(kbps(bad)).toBe(undefined);
  expect(megabits(2500)).toBe('2.5');
  expect(megabits(undefined)).toBe('');
});

test('what is used of a limit', () => {
  const one = { limit: { interface: 'a', kbps: 1000 }, name: 'lan1', up: true, router: false, sentBps: 250_000, receivedBps: 0, routerBps: 0, dropped: 0, problem: '' };
  expect(used(one)).toEqual({ all: 0.25, router: null });
  expect(used({ ...one, sentBps: 5_000_000 }).all).toBe(1);
});

test('ssh says how it is and who came in how', () => {
  const ssh = { settings: { enabled: true, port: 22, passwords: false }, keys: [{ id: '1', key: 'k', type: 't', fingerprint: 'SHA256:x', comment: 'jane', addedMs: 1, addedBy: 'owner' }], hostKey: '' };
  const now = { listening: true, problem: '', sessions: [], attempts: [] };
  expect(sshVerdict({ ...ssh, settings: { ...ssh.settings, enabled: false } }, now).word).toBe('off');
  expect(sshVerdict(ssh, null).word).toBe('starting');
  expect(sshVerdict(ssh, now).word).toBe('listens');
  expect(sshVerdict(ssh, { ...now, problem: 'no' }).kind).toBe('bad');
  expect(wayIn({ method: 'password' }, ssh)).toBe('password');
  expect(wayIn({ method: 'key', key: 'SHA256:x' }, ssh)).toBe('key jane');
  expect(wayIn({ method: 'key', key: 'SHA256:y' }, ssh)).toBe('key');
});

test('a log-in says where it was and what with', () => {
  const keys = [{ id: '1', key: 'k', type: 't', fingerprint: 'SHA256:x', comment: 'jane', addedMs: 1, addedBy: 'owner' }];
  expect(loginWay({ way: 'web', method: 'password', result: 'refused' }, keys)).toBe('Web admin, by password');
  expect(loginWay({ way: 'web', method: 'code', result: 'ok' }, keys)).toBe('Web admin, by the code on the console');
  expect(loginWay({ way: 'ssh', method: 'key', key: 'SHA256:x', result: 'ok' }, keys)).toBe('SSH, by key jane');
  expect(loginWay({ way: 'ssh', method: 'key', key: 'SHA256:y', result: 'refused' }, keys)).toBe('SSH, by key SHA256:y');
  expect(loginWay({ way: 'ssh', method: 'key', result: 'limited' }, keys)).toBe('SSH');
  expect(loginWay({ way: 'console', method: 'person', result: 'reset' }, keys)).toContain('console');
});
