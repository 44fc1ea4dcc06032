const firstMs = 500;
const longestMs = 15_000;

/** Waiting times between tries: doubling, with some chance in them so that tiles do not all come at once. */
export class Backoff {
  private waitMs = firstMs;

  constructor(private readonly random: () => number = Math.random) {}

  next(): number {
    const waitMs = this.waitMs * (0.75 + this.random() * 0.5);
    this.waitMs = Math.min(longestMs, this.waitMs * 2);
    return waitMs;
  }

  reset(): void {
    this.waitMs = firstMs;
  }
}
