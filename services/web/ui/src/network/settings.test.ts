import { describe, expect, it } from 'vitest';
import type { NetworkSettings } from '../api/model';
import { bondOf, entries, formOf, newForm, rows, summary, withForm, withoutOne } from './settings';

const one = '52:54:00:00:00:01';
const two = '52:54:00:00:00:02';

const settings: NetworkSettings = {
  hostname: 'gate',
  interfaces: [
    { id: one, name: 'lan1', label: 'office', ipv4: { method: 'static', addresses: ['192.168.1.5/24'], gateway: '192.168.1.1', metric: 20 } },
    { id: two, name: 'lan2', ipv6: { method: 'off' } },
  ],
  bonds: [{ name: 'bond0', mode: 'active-backup', members: [two], primary: two, arpIntervalMs: 500, arpTargets: ['10.0.0.1'], mtu: 9000, zones: ['cameras'] }],
  vlans: [{ name: 'bond0.10', parent: 'bond0', tag: 10, ipv4: { addresses: ['10.10.0.1/24'] } }],
};

describe('forms', () => {
  it.each([['ethernet', one], ['bond', 'bond0'], ['vlan', 'bond0.10']] as const)('of %s %s change nothing by themselves', (kind, id) => {
    const form = formOf(settings, kind, id);
    expect(form).toBeDefined();
    if (!form) return;
    const next = withForm(settings, form);
    expect(kind === 'bond' ? { ...next, interfaces: settings.interfaces } : next).toEqual(settings);
  });

  it('of a card that is back to DHCP say no more than they must', () => {
    const form = formOf(settings, 'ethernet', one);
    if (!form) throw new Error('no form');
    const next = withForm(settings, { ...form, label: '', ipv4: { method: 'dhcp', addresses: '', gateway: '192.168.1.1', metric: null } });
    expect(next.interfaces?.[0]).toEqual({ id: one, name: 'lan1' });
  });

  it('of a new bond take the members’ own addresses away, and have a free name', () => {
    const form = { ...newForm(settings, 'bond'), members: [one], mode: '802.3ad' as const, primary: one, lacpRate: 'fast', targets: '10.0.0.1', watch: 'arp' as const };
    const next = withForm(settings, form);
    expect(next.bonds?.[1]).toEqual({ name: 'bond1', mode: '802.3ad', members: [one], lacpRate: 'fast' });
    expect(next.interfaces?.[0]).toEqual({ id: one, name: 'lan1', label: 'office' });
    expect(bondOf(next, one)).toBe('bond1');
  });

  it('of a bond with another name take its VLANs along', () => {
    const form = formOf(settings, 'bond', 'bond0');
    if (!form) throw new Error('no form');
    expect(withForm(settings, { ...form, name: 'cams' }).vlans?.[0]?.parent).toBe('cams');
  });
});

it('a bond goes with the VLANs on it', () => {
  expect(withoutOne(settings, 'bond', 'bond0')).toMatchObject({ bonds: [], vlans: [], interfaces: settings.interfaces });
});

it('the list says what is set', () => {
  const list = rows(settings, [{ id: one, name: 'lan1', mac: one, carrier: true, addresses: [] }]);
  expect(list.map((row) => [row.name, row.isNew, summary(settings, row)])).toEqual([
    ['lan1', false, 'static IPv4'],
    ['lan2', true, 'member of bond0'],
    ['bond0', true, 'Active-backup · IPv4 by DHCP · zone cameras'],
    ['bond0.10', true, 'tag 10 on bond0 · IPv4 by DHCP'],
  ]);
});

it('entries are told apart by commas, blanks and lines', () => expect(entries(' a, b\nc;a ')).toEqual(['a', 'b', 'c']));
