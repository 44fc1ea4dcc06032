import type { Trial } from '../api/model';

export const subjectNouns: Record<Trial['subject'], string> = { network: 'network', firewall: 'firewall', 'web-port': 'port of the web admin' };

/** Where the web admin is while a change is on trial: at other addresses too, and whether it goes away from this one. */
export function whereAfter(trial: Pick<Trial, 'subject' | 'urls'> | null, here: Pick<URL, 'hostname' | 'port'>): { elsewhere: string[]; leaving: boolean } {
  const urls = (trial?.urls ?? []).map((url) => new URL(url));
  const port = urls[0]?.port;
  if (trial?.subject === 'web-port' && port !== undefined) {
    // The host stays; who came by a name or through a tunnel goes on by it.
    if (port === here.port) return { elsewhere: [], leaving: false };
    return { elsewhere: [`https://${here.hostname}${port && `:${port}`}/`], leaving: true };
  }
  const elsewhere = urls.filter((url) => url.hostname !== here.hostname);
  // An address that will not be among the appliance's; a name may lead to any of them.
  const address = /^[\d.]+$|^\[/.test(here.hostname) && !here.hostname.startsWith('127.');
  return { elsewhere: elsewhere.map((url) => url.href), leaving: address && elsewhere.length === urls.length };
}
