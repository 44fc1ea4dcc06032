import type { Clock, IndexCopy, NetInterface, Recording, RecordingVolume, Service, Status, Volume } from '../api/model';

export type Verdict = { kind: 'quiet' | 'good' | 'warn' | 'bad' | 'busy'; word: string };

export function clockVerdict(clock: Clock): Verdict {
  const words: Record<Clock['status'], Verdict> = {
    synchronised: { kind: 'good', word: 'Synchronised' },
    waiting: { kind: 'busy', word: 'Asking the server' },
    unreachable: { kind: 'bad', word: 'Server does not answer' },
    no_server: { kind: 'warn', word: 'No server' },
    observe: { kind: 'quiet', word: 'Set by the host' },
  };
  return words[clock.status];
}

/** How far a clock is off, with a sign and as many digits as mean something. */
export function offsetText(offsetMs: number): string {
  const size = Math.abs(offsetMs);
  const sign = offsetMs < 0 ? '−' : '+';
  if (size < 1) return `${sign}${size.toFixed(2)} ms`;
  if (size < 1000) return `${sign}${size.toFixed(size < 10 ? 1 : 0)} ms`;
  return `${sign}${(size / 1000).toFixed(1)} s`;
}

export function interfaceVerdict(nic: NetInterface): Verdict {
  if (nic.disabled) return { kind: 'quiet', word: 'Switched off' };
  if (nic.problem) return { kind: 'bad', word: 'Does not work' };
  if (!nic.carrier) return { kind: nic.bond ? 'bad' : 'quiet', word: nic.kind === 'bond' || nic.kind === 'vlan' ? 'No link' : 'No cable' };
  if (nic.member) return nic.member.link === 'up' ? { kind: 'good', word: nic.member.active ? 'In use' : 'Standing by' } : { kind: 'bad', word: 'Link lost' };
  if (nic.dhcp?.status === 'failed') return { kind: 'bad', word: 'No address' };
  if (nic.dhcp?.status === 'waiting') return { kind: 'busy', word: 'Asking for an address' };
  return nic.addresses.length > 0 ? { kind: 'good', word: 'Up' } : { kind: 'warn', word: 'No address' };
}

export function volumeVerdict(recording: RecordingVolume | undefined, mounted: Volume | undefined): Verdict {
  if (mounted?.status === 'failed') return { kind: 'bad', word: 'Failed' };
  if (mounted?.status === 'unmounted') return { kind: 'quiet', word: 'Unmounted' };
  if (mounted?.status === 'readonly') return { kind: 'bad', word: 'Read only' };
  if (!recording) return { kind: 'busy', word: 'Not in use yet' };
  const words: Record<RecordingVolume['status'], Verdict> = {
    ok: { kind: 'good', word: 'Recording' },
    full: { kind: 'warn', word: 'Full' },
    readonly: { kind: 'bad', word: 'Read only' },
    degraded: { kind: 'bad', word: 'Degraded' },
    absent: { kind: 'bad', word: 'Absent' },
  };
  if (recording.retired && recording.status === 'ok') return { kind: 'quiet', word: 'Retired' };
  return words[recording.status];
}

/**
 * What a machine that runs from a medium has found of a recorder that was there before it started: how many days ago its recordings
 * begin, begun days too, and when the newest snapshot of their index was made. Undefined: nothing.
 */
export function takenUp(status: Pick<Status, 'bootMode' | 'startedMs' | 'clock'>, recording: Pick<Recording, 'volumes' | 'indexCopies'>): { days: number; copyMs: number } | undefined {
  const oldest = Math.min(...recording.volumes.map((one) => one.oldestMs || Infinity));
  if (status.bootMode !== 'live' || !(oldest < status.startedMs)) return undefined;
  const day = 24 * 3_600_000;
  return { days: Math.max(1, Math.ceil((status.clock.nowMs - oldest) / day)), copyMs: Math.max(0, ...recording.indexCopies.map((one) => one.snapshotMs ?? 0)) };
}

export function copyVerdict(copy: IndexCopy): Verdict {
  const words: Record<IndexCopy['status'], Verdict> = {
    ok: { kind: 'good', word: 'Intact' },
    stale: { kind: 'warn', word: 'Behind' },
    corrupt: { kind: 'bad', word: 'Corrupt' },
    failed: { kind: 'bad', word: 'Not writable' },
  };
  return words[copy.status];
}

export function serviceVerdict(service: Service): Verdict {
  const words: Record<Service['status'], Verdict> = {
    starting: { kind: 'busy', word: 'Starting' },
    ready: { kind: 'good', word: 'Running' },
    unhealthy: { kind: 'bad', word: 'Not answering' },
    backoff: { kind: 'warn', word: 'Waiting to restart' },
    stopped: { kind: 'quiet', word: 'Stopped' },
  };
  return words[service.status];
}

/** NTP servers as typed: separated by spaces, commas or lines. */
export function serverList(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((name) => name !== ''))];
}
