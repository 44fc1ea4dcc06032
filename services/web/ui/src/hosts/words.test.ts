import { expect, it } from 'vitest';
import type { HostWatch } from '../api/model';
import { latency, settingsOf } from './words';

const host = { name: 'NAS', address: 'nas', gateway: false, chosen: true, intervalSeconds: 10, lossPercent: 20, latencyMs: 0, status: 'up' as const, sinceMs: 0, lossNowPercent: 0 };

it('sends back what was chosen, and no more', () => {
  const watch: HostWatch = {
    gateways: true,
    hosts: [host, { ...host, name: '10.0.0.1', address: '10.0.0.1', gateway: true }, { ...host, name: 'Gateway of lan', address: '10.0.0.2', gateway: true, chosen: false }],
    events: [],
  };
  expect(settingsOf(watch)).toEqual({
    gateways: true,
    hosts: [
      { name: 'NAS', address: 'nas', intervalSeconds: 10, lossPercent: 20, latencyMs: 0 },
      { name: '', address: '10.0.0.1', intervalSeconds: 10, lossPercent: 20, latencyMs: 0 },
    ],
  });
});

it('tells times with as many digits as mean something', () => {
  expect([0.34, 9.94, 10, 123.4].map(latency)).toEqual(['0.3 ms', '9.9 ms', '10 ms', '123 ms']);
});
