const window = 25;
const tooMany = 2;

/**
 * Tells whether a decoder keeps pictures back that it could show: some (of graphics cards, mostly) wait for as many as
 * the stream might put into another order, though it never does, and each costs its duration.
 */
export class Holding {
  private inside = 0;
  private least: number[] = [];

  /** A picture was given to the decoder. */
  put(): void {
    this.inside++;
  }

  /** One came out while so many waited for their turn; true when pictures have long been kept back. */
  got(queued: number): boolean {
    this.inside = Math.max(0, this.inside - 1);
    if (queued > 0) return false; // it is busy, which says nothing
    this.least = [...this.least, this.inside].slice(-window);
    return this.least.length === window && Math.min(...this.least) >= tooMany;
  }

  reset(): void {
    this.inside = 0;
    this.least = [];
  }
}
