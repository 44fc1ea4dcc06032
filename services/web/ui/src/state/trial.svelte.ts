import type { Trial } from '../api/model';

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

  /** Takes over what the appliance says; nothing: there is none. */
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

  end(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.current = null;
  }
}

export const trial = new Running();
