// The network's settings as the forms edit them: every interface of whatever kind in one shape.
import type { BondMode, BondSettings, NetInterface, NetworkSettings, NICSettings, VLANSettings } from '../api/model';

export type Kind = 'ethernet' | 'bond' | 'vlan';
export type Addressing = { method: string; addresses: string; gateway: string; metric: number | null };

/** What a form holds; texts are as they are typed. */
export type Form = {
  kind: Kind;
  id: string;
  name: string;
  label: string;
  disabled: boolean;
  mtu: number | null;
  zone: string;
  ipv4: Addressing;
  ipv6: Addressing;
  mode: BondMode;
  members: string[];
  primary: string;
  watch: 'link' | 'arp';
  intervalMs: number | null;
  targets: string;
  lacpRate: string;
  hashPolicy: string;
  parent: string;
  tag: number | null;
};

export const modes: readonly { value: BondMode; text: string; hint: string }[] = [
  { value: 'active-backup', text: 'Active-backup', hint: 'One card works, the others stand by. Any switch will do.' },
  { value: '802.3ad', text: 'LACP (802.3ad)', hint: 'All cards work, agreed on with a switch that must be set for it.' },
  { value: 'balance-rr', text: 'Round robin', hint: 'Packets go out by all cards in turn. The switch must know them as one.' },
  { value: 'balance-xor', text: 'XOR', hint: 'Each peer goes by one card. The switch must know them as one.' },
  { value: 'broadcast', text: 'Broadcast', hint: 'Everything goes out by all cards, for networks that are doubled.' },
  { value: 'balance-tlb', text: 'Balanced sending (TLB)', hint: 'Sends by all cards, receives by one. Any switch will do.' },
  { value: 'balance-alb', text: 'Balanced (ALB)', hint: 'Sends and receives by all cards. Any switch will do.' },
];

export const hasPrimary = (mode: BondMode) => ['active-backup', 'balance-tlb', 'balance-alb'].includes(mode);
export const hasHash = (mode: BondMode) => ['balance-xor', '802.3ad', 'balance-tlb'].includes(mode);
export const hasArp = (mode: BondMode) => ['balance-rr', 'active-backup', 'balance-xor', 'broadcast'].includes(mode);

/** The entries of a text with commas, blanks or lines between them. */
export function entries(text: string): string[] {
  return [...new Set(text.split(/[\s,;]+/).filter((one) => one !== ''))];
}

type Common = NICSettings | Omit<BondSettings, 'mode' | 'members'> | Omit<VLANSettings, 'parent' | 'tag'>;

function common(kind: Kind, id: string, one: Common, self4: string, self6: string): Form {
  const of = (a: { method?: string; addresses?: string[]; gateway?: string; metric?: number } | undefined, self: string): Addressing => ({
    method: a?.method ?? self,
    addresses: (a?.addresses ?? []).join(', '),
    gateway: a?.gateway ?? '',
    metric: a?.metric || null,
  });
  return {
    kind, id, name: one.name ?? id, label: one.label ?? '', disabled: false, mtu: one.mtu || null, zone: one.zones?.length === 1 ? (one.zones[0] ?? '') : '',
    ipv4: of(one.ipv4, self4), ipv6: of(one.ipv6, self6),
    mode: 'active-backup', members: [], primary: '', watch: 'link', intervalMs: null, targets: '', lacpRate: '', hashPolicy: '', parent: '', tag: null,
  };
}

/** The form of an interface that is set already. */
export function formOf(settings: NetworkSettings, kind: Kind, id: string): Form | undefined {
  if (kind === 'ethernet') {
    const nic = settings.interfaces?.find((one) => one.id === id);
    return nic && { ...common(kind, id, nic, 'dhcp', 'auto'), disabled: nic.disabled ?? false };
  }
  if (kind === 'vlan') {
    const vlan = settings.vlans?.find((one) => one.name === id);
    return vlan && { ...common(kind, id, vlan, 'dhcp', 'auto'), parent: vlan.parent, tag: vlan.tag };
  }
  const bond = settings.bonds?.find((one) => one.name === id);
  return bond && {
    ...common(kind, id, bond, 'dhcp', 'auto'), mode: bond.mode, members: bond.members, primary: bond.primary ?? '', watch: bond.arpIntervalMs ? 'arp' : 'link',
    intervalMs: bond.arpIntervalMs || bond.miiMonitorMs || null, targets: (bond.arpTargets ?? []).join(', '), lacpRate: bond.lacpRate ?? '', hashPolicy: bond.hashPolicy ?? '',
  };
}

/** The form of a bond or a VLAN that is to be made. */
export function newForm(settings: NetworkSettings, kind: 'bond' | 'vlan'): Form {
  const taken = new Set([...(settings.bonds ?? []), ...(settings.vlans ?? [])].map((one) => one.name));
  let name = kind === 'vlan' ? '' : 'bond0';
  for (let k = 1; taken.has(name); k++) name = `bond${k}`;
  return common(kind, '', { name }, 'dhcp', 'auto');
}

function addressing(form: Addressing, self: string) {
  const out: { method?: string; addresses?: string[]; gateway?: string; metric?: number } = {};
  if (form.method !== self) out.method = form.method;
  if (form.method === 'off') return out;
  const addresses = entries(form.addresses);
  if (addresses.length > 0) out.addresses = addresses;
  if (form.method === 'static' && form.gateway.trim() !== '') out.gateway = form.gateway.trim();
  if (form.metric) out.metric = form.metric;
  return out;
}

/** Drops what is at its default, so that settings which say the same are the same. */
function lean<T extends object>(one: T): T {
  return Object.fromEntries(
    Object.entries(one).filter(([, v]) => v !== '' && v !== 0 && v !== null && v !== false && v !== undefined && !(typeof v === 'object' && Object.keys(v as object).length === 0)),
  ) as T;
}

function replaced<T>(list: readonly T[] | undefined, at: (one: T) => boolean, next: T): T[] {
  const all = list ?? [];
  return all.some(at) ? all.map((one) => (at(one) ? next : one)) : [...all, next];
}

/** The settings with what a form says. */
export function withForm(settings: NetworkSettings, form: Form): NetworkSettings {
  const shared = { label: form.label.trim(), mtu: form.mtu ?? 0, zones: form.zone ? [form.zone] : [], ipv4: addressing(form.ipv4, 'dhcp'), ipv6: addressing(form.ipv6, 'auto') };
  if (form.kind === 'ethernet') {
    const nic = lean({ ...shared, id: form.id, name: form.name, disabled: form.disabled }) as NICSettings;
    return { ...settings, interfaces: replaced(settings.interfaces, (one) => one.id === form.id, nic) };
  }
  const name = form.name.trim();
  if (form.kind === 'vlan') {
    const vlan = { ...lean({ ...shared, name, parent: form.parent }), tag: form.tag ?? 0 } as VLANSettings;
    return { ...settings, vlans: replaced(settings.vlans, (one) => one.name === form.id, vlan) };
  }
  const arp = form.watch === 'arp' && hasArp(form.mode);
  const bond = {
    ...lean({
      ...shared, name, mode: form.mode, primary: hasPrimary(form.mode) && form.members.includes(form.primary) ? form.primary : '',
      miiMonitorMs: arp ? 0 : (form.intervalMs ?? 0), arpIntervalMs: arp ? (form.intervalMs ?? 1000) : 0, arpTargets: arp ? entries(form.targets) : [],
      lacpRate: form.mode === '802.3ad' ? form.lacpRate : '', hashPolicy: hasHash(form.mode) ? form.hashPolicy : '',
    }),
    members: form.members,
  } as BondSettings;
  const renamed = (one: VLANSettings) => (form.id !== '' && one.parent === form.id ? { ...one, parent: name } : one);
  // A member has no addresses of its own; what it had is the bond's to say.
  const freed = (one: NICSettings) => (form.members.includes(one.id) ? (lean({ id: one.id, name: one.name, label: one.label }) as NICSettings) : one);
  return { ...settings, interfaces: settings.interfaces?.map(freed), vlans: settings.vlans?.map(renamed), bonds: replaced(settings.bonds, (one) => one.name === form.id, bond) };
}

/** The settings without an interface, and without what was on it. */
export function withoutOne(settings: NetworkSettings, kind: Kind, id: string): NetworkSettings {
  const vlans = settings.vlans?.filter((one) => one.name !== id && one.parent !== id);
  return {
    ...settings, vlans,
    interfaces: settings.interfaces?.filter((one) => kind !== 'ethernet' || one.id !== id),
    bonds: settings.bonds?.filter((one) => one.name !== id),
  };
}

/** The bond that a card is to be a member of. */
export const bondOf = (settings: NetworkSettings, id: string) => settings.bonds?.find((one) => one.members.includes(id))?.name;

export type Row = { kind: Kind; id: string; name: string; label: string; live: NetInterface | undefined; isNew: boolean };

/** All interfaces as a list shows them: those that are set, with what is known of them now. */
export function rows(settings: NetworkSettings, live: readonly NetInterface[]): Row[] {
  const row = (kind: Kind, id: string, name: string, label: string | undefined): Row => {
    const now = live.find((one) => one.id === id);
    return { kind, id, name, label: label ?? '', live: now, isNew: now === undefined };
  };
  return [
    ...(settings.interfaces ?? []).map((one) => row('ethernet', one.id, one.name ?? one.id, one.label)),
    ...(settings.bonds ?? []).map((one) => row('bond', one.name, one.name, one.label)),
    ...(settings.vlans ?? []).map((one) => row('vlan', one.name, one.name, one.label)),
  ];
}

/** What is set, in a few words. */
export function summary(settings: NetworkSettings, row: Row): string {
  const form = formOf(settings, row.kind, row.id);
  if (!form) return '';
  const bond = row.kind === 'ethernet' ? bondOf(settings, row.id) : undefined;
  if (form.disabled) return 'switched off';
  if (bond) return `member of ${bond}`;
  const words: string[] = [];
  if (row.kind === 'bond') words.push(modes.find((one) => one.value === form.mode)?.text ?? form.mode);
  if (row.kind === 'vlan') words.push(`tag ${form.tag ?? '?'} on ${settings.interfaces?.find((one) => one.id === form.parent)?.name ?? form.parent}`);
  words.push(form.ipv4.method === 'dhcp' ? 'IPv4 by DHCP' : form.ipv4.method === 'off' ? 'no IPv4' : 'static IPv4');
  if (form.ipv6.method !== 'auto') words.push(form.ipv6.method === 'off' ? 'no IPv6' : 'static IPv6');
  if (form.zone) words.push(`zone ${form.zone}`);
  return words.join(' · ');
}
