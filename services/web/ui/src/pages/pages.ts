import type { Component } from 'svelte';
import type { Right } from '../api/model';
import type { IconName } from '../ui/icons';
import Cameras from './Cameras.svelte';
import Live from './Live.svelte';
import Recordings from './Recordings.svelte';
import System from './System.svelte';

/** A page is for who has a `right`. It comes with the app (`component`) or, when it is seldom looked at, in a file of its own (`load`). */
export type Page = { path: string; title: string; right: Right } & (
  | { component: Component; load?: never }
  | { component?: never; load: () => Promise<{ default: Component }> }
);

/** An entry of the navigation, leading to the first of its pages. */
export type Entry = { path: string; title: string; icon: IconName; pages: readonly [Page, ...Page[]] };

const live: Page = { path: 'live', title: 'Live', right: 'watch', component: Live };

export const entries: readonly Entry[] = [
  { path: 'live', title: 'Live', icon: 'live', pages: [live] },
  {
    path: 'recordings',
    title: 'Recordings',
    icon: 'recordings',
    pages: [
      { path: 'recordings', title: 'Timeline', right: 'play', component: Recordings },
      { path: 'exports', title: 'Exports', right: 'export', load: () => import('./Exports.svelte') },
      { path: 'protections', title: 'Protected', right: 'play', load: () => import('./Protections.svelte') },
    ],
  },
  {
    path: 'cameras',
    title: 'Cameras',
    icon: 'cameras',
    pages: [
      { path: 'cameras', title: 'Cameras', right: 'administer', component: Cameras },
      { path: 'calendars', title: 'Calendars', right: 'administer', load: () => import('./Calendars.svelte') },
      { path: 'coverage', title: 'Coverage', right: 'administer', load: () => import('./Coverage.svelte') },
    ],
  },
  {
    path: 'system',
    title: 'System',
    icon: 'system',
    pages: [
      { path: 'system', title: 'Machine', right: 'administer', component: System },
      { path: 'network', title: 'Network', right: 'administer', load: () => import('./Network.svelte') },
      { path: 'time', title: 'Time', right: 'administer', load: () => import('./Time.svelte') },
      { path: 'access', title: 'Access', right: 'administer', load: () => import('./Access.svelte') },
      { path: 'storage', title: 'Storage', right: 'administer', load: () => import('./Storage.svelte') },
      { path: 'archive', title: 'Archive', right: 'administer', load: () => import('./Archive.svelte') },
      { path: 'hosts', title: 'Hosts', right: 'administer', load: () => import('./Hosts.svelte') },
      { path: 'relay', title: 'Relay', right: 'administer', load: () => import('./Relay.svelte') },
    ],
  },
];

/** What a user with these rights finds in the navigation. */
export function entriesFor(rights: readonly Right[]): Entry[] {
  return entries.flatMap((entry) => {
    const [first, ...more] = entry.pages.filter((page) => rights.includes(page.right));
    return first ? [{ ...entry, path: first.path, pages: [first, ...more] }] : [];
  });
}

/** The page of an address, and its entry; one that is unknown, or not for the user, leads to the first. */
export function pageOf(path: string, rights: readonly Right[]): { page: Page; entry: Entry | undefined } {
  const own = entriesFor(rights);
  for (const entry of own) {
    const page = entry.pages.find((one) => one.path === path);
    if (page) return { page, entry };
  }
  return { page: live, entry: own[0] };
}
