import type { ClockSource, ClockStep, TimeServer } from '../api/model';
import type { Verdict } from '../system/words';
import { span } from '../ui/format';

export function sourceVerdict(source: ClockSource): Verdict {
  const words: Record<ClockSource['status'], Verdict> = {
    followed: { kind: 'good', word: 'Followed' },
    agrees: { kind: 'quiet', word: 'Agrees' },
    false: { kind: 'bad', word: 'Not believed' },
    passed: { kind: 'warn', word: 'Passed over' },
    silent: { kind: 'bad', word: 'No answer' },
  };
  return words[source.status];
}

export function serverVerdict(server: TimeServer): Verdict {
  if (!server.settings.enabled) return { kind: 'quiet', word: 'Off' };
  if (server.problem) return { kind: 'bad', word: 'Cannot listen' };
  if (server.leap === 'unsynchronised') return { kind: 'warn', word: 'Not synchronised' };
  return { kind: 'good', word: 'On' };
}

/** Microseconds in the unit that reads best. */
export function microseconds(count: number): string {
  if (count < 1000) return `${Math.round(count)} µs`;
  if (count < 1_000_000) return `${(count / 1000).toFixed(count < 10_000 ? 1 : 0)} ms`;
  return `${(count / 1_000_000).toFixed(1)} s`;
}

/** By how much the clock was set, and which way. */
export function stepText(step: ClockStep): string {
  const ms = step.afterMs - step.beforeMs;
  const size = Math.abs(ms);
  return `${size < 1000 ? `${size} ms` : size < 60_000 ? `${(size / 1000).toFixed(1)} s` : span(size)} ${ms < 0 ? 'back' : 'forward'}`;
}

/** Times of the day as typed: separated by spaces, commas or lines, hours with one digit or two. */
export function timesOfDay(text: string): string[] {
  const times = text.split(/[\s,;]+/).filter((one) => one !== '');
  return [...new Set(times.map((one) => (/^\d:\d\d$/.test(one) ? `0${one}` : one)))].sort();
}
