import { expect, it } from 'vitest';
import { browserZone, zoneGroups } from './zones';

it('groups zones by continent, each once', () => {
  expect(zoneGroups(['UTC', 'Europe/Paris', 'America/Argentina/Salta', 'America/New_York', 'Europe/Paris'])).toEqual([
    { heading: 'America', options: [{ value: 'America/Argentina/Salta', text: 'America/Argentina/Salta' }, { value: 'America/New_York', text: 'America/New York' }] },
    { heading: 'Europe', options: [{ value: 'Europe/Paris', text: 'Europe/Paris' }] },
  ]);
});

it('knows every zone that this browser knows', () => {
  const names = Intl.supportedValuesOf('timeZone');
  expect(zoneGroups(names).flatMap((group) => group.options).length).toBe(names.filter((name) => name.includes('/')).length);
});

it('is told the zone of the browser', () => expect(browserZone()).toBe('Europe/Berlin'));
