export type ZoneGroup = { heading: string; options: { value: string; text: string }[] };

/** IANA zones by continent, in order of name. */
export function zoneGroups(names: readonly string[]): ZoneGroup[] {
  const groups = new Map<string, ZoneGroup>();
  for (const value of [...new Set(names)].sort()) {
    const heading = value.slice(0, Math.max(0, value.indexOf('/')));
    if (heading === '') continue; // UTC and its other names, which stand above the groups
    const group = groups.get(heading) ?? { heading, options: [] };
    group.options.push({ value, text: value.replaceAll('_', ' ') });
    groups.set(heading, group);
  }
  return [...groups.values()];
}

/** The zone of this browser; empty for UTC, as the appliance has it. */
export function browserZone(): string {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return zone === 'UTC' || zone === 'Etc/UTC' ? '' : zone;
}
