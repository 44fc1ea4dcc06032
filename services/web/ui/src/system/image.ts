// What of an update is judged before it is sent: how it begins, and its seal at the end.

const headBytes = 96;
const block = 4096;
const mostSeal = 80_000;

/** The parts of system.img that the appliance judges; undefined when the file cannot be one. */
export async function partsOf(file: Blob): Promise<Blob | undefined> {
  const head = await file.slice(0, headBytes).arrayBuffer();
  if (head.byteLength < headBytes) return undefined;
  const length = new DataView(head).getBigUint64(40, true);
  if (length > BigInt(file.size)) return undefined;
  const seal = Math.ceil(Number(length) / block) * block;
  if (seal >= file.size || file.size - seal > mostSeal) return undefined;
  return new Blob([head, file.slice(seal)]);
}

/** The next instant after `nowMs` at which the browser's clock shows hh:mm; undefined when that is no time of day. */
export function nextAt(time: string, nowMs: number): number | undefined {
  const match = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(time);
  if (!match) return undefined;
  const at = new Date(nowMs);
  at.setHours(Number(match[1]), Number(match[2]), 0, 0);
  if (at.getTime() <= nowMs) at.setDate(at.getDate() + 1);
  return at.getTime();
}
