import { api } from '../api/client';
import { ApiError } from '../api/error';
import type { Camera } from '../api/model';
import { Poller } from './poller';

/** All cameras with their states, asked for every few seconds while the page is seen. */
class CameraList {
  list = $state.raw<Camera[]>([]);
  loaded = $state(false);
  error = $state.raw<ApiError | null>(null);
  private poller = new Poller(3000, (signal) => this.read(signal));

  start(): void {
    this.poller.start();
  }

  stop(): void {
    this.poller.stop();
    this.list = [];
    this.loaded = false;
    this.error = null;
  }

  /** Asks again now, after a change. */
  refresh(): Promise<void> {
    return this.poller.now();
  }

  byId(id: string | undefined): Camera | undefined {
    return this.list.find((camera) => camera.id === id);
  }

  private async read(signal: AbortSignal): Promise<void> {
    try {
      this.list = await api.cameras(signal);
      this.loaded = true;
      this.error = null;
    } catch (error) {
      if (error instanceof ApiError) this.error = error;
      else if (!signal.aborted) throw error;
    }
  }
}

export const cameras = new CameraList();
