import type { Profile } from '../api/model';

/** What a profile is called, and what it lets its users do. */
export const profiles: Record<Profile, { title: string; what: string }> = {
  administrator: { title: 'Administrator', what: 'Everything, these accounts too' },
  operator: { title: 'Operator', what: 'Live pictures and recordings; exports, protects, records by hand' },
  viewer: { title: 'Viewer', what: 'Live pictures and recordings' },
  guard: { title: 'Guard', what: 'Live pictures' },
};

/** Those with most rights first. */
export const profileOptions = (Object.keys(profiles) as Profile[]).map((value) => ({ value, text: `${profiles[value].title}: ${profiles[value].what}` }));
