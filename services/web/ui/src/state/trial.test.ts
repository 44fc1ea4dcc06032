import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { api } from '../api/client';
import type { Status, Trial } from '../api/model';
import { appliance } from './appliance.svelte';
import { trial } from './trial.svelte';

const tried: Trial = { subject: 'network', endsMs: 60_000, leftMs: 60_000 };
const status = (revision: number, trial?: Trial) => ({ revision, clock: { nowMs: 0 }, ...(trial && { trial }) }) as Status;

type Asked = { after: number | undefined; answer: (status: Status) => Promise<void> };
let asked: Asked[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  asked = [];
  vi.spyOn(api, 'status').mockImplementation(
    (after) => new Promise((resolve) => asked.push({ after, answer: async (status) => { resolve(status); await vi.advanceTimersByTimeAsync(300); } })),
  );
  appliance.start();
});

afterEach(() => {
  appliance.stop();
  trial.learn(undefined);
  vi.restoreAllMocks();
  vi.useRealTimers();
});

const last = () => { const one = asked.at(-1); if (!one) throw new Error('nothing was asked'); return one; };

it('a trial that ended here does not come back with a status from before', async () => {
  await last().answer(status(1, tried));
  trial.learn(appliance.status?.trial);
  expect(trial.current).toEqual(tried);
  const before = last();
  expect(before.after).toBe(1);
  trial.changed(undefined);
  expect(trial.current).toBeNull();
  await before.answer(status(2, tried));
  expect(appliance.status?.revision).toBe(1);
  expect(last().after).toBeUndefined();
  await last().answer(status(3));
  expect(appliance.status).toEqual(status(3));
  expect(asked.map((one) => one.after)).toEqual([undefined, 1, undefined, 3]);
});

it('a trial that began here does not go with a status from before', async () => {
  await last().answer(status(1));
  const before = last();
  trial.changed(tried);
  expect(trial.left).toBe(60);
  await before.answer(status(2));
  expect(appliance.status?.revision).toBe(1);
  await last().answer(status(3, tried));
  expect(appliance.status?.trial).toEqual(tried);
});

it('nothing is asked once nobody is logged in', () => {
  appliance.stop();
  trial.changed(undefined);
  expect(asked).toHaveLength(1);
});
