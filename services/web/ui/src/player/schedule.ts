/** A stretch without footage that playback passes over. */
export type Skip = { fromMs: number; toMs: number };

export type Fetch = { fromMs: number; durationMs: number };

/** What the appliance said about a piece: where it begins and ends, and where footage goes on. */
export type Piece = { startMs: number; endMs: number; nextMs: number | undefined };

const firstMs = 4_000;
const steadyMs = 10_000;
const longestMs = 60_000;
const aheadMs = 20_000;
/** A hole shorter than this is rounding or a lost frame, not worth telling. */
const skipFromMs = 800;
const edgeRetryMs = 1_000;

/**
 * Decides which recorded media to fetch next. It starts at an instant, follows the ends that the appliance reports,
 * notes the gaps on the way, and at the newest footage asks again once a second.
 */
export class Schedule {
  /** Where the next piece begins. */
  private cursorMs: number;
  private durationMs = firstMs;
  private retryAtMs = 0;
  /** All footage there is has been fetched; more may come. */
  atEdge = false;
  readonly skips: Skip[] = [];

  constructor(startMs: number) {
    this.cursorMs = startMs;
  }

  /**
   * The piece to fetch now, or none: enough is there already, or it is too early to ask again. `nowMs` is any clock
   * that does not run backwards.
   */
  next(positionMs: number, rate: number, nowMs: number): Fetch | undefined {
    if (this.atEdge && nowMs < this.retryAtMs) return undefined;
    // What is ahead of the position, without the gaps in between: these take no time to play.
    const ahead = this.cursorMs - positionMs - this.skippedMs(positionMs);
    if (ahead >= aheadMs * Math.max(1, rate)) return undefined;
    return { fromMs: this.cursorMs, durationMs: Math.min(longestMs, this.durationMs * Math.max(1, rate)) };
  }

  /** Takes in the answer to a fetch; null when there is no footage from there on. */
  took(piece: Piece | null, nowMs: number): void {
    if (piece === null) {
      this.wait(nowMs);
      return;
    }
    if (piece.startMs > this.cursorMs + skipFromMs) this.skips.push({ fromMs: this.cursorMs, toMs: piece.startMs });
    this.durationMs = steadyMs;
    const grew = piece.endMs > this.cursorMs;
    if (grew) this.cursorMs = piece.endMs;
    const goesOn = piece.nextMs !== undefined && piece.nextMs > this.cursorMs;
    if (goesOn && piece.nextMs !== undefined) {
      if (piece.nextMs - this.cursorMs > skipFromMs) this.skips.push({ fromMs: this.cursorMs, toMs: piece.nextMs });
      this.cursorMs = piece.nextMs;
    }
    // Without a place to go on at and nothing new, this is the end of what there is.
    if (!goesOn && (!grew || piece.nextMs === undefined)) this.wait(nowMs);
    else this.atEdge = false;
  }

  /** The gap that begins at or shortly after `positionMs`, when playback has reached it. */
  skipAt(positionMs: number, slackMs: number): Skip | undefined {
    return this.skips.find((skip) => positionMs >= skip.fromMs - slackMs && positionMs < skip.toMs);
  }

  private skippedMs(positionMs: number): number {
    return this.skips.reduce((sum, skip) => sum + Math.max(0, skip.toMs - Math.max(skip.fromMs, positionMs)), 0);
  }

  private wait(nowMs: number): void {
    this.atEdge = true;
    this.retryAtMs = nowMs + edgeRetryMs;
  }
}
