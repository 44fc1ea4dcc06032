/** The instant that is played: runs at a rate (below 0: backwards) while it is not held. Times are microseconds. */
export class Clock {
  private baseUs = 0;
  private baseAtMs = 0;
  private rate = 1;
  private running = false;

  /** `nowMs` is any clock that does not run backwards; it must be the same for all calls. */
  at(nowMs: number): number {
    return this.running ? this.baseUs + (nowMs - this.baseAtMs) * 1000 * this.rate : this.baseUs;
  }

  set(us: number, nowMs: number): void {
    this.baseUs = us;
    this.baseAtMs = nowMs;
  }

  setRate(rate: number, nowMs: number): void {
    this.set(this.at(nowMs), nowMs);
    this.rate = rate;
  }

  run(running: boolean, nowMs: number): void {
    if (running === this.running) return;
    this.set(this.at(nowMs), nowMs);
    this.running = running;
  }

  get isRunning(): boolean {
    return this.running;
  }
}
