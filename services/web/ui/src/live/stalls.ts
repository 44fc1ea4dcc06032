const windowMs = 60_000;
const enough = 3;
const longMs = 700;
/** What comes at longer intervals anyway (few pictures a second) is no stall. */
const factor = 6;

/** Tells from when messages come whether a line holds them up again and again, as one that loses packets does by TCP. */
export class Stalls {
  private lastAt: number | undefined;
  private usualMs = 100;
  private stalls: number[] = [];

  /** A message has come; true when that makes it one stall too many. */
  arrived(now: number): boolean {
    const gap = now - (this.lastAt ?? now);
    this.lastAt = now;
    if (gap > Math.max(longMs, factor * this.usualMs)) this.stalls.push(now);
    this.usualMs += (gap - this.usualMs) / 4;
    this.stalls = this.stalls.filter((at) => now - at < windowMs);
    return this.stalls.length >= enough;
  }

  /** The stream begins anew. */
  reset(): void {
    this.lastAt = undefined;
  }
}
