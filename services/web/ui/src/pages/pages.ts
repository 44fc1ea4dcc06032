import type { Component } from 'svelte';
import type { IconName } from '../ui/icons';
import Cameras from './Cameras.svelte';
import Live from './Live.svelte';
import Recordings from './Recordings.svelte';
import System from './System.svelte';

export type Page = { path: string; title: string; icon: IconName; component: Component };

export const pages: readonly Page[] = [
  { path: 'live', title: 'Live', icon: 'live', component: Live },
  { path: 'recordings', title: 'Recordings', icon: 'recordings', component: Recordings },
  { path: 'cameras', title: 'Cameras', icon: 'cameras', component: Cameras },
  { path: 'system', title: 'System', icon: 'system', component: System },
];

const home = pages[0] as Page;

/** The page of an address; an unknown one leads to the first. */
export function pageOf(path: string): Page {
  return pages.find((page) => page.path === path) ?? home;
}
