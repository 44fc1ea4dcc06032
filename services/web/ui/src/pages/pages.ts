import type { Component } from 'svelte';
import type { IconName } from '../ui/icons';
import Cameras from './Cameras.svelte';
import Live from './Live.svelte';
import Recordings from './Recordings.svelte';
import System from './System.svelte';

/** A page comes with the app (`component`) or, when it is seldom looked at, in a file of its own (`load`). */
export type Page = { path: string; title: string } & (
  | { component: Component; load?: never }
  | { component?: never; load: () => Promise<{ default: Component }> }
);

/** An entry of the navigation, leading to the first of its pages. */
export type Entry = { path: string; title: string; icon: IconName; pages: readonly [Page, ...Page[]] };

const live: Page = { path: 'live', title: 'Live', component: Live };

export const entries: readonly Entry[] = [
  { path: 'live', title: 'Live', icon: 'live', pages: [live] },
  {
    path: 'recordings',
    title: 'Recordings',
    icon: 'recordings',
    pages: [
      { path: 'recordings', title: 'Timeline', component: Recordings },
      { path: 'exports', title: 'Exports', load: () => import('./Exports.svelte') },
      { path: 'protections', title: 'Protected', load: () => import('./Protections.svelte') },
    ],
  },
  {
    path: 'cameras',
    title: 'Cameras',
    icon: 'cameras',
    pages: [
      { path: 'cameras', title: 'Cameras', component: Cameras },
      { path: 'calendars', title: 'Calendars', load: () => import('./Calendars.svelte') },
      { path: 'coverage', title: 'Coverage', load: () => import('./Coverage.svelte') },
    ],
  },
  {
    path: 'system',
    title: 'System',
    icon: 'system',
    pages: [
      { path: 'system', title: 'Machine', component: System },
      { path: 'network', title: 'Network', load: () => import('./Network.svelte') },
      { path: 'time', title: 'Time', load: () => import('./Time.svelte') },
      { path: 'access', title: 'Access', load: () => import('./Access.svelte') },
      { path: 'storage', title: 'Storage', load: () => import('./Storage.svelte') },
      { path: 'hosts', title: 'Hosts', load: () => import('./Hosts.svelte') },
      { path: 'relay', title: 'Relay', load: () => import('./Relay.svelte') },
    ],
  },
];

/** The page of an address, and its entry; an unknown one leads to the first. */
export function pageOf(path: string): { page: Page; entry: Entry | undefined } {
  for (const entry of entries) {
    const page = entry.pages.find((one) => one.path === path);
    if (page) return { page, entry };
  }
  return { page: live, entry: entries[0] };
}
