import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Status } from '../api/model';
import { serverClock } from './clock.svelte';

const minRetryMs = 1000;
const maxRetryMs = 10_000;

/** The machine's status, followed by long-polling its revision. */
class Appliance {
  status = $state.raw<Status | null>(null);
  error = $state.raw<ApiError | null>(null);
  private abort: AbortController | undefined;

  start(): void {
    this.stop();
    this.ask();
  }

  /** What is known stands; an answer that is under way may be from before what was just done, and is not taken. */
  askAnew(): void {
    if (!this.abort) return;
    this.abort.abort();
    this.ask();
  }

  stop(): void {
    this.abort?.abort();
    this.abort = undefined;
    this.status = null;
    this.error = null;
  }

  private ask(): void {
    this.abort = new AbortController();
    void this.follow(this.abort.signal);
  }

  private async follow(signal: AbortSignal): Promise<void> {
    let retryMs = minRetryMs;
    let revision: number | undefined;
    while (!signal.aborted) {
      try {
        const status = await api.status(revision, signal);
        if (signal.aborted) return;
        serverClock.learn(status.clock.nowMs);
        // The wait has an upper limit: the same revision again means that nothing changed but counters.
        revision = status.revision;
        this.status = status;
        this.error = null;
        retryMs = minRetryMs;
        await pause(250, signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof ApiError) this.error = error;
        revision = undefined;
        await pause(retryMs, signal);
        retryMs = Math.min(retryMs * 2, maxRetryMs);
      }
    }
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    }
    signal.addEventListener('abort', done);
  });
}

export const appliance = new Appliance();
