import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Timeline } from '../api/model';
import { Poller } from '../state/poller';
import type { View } from './scale';

const growMs = 3000;

/** One camera's timeline of one day, read again every few seconds so that it grows. */
export class TimelineData {
  value = $state.raw<Timeline | null>(null);
  error = $state.raw<ApiError | null>(null);
  private readonly poller: Poller;

  constructor(
    private readonly camera: string,
    private readonly day: View,
  ) {
    this.poller = new Poller(growMs, (signal) => this.read(signal));
    this.poller.start();
  }

  /** Reads again now, after a change. */
  refresh(): Promise<void> {
    return this.poller.now();
  }

  close(): void {
    this.poller.stop();
  }

  private async read(signal: AbortSignal): Promise<void> {
    try {
      this.value = await api.timeline(this.camera, this.day.fromMs, this.day.toMs, signal);
      this.error = null;
    } catch (error) {
      if (error instanceof ApiError) this.error = error;
      else if (!signal.aborted) throw error;
    }
  }
}
