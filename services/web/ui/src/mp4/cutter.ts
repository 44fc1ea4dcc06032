/** Boxes larger than this are no answer of the appliance: its fragments are of one GOP. */
const largest = 64 << 20;

/** Cuts a stream of bytes into whole top-level boxes as they come. */
export class BoxCutter {
  private parts: Uint8Array<ArrayBuffer>[] = [];
  private length = 0;
  /** What came is no boxes: nothing more is given out. */
  broken = false;

  /** Takes bytes in, and gives out the boxes that are whole now, in order: type, and bytes with the header. */
  push(bytes: Uint8Array<ArrayBuffer>): [type: string, bytes: Uint8Array<ArrayBuffer>][] {
    const out: [string, Uint8Array<ArrayBuffer>][] = [];
    if (this.broken) return out;
    this.parts.push(bytes);
    this.length += bytes.length;
    for (let head = this.peek(); head; head = this.peek()) {
      if (head.size < 8 || head.size > largest) {
        this.broken = true;
        this.parts = [];
        return out;
      }
      if (this.length < head.size) return out;
      out.push([head.type, this.take(head.size)]);
    }
    return out;
  }

  private peek(): { type: string; size: number } | undefined {
    if (this.length < 8) return undefined;
    const head = new Uint8Array(8);
    let at = 0;
    for (const part of this.parts) {
      const piece = part.subarray(0, 8 - at);
      head.set(piece, at);
      at += piece.length;
      if (at === 8) break;
    }
    return { size: new DataView(head.buffer).getUint32(0), type: String.fromCharCode(...head.subarray(4)) };
  }

  private take(size: number): Uint8Array<ArrayBuffer> {
    const whole = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const part = this.parts[0];
      if (!part) break; // never: as much is there
      const piece = part.subarray(0, size - at);
      whole.set(piece, at);
      at += piece.length;
      if (piece.length === part.length) this.parts.shift();
      else this.parts[0] = part.subarray(piece.length);
    }
    this.length -= size;
    return whole;
  }
}

export function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
