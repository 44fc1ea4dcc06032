import type { Bandwidth, DropReason, Firewall, FirewallService, Login, PortRange, SSH, SSHKey, SSHSessions, Zone } from '../api/model';

export const zones: readonly Zone[] = ['office', 'cameras'];

export const serviceNames: Record<FirewallService['id'], string> = {
  web: 'Web admin and live pictures',
  webrtc: 'Live pictures by WebRTC',
  relay: 'Relay (RTSP)',
  ntp: 'Time for cameras (NTP)',
  mdns: 'Name on the network (mDNS)',
  ssh: 'Text console (SSH)',
};

export const zoneNames: Record<Firewall['zones'][number]['id'], string> = {
  office: 'Office',
  cameras: 'Cameras',
  both: 'In both',
};

/** Where a service's port is changed; without an address it is on the page itself. */
export const portPlaces: Record<FirewallService['id'], { text: string; href?: string }> = {
  web: { text: '' },
  webrtc: { text: 'always the same' },
  relay: { text: 'Set on the page Relay', href: '/relay' },
  ntp: { text: 'where all devices ask' },
  mdns: { text: 'where all devices ask' },
  ssh: { text: 'set with SSH on this page' },
};

const reasons: Record<DropReason, string> = {
  spoofed: 'with a false sender',
  astray: 'for another network',
  denied: 'for what is not open',
  limited: 'too many at once',
  passing: 'to be passed on',
  leaving: 'own, by the wrong way',
};

/** What was dropped, the most frequent first: `1,204 for what is not open`. */
export function dropped(zone: Firewall['zones'][number]): string {
  const counted = zone.dropped.filter((one) => one.packets > 0).toSorted((a, b) => b.packets - a.packets);
  return counted.length === 0 ? 'nothing' : counted.map((one) => `${one.packets.toLocaleString()} ${reasons[one.reason]}`).join(', ');
}

/** Ports as people write them: `TCP 443, UDP 56000–56099`. */
export function portText(ports: readonly PortRange[]): string {
  return ports.map((range) => `${range.protocol.toUpperCase()} ${range.first === range.last ? range.first : `${range.first}–${range.last}`}`).join(', ');
}

/** What is said beside a service. */
export function serviceState(service: FirewallService): { word: string; kind: 'good' | 'quiet' | 'warn' } {
  if (!service.enabled) return { word: 'off', kind: 'quiet' };
  if (service.zones.length === 0) return { word: 'closed', kind: 'quiet' };
  return service.listening ? { word: 'listens', kind: 'good' } : { word: 'does not listen', kind: 'quiet' };
}

/** kbit/s as typed in Mbit/s; null is no limit, undefined what cannot be read. */
export function kbps(text: string): number | null | undefined {
  const trimmed = text.trim().replace(',', '.');
  if (trimmed === '') return null;
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(trimmed)) return undefined;
  const value = Math.round(Number(trimmed) * 1000);
  return value >= 128 && value <= 25_000_000 ? value : undefined;
}

/** The reverse: kbit/s as Mbit/s. */
export function megabits(limit: number | undefined): string {
  return limit ? String(limit / 1000) : '';
}

/** How much of its limit an interface uses, from 0 to 1; null without one. */
export function used(one: Bandwidth): { all: number | null; router: number | null } {
  const share = (bps: number, limit: number | undefined) => (limit ? Math.min(1, bps / (limit * 1000)) : null);
  return { all: share(one.sentBps, one.limit.kbps), router: share(one.routerBps, one.limit.routerKbps) };
}

/** What is said of SSH as a whole. */
export function sshVerdict(ssh: SSH, now: SSHSessions | null): { word: string; kind: 'good' | 'quiet' | 'bad' | 'warn' } {
  if (!ssh.settings.enabled) return { word: 'off', kind: 'quiet' };
  if (now?.problem) return { word: 'does not listen', kind: 'bad' };
  return now?.listening ? { word: 'listens', kind: 'good' } : { word: 'starting', kind: 'warn' };
}

/** How somebody came in, or tried to. */
export function wayIn(one: { method: 'key' | 'password'; key?: string }, ssh: SSH): string {
  if (one.method === 'password') return 'password';
  const known = ssh.keys.find((key) => key.fingerprint === one.key);
  return known?.comment ? `key ${known.comment}` : 'key';
}

/** Where somebody logged in and what with: `SSH, by key jane`. */
export function loginWay(one: Pick<Login, 'way' | 'method' | 'key' | 'result'>, keys: readonly SSHKey[]): string {
  if (one.result === 'reset') return 'asked for a new password at the console';
  const where = one.way === 'web' ? 'Web admin' : 'SSH';
  const comment = keys.find((key) => key.fingerprint === one.key)?.comment;
  switch (one.method) {
    case 'key':
      return one.key ? `${where}, by key ${comment || one.key}` : where;
    case 'code':
      return `${where}, by the code on the console`;
    default:
      return `${where}, by password`;
  }
}

export const loginResults: Record<Login['result'], { word: string; kind: 'good' | 'quiet' | 'bad' | 'warn' }> = {
  ok: { word: 'in', kind: 'good' },
  refused: { word: 'refused', kind: 'bad' },
  limited: { word: 'locked out', kind: 'bad' },
  reset: { word: 'reset', kind: 'warn' },
};
