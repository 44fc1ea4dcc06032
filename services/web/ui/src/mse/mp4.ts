/**
 * The little of ISO/IEC 14496-12 that playing needs: which timescale each track has, and when a fragment begins.
 * The bytes come from outside; whatever they are, these functions return and do not throw.
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

function viewOf(data: ArrayBuffer): { view: DataView; whole: Box } {
  return { view: new DataView(data), whole: { type: '', start: 0, end: data.byteLength } };
}

/** Ticks per second of each track, by track id, from an initialisation segment. */
export function timescales(init: ArrayBuffer): Map<number, number> {
  const { view, whole } = viewOf(init);
  const found = new Map<number, number>();
  const moov = find(view, whole, 'moov');
  if (!moov) return found;
  for (const trak of boxes(view, moov.start, moov.end)) {
    if (trak.type !== 'trak') continue;
    const tkhd = find(view, trak, 'tkhd');
    const mdhd = find(view, trak, 'mdia', 'mdhd');
    if (!tkhd || !mdhd) continue;
    // Version 1 has 64-bit creation and modification times before the field wanted.
    const id = uint32(view, tkhd, version(view, tkhd) === 1 ? 20 : 12);
    const scale = uint32(view, mdhd, version(view, mdhd) === 1 ? 20 : 12);
    if (id !== undefined && scale !== undefined && scale > 0) found.set(id, scale);
  }
  return found;
}

/** The earliest decode time of the first fragment, in milliseconds; undefined when there is none to be read. */
export function fragmentStartMs(fragment: ArrayBuffer, scales: Map<number, number>): number | undefined {
  const { view, whole } = viewOf(fragment);
  const moof = find(view, whole, 'moof');
  if (!moof) return undefined;
  let earliest: number | undefined;
  for (const traf of boxes(view, moof.start, moof.end)) {
    if (traf.type !== 'traf') continue;
    const tfhd = find(view, traf, 'tfhd');
    const tfdt = find(view, traf, 'tfdt');
    if (!tfhd || !tfdt) continue;
    const scale = scales.get(uint32(view, tfhd, 4) ?? -1);
    const ticks = version(view, tfdt) === 1 ? uint64(view, tfdt, 4) : uint32(view, tfdt, 4);
    if (scale === undefined || ticks === undefined) continue;
    const startMs = (ticks / scale) * 1000;
    if (earliest === undefined || startMs < earliest) earliest = startMs;
  }
  return earliest;
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
