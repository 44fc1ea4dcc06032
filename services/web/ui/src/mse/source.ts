import { rangesOf, type Range } from './ranges';

/**
 * One SourceBuffer in one MediaSource, with its operations in order: a SourceBuffer refuses a second one while the
 * first is under way. All promises reject once the source is closed or has failed.
 */
export class Source {
  private readonly video: HTMLVideoElement;
  private readonly media = new MediaSource();
  private readonly address: string;
  private buffer: SourceBuffer | undefined;
  private tail: Promise<void>;
  private closed = false;
  private mime = '';
  /** Operations not done yet, for callers that would rather drop than pile up. */
  waiting = 0;

  /** `originMs` (UTC) becomes the second 0 of the element's time axis. */
  constructor(
    video: HTMLVideoElement,
    private readonly originMs: number,
  ) {
    this.video = video;
    this.tail = new Promise((resolve) => {
      this.media.addEventListener('sourceopen', () => resolve(), { once: true });
    });
    this.address = URL.createObjectURL(this.media);
    video.src = this.address;
    video.dataset.originMs = String(originMs);
  }

  /** Appends bytes of type `mime`; a change of type takes place in the order of the calls. */
  append(data: ArrayBuffer, mime: string): Promise<void> {
    return this.queue(async () => {
      const buffer = this.bufferFor(mime);
      try {
        await settle(buffer, () => buffer.appendBuffer(data));
      } catch (error) {
        if (!(error instanceof DOMException) || error.name !== 'QuotaExceededError') throw error;
        // Full: give up all that has been played, then try once more.
        const played = this.video.currentTime - 2;
        if (played > 0) await settle(buffer, () => buffer.remove(0, played));
        await settle(buffer, () => buffer.appendBuffer(data));
      }
    });
  }

  /** Forgets what lies before `end`, in seconds. */
  trim(end: number): Promise<void> {
    return this.queue(async () => {
      const buffer = this.buffer;
      const first = this.ranges()[0];
      if (!buffer || !first || first.start >= end) return;
      await settle(buffer, () => buffer.remove(0, end));
    });
  }

  /** Forgets everything. */
  clear(): Promise<void> {
    return this.queue(async () => {
      const buffer = this.buffer;
      if (buffer && buffer.buffered.length > 0) await settle(buffer, () => buffer.remove(0, Infinity));
    });
  }

  ranges(): Range[] {
    if (!this.buffer || this.media.readyState === 'closed') return [];
    try {
      return rangesOf(this.buffer.buffered);
    } catch {
      return []; // removed from its MediaSource by an error of the element
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    if (this.video.src === this.address) {
      this.video.removeAttribute('src');
      this.video.load();
      delete this.video.dataset.originMs;
    }
    URL.revokeObjectURL(this.address);
  }

  private queue(operation: () => Promise<void>): Promise<void> {
    this.waiting++;
    const done = this.tail.then(() => {
      if (this.closed) throw new DOMException('closed', 'AbortError');
      return operation();
    });
    this.tail = done.catch(() => {}).finally(() => this.waiting--);
    return done;
  }

  private bufferFor(mime: string): SourceBuffer {
    if (!this.buffer) {
      this.buffer = this.media.addSourceBuffer(mime);
      this.buffer.timestampOffset = -this.originMs / 1000;
      this.media.duration = Infinity;
    } else if (mime !== this.mime) {
      this.buffer.changeType(mime);
    }
    this.mime = mime;
    return this.buffer;
  }
}

/** Starts an operation of a SourceBuffer and waits for its end. */
function settle(buffer: SourceBuffer, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (event: Event) => {
      buffer.removeEventListener('updateend', finish);
      buffer.removeEventListener('error', finish);
      if (event.type === 'error') reject(new DOMException('the browser cannot read this video', 'DataError'));
      else resolve();
    };
    buffer.addEventListener('updateend', finish);
    buffer.addEventListener('error', finish);
    try {
      start();
    } catch (error) {
      buffer.removeEventListener('updateend', finish);
      buffer.removeEventListener('error', finish);
      reject(error);
    }
  });
}
