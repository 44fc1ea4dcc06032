import type { Trial } from '../api/model';
import { appliance } from './appliance.svelte';

/** The change that waits to be confirmed. It is counted down here, for the appliance may not be reached. */
class Running {
  current = $state.raw<Trial | null>(null);
  now = $state(performance.now());
  private endsAt = 0;
  private timer: ReturnType<typeof setInterval> | undefined;

  /** Whole seconds that are left. */
  get left(): number {
    return Math.max(0, Math.ceil((this.endsAt - this.now) / 1000));
  }

  /** Takes over what the answer to a change made here says; nothing: there is none any more. A status from before says otherwise. */
  changed(trial: Trial | undefined): void {
    appliance.askAnew();
    this.learn(trial);
  }

  /** Takes over what the appliance's status says; nothing: there is none. */
  learn(trial: Trial | undefined): void {
    if (!trial || trial.leftMs <= 0) {
      this.end();
      return;
    }
    this.endsAt = performance.now() + trial.leftMs;
    this.current = trial;
    this.now = performance.now();
    this.timer ??= setInterval(() => {
      this.now = performance.now();
      if (this.left === 0) this.end();
    }, 250);
  }

  private end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.current = null;
  }
}

export const trial = new Running();
