import { ApiError } from '../api/error';

/**
 * Runs a task now and then again, `intervalMs` after it has ended; never twice at once, and not while the tab is
 * hidden. The task deals with its own errors.
 */
export class Poller {
  private readonly intervalMs: number;
  private readonly task: (signal: AbortSignal) => Promise<void>;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private abort: AbortController | undefined;
  private readonly onVisible = () => {
    if (!document.hidden) void this.now();
  };

  constructor(intervalMs: number, task: (signal: AbortSignal) => Promise<void>) {
    this.intervalMs = intervalMs;
    this.task = task;
  }

  start(): void {
    document.addEventListener('visibilitychange', this.onVisible);
    void this.now();
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.onVisible);
    clearTimeout(this.timer);
    this.abort?.abort();
    this.abort = undefined;
  }

  /** Runs the task at once; one that is under way is given up. */
  async now(): Promise<void> {
    clearTimeout(this.timer);
    this.abort?.abort();
    const abort = new AbortController();
    this.abort = abort;
    await this.task(abort.signal);
    if (this.abort !== abort) return;
    if (!document.hidden) this.timer = setTimeout(() => void this.now(), this.intervalMs);
  }
}

/**
 * Asks the appliance one thing now and then. What it answers goes to `take`; `tell` gets what is wrong, and '' when that
 * is over. Returns what ends it.
 */
export function follow<Answer>(
  intervalMs: number,
  ask: (signal: AbortSignal) => Promise<Answer>,
  take: (answer: Answer) => void,
  tell: (problem: string) => void,
): () => void {
  const poller = new Poller(intervalMs, async (signal) => {
    try {
      const answer = await ask(signal);
      if (signal.aborted) return;
      take(answer);
      tell('');
    } catch (error) {
      if (error instanceof ApiError) tell(error.message);
      else if (!signal.aborted) throw error;
    }
  });
  poller.start();
  return () => poller.stop();
}
