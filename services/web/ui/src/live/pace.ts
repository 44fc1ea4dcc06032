const windowMs = 3000;
const fewest = 8;
const most = 250;
/** Unevenness beyond this is not waited for: such pictures (after a stall, or of the past that comes at once at the start) are late anyway. */
const maxJitterMs = 80;
/** A change of this much is a step of a clock, or of the camera's. */
const stepMs = 1000;

type Arrival = { atMs: number; offsetMs: number };

/**
 * Says when a picture is to be shown, so that pictures that come unevenly move evenly, and as soon as that allows.
 *
 * What counts is the offset between an instant (of the stream) and its being ready here. The smallest of the last
 * seconds is what the way costs at least; of those that are not far above it nine in ten are waited for. The window
 * moves, so a delay that was is forgotten: nothing adds up over time.
 */
export class Pacer {
  private arrivals: Arrival[] = [];
  private delay = 0;
  private sinceCount = 0;

  /** A picture of the instant `mediaMs` is ready. */
  arrived(nowMs: number, mediaMs: number): void {
    const offsetMs = nowMs - mediaMs;
    const last = this.arrivals.at(-1);
    if (last && Math.abs(offsetMs - last.offsetMs) > stepMs) this.arrivals = [];
    this.arrivals.push({ atMs: nowMs, offsetMs });
    while (this.arrivals.length > most || (this.arrivals.length > fewest && nowMs - (this.arrivals[0]?.atMs ?? nowMs) > windowMs)) this.arrivals.shift();
    // Sorting the window for each picture of 64 tiles would be much work for little: the least is followed at once.
    if (this.arrivals.length <= fewest || ++this.sinceCount >= 8 || offsetMs < this.delay - maxJitterMs) this.count();
  }

  private count(): void {
    this.sinceCount = 0;
    const sorted = this.arrivals.map((arrival) => arrival.offsetMs).sort((a, b) => a - b);
    const least = sorted[0] ?? 0;
    const near = sorted.filter((offsetMs) => offsetMs <= least + maxJitterMs);
    this.delay = near[Math.floor(near.length * 0.9)] ?? near.at(-1) ?? least;
  }

  /** From an instant of the stream to its being shown. */
  get delayMs(): number {
    return this.delay;
  }

  dueMs(mediaMs: number): number {
    return mediaMs + this.delay;
  }
}
