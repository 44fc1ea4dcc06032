// Watched hosts in words.
import type { HostStatus, HostWatch, HostWatchRequest, WatchedHost } from '../api/model';
import type { Verdict } from '../system/words';

export function hostVerdict(status: HostStatus): Verdict {
  const words: Record<HostStatus, Verdict> = {
    waiting: { kind: 'busy', word: 'Being asked' },
    up: { kind: 'good', word: 'Answers' },
    slow: { kind: 'warn', word: 'Slow' },
    lossy: { kind: 'warn', word: 'Loses packets' },
    down: { kind: 'bad', word: 'No answer' },
  };
  return words[status];
}

export function latency(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

/** The settings that an answer stands for: without what is watched only for being a gateway. */
export function settingsOf(watch: HostWatch): HostWatchRequest {
  return {
    gateways: watch.gateways,
    hosts: watch.hosts.filter((host) => !onlyGateway(host)).map(({ name, address, intervalSeconds, lossPercent, latencyMs }) => ({ name: name === address ? '' : name, address, intervalSeconds, lossPercent, latencyMs })),
  };
}

/** Nobody chose it: it is watched because the machine goes by it. */
export function onlyGateway(host: WatchedHost): boolean {
  return host.gateway && !host.chosen;
}
