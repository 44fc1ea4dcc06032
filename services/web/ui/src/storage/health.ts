// How disks are, in words.
import type { DiskHealth, DiskReport } from '../api/model';
import type { Verdict } from '../system/words';

export function healthVerdict(health: DiskHealth): Verdict {
  if (health.test) return { kind: 'busy', word: 'Testing itself' };
  const words: Record<DiskHealth['status'], Verdict> = {
    ok: { kind: 'good', word: 'Healthy' },
    warning: { kind: 'warn', word: 'Needs attention' },
    failing: { kind: 'bad', word: 'Failing' },
    unknown: { kind: 'quiet', word: 'Health unknown' },
  };
  return words[health.status];
}

/** Temperature, wear and age in a line. */
export function healthLine(health: DiskHealth): string {
  return [
    health.temperature === undefined ? '' : `${health.temperature} °C`,
    health.wear === undefined ? '' : `${health.wear} % used up`,
    health.hours === undefined ? '' : hoursText(health.hours),
    health.asleep ? 'asleep' : '',
  ]
    .filter(Boolean)
    .join(' · ');
}

/** Hours of service as people think of them. */
export function hoursText(hours: number): string {
  if (hours < 48) return `${hours} h in service`;
  if (hours < 24 * 365) return `${Math.floor(hours / 24)} days in service`;
  return `${(hours / 24 / 365).toFixed(1)} years in service`;
}

export function testText(test: NonNullable<DiskHealth['test']>): string {
  const kind = test.kind === 'short' ? 'Short self-test' : test.kind === 'long' ? 'Long self-test' : 'Self-test';
  return `${kind}: ${test.percent} % done`;
}

const number = (value: number | undefined) => (value === undefined ? undefined : String(value));

export function healthFacts(report: DiskReport): [string, string | undefined][] {
  const health = report.health;
  return [
    ['Temperature', health.temperature === undefined ? undefined : `${health.temperature} °C`],
    ['In service', health.hours === undefined ? undefined : `${health.hours} h`],
    ['Used up', health.wear === undefined ? undefined : `${health.wear} %`],
    ['Spare', report.spare === undefined ? undefined : `${report.spare} %`],
    ['Turns', report.rpm ? `${report.rpm} a minute` : undefined],
    ['Replaced', report.reallocated === undefined ? undefined : `${report.reallocated} sectors`],
    ['Unreadable', report.pending === undefined ? undefined : `${report.pending} sectors`],
    ['Lost', report.uncorrected === undefined ? undefined : `${report.uncorrected} errors`],
    ['Link errors', number(report.linkErrors)],
  ];
}
