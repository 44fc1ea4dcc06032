import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Timeline } from '../api/model';
import { serverClock } from '../state/clock.svelte';
import { Poller } from '../state/poller';
import type { View } from './scale';
import { covers, ofDays, ofOverview, readingOf, type Reading } from './source';

const growMs = 3000;

/** One camera's timeline of what is on view, read again every few seconds so that it grows. */
export class TimelineData {
  value = $state.raw<Timeline | null>(null);
  error = $state.raw<ApiError | null>(null);
  private reading: Reading | undefined;
  /** Of the camera, as far as any answer has told. */
  private bounds: Pick<Timeline, 'firstMs' | 'lastMs'> = {};
  private readonly poller: Poller;

  constructor(private readonly camera: string) {
    this.poller = new Poller(growMs, (signal) => this.read(signal));
  }

  /** Says what is on view now. */
  look(view: View, width: number): void {
    const wanted = readingOf(view, width, serverClock.now());
    if (this.reading && covers(this.reading, wanted, view)) return;
    const first = this.reading === undefined;
    this.reading = wanted;
    if (first) this.poller.start();
    else void this.poller.now();
  }

  /** Reads again now, after a change. */
  refresh(): Promise<void> {
    return this.poller.now();
  }

  close(): void {
    this.poller.stop();
  }

  private async read(signal: AbortSignal): Promise<void> {
    const { reading } = this;
    if (!reading) return;
    try {
      const value = await this.ask(reading, signal);
      if (value.firstMs !== undefined) this.bounds = { firstMs: value.firstMs, lastMs: value.lastMs };
      this.value = { ...this.bounds, ...value };
      this.error = null;
    } catch (error) {
      if (error instanceof ApiError) this.error = error;
      else if (!signal.aborted) throw error;
    }
  }

  private async ask(reading: Reading, signal: AbortSignal): Promise<Timeline> {
    const { fromMs, toMs, resolutionMs } = reading;
    switch (reading.how) {
      case 'files':
        return api.timeline(this.camera, fromMs, toMs, signal);
      case 'overview':
        return ofOverview(await api.overview(this.camera, fromMs, toMs, resolutionMs, signal));
      case 'days':
        return ofDays(await api.days(this.camera, fromMs, toMs, signal), reading, 'main');
    }
  }
}
