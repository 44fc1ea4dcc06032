/**
 * Boxes of ISO/IEC 14496-12: finding them, and numbers in them. The bytes come from outside; whatever they are, these
 * functions return and do not throw.
 */

export type Box = { type: string; start: number; end: number };

/** Payload ranges of the boxes in `[from, to)`; ends at the first that does not fit. */
export function* boxes(view: DataView, from: number, to: number): Generator<Box> {
  let at = from;
  while (at + 8 <= to) {
    let size = view.getUint32(at);
    let header = 8;
    if (size === 1) {
      if (at + 16 > to) return;
      size = Number(view.getBigUint64(at + 8));
      header = 16;
    } else if (size === 0) {
      size = to - at; // to the end of the file
    }
    if (size < header || at + size > to) return;
    yield { type: fourcc(view, at + 4), start: at + header, end: at + size };
    at += size;
  }
}

function fourcc(view: DataView, at: number): string {
  return String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));
}

export function find(view: DataView, parent: Box, ...path: string[]): Box | undefined {
  let box: Box | undefined = parent;
  for (const type of path) {
    let found: Box | undefined;
    for (const child of boxes(view, box.start, box.end)) {
      if (child.type === type) {
        found = child;
        break;
      }
    }
    if (!found) return undefined;
    box = found;
  }
  return box;
}

export function version(view: DataView, box: Box): number {
  return box.start < box.end ? view.getUint8(box.start) : 0;
}

export function uint32(view: DataView, box: Box, at: number): number | undefined {
  return box.start + at + 4 <= box.end ? view.getUint32(box.start + at) : undefined;
}

export function uint64(view: DataView, box: Box, at: number): number | undefined {
  return box.start + at + 8 <= box.end ? Number(view.getBigUint64(box.start + at)) : undefined;
}
