import type { Transport } from '../api/model';

/** The ways that media may come, with what each is for. */
export const transports: readonly { value: Transport; text: string; hint: string }[] = [
  { value: 'auto', text: 'Automatic', hint: 'Takes the first that works of TCP, UDP and HTTP. Right for nearly every camera.' },
  { value: 'tcp', text: 'TCP', hint: 'Within the RTSP connection: nothing is lost on the way, firewalls need no further port.' },
  { value: 'udp', text: 'UDP', hint: 'Packets of their own: less delay, but what the network drops is lost.' },
  { value: 'multicast', text: 'Multicast', hint: 'The camera sends once for all receivers. The network must forward multicast.' },
  { value: 'http', text: 'HTTP tunnel', hint: 'RTSP wrapped in HTTP, for networks that let nothing else through.' },
];

/** `tcp` as `TCP`, `tls-tcp` as `TCP, encrypted`. */
export function transportText(transport: string): string {
  const encrypted = /^tls/i.test(transport);
  const bare = transport.replace(/^tls[-+/ ]?/i, '');
  const name = bare === 'http' ? 'HTTP tunnel' : bare === 'multicast' ? 'multicast' : bare.toUpperCase();
  return [name, encrypted ? 'encrypted' : ''].filter(Boolean).join(', ');
}
