/**
 * The appliance's clock as this browser sees it. Recordings carry the appliance's time, and the two clocks may
 * differ by hours; everything that says "now" asks here.
 */
class ServerClock {
  /** Added to Date.now(). Of several answers the one that travelled least is the truest: that with the largest offset. */
  private offsetMs = 0;
  private readings: number[] = [];
  /** Ticks every second, for displays. */
  second = $state(Date.now());

  constructor() {
    setInterval(() => (this.second = this.now()), 1000);
  }

  now(): number {
    return Date.now() + this.offsetMs;
  }

  learn(nowMs: number): void {
    const reading = nowMs - Date.now();
    const last = this.readings.at(-1);
    // A step of either clock makes older readings worthless.
    if (last !== undefined && Math.abs(reading - last) > 5000) this.readings = [];
    this.readings = [...this.readings, reading].slice(-8);
    this.offsetMs = Math.max(...this.readings);
    this.second = this.now();
  }
}

export const serverClock = new ServerClock();
