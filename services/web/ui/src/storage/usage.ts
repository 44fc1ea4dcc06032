// What cameras' recordings take, in words.
import type { CameraUsage } from '../api/model';
import type { Verdict } from '../system/words';

const dayMs = 86_400_000;

const verdicts: Record<CameraUsage['promise'], Verdict> = {
  none: { kind: 'quiet', word: 'No promise' },
  ok: { kind: 'good', word: 'Kept' },
  warning: { kind: 'warn', word: 'At risk' },
  broken: { kind: 'bad', word: 'Not kept' },
};

export function promiseVerdict(usage: CameraUsage): Verdict {
  return verdicts[usage.promise];
}

/** Whole days back to the oldest recording; undefined when there is none. */
export function daysKept(usage: CameraUsage, nowMs: number): number | undefined {
  return usage.oldestMs === undefined ? undefined : Math.max(0, (nowMs - usage.oldestMs) / dayMs);
}

export function daysText(days: number | undefined): string {
  if (days === undefined) return '–';
  if (days < 1) return `${Math.floor(days * 24)} h`;
  return days < 10 ? `${Math.floor(days * 10) / 10} days` : `${Math.floor(days)} days`;
}

export type Order = 'name' | 'bytes' | 'promise';

const rank: Record<CameraUsage['promise'], number> = { broken: 0, warning: 1, ok: 2, none: 3 };

export function inOrder(list: readonly CameraUsage[], order: Order): CameraUsage[] {
  const taken = (one: CameraUsage) => one.standardBytes + one.alarmBytes;
  const byName = (one: CameraUsage, other: CameraUsage) => one.name.localeCompare(other.name);
  return [...list].sort((one, other) => {
    if (order === 'bytes') return taken(other) - taken(one) || byName(one, other);
    if (order === 'promise') return rank[one.promise] - rank[other.promise] || byName(one, other);
    return byName(one, other);
  });
}
