import type { Export, Medium } from '../api/model';
import { bytes, span } from '../ui/format';

/** How an export can be cut into files. */
export const splits = [
  { value: '', text: 'In one piece' },
  { value: 'm15', text: 'Of 15 minutes' },
  { value: 'm60', text: 'Of 1 hour' },
  { value: 'm240', text: 'Of 4 hours' },
  { value: 'b650', text: 'Of 650 MB' },
  { value: 'b4000', text: 'Of 4 GB' },
] as const;

/** The kinds of files, with what is to be known of each. */
export const containers = [
  { value: 'mkv', text: 'Matroska (MKV), as recorded', hint: 'Plays in VLC and most other players.' },
  {
    value: 'mp4',
    text: 'MP4, for players and editors that need it',
    hint: 'Pictures and sound are not encoded again; only G.711 and G.726 sound becomes FLAC, which loses nothing. All of it is read beforehand, so it takes longer to prepare.',
  },
] as const;

/** What a choice of `splits` means to the API. */
export function splitOf(value: string): { splitMinutes?: number; splitBytes?: number } {
  const count = Number(value.slice(1));
  if (value.startsWith('m')) return { splitMinutes: count };
  if (value.startsWith('b')) return { splitBytes: count * 1_000_000 };
  return {};
}

type Kind = 'quiet' | 'good' | 'bad' | 'busy';

const states: Record<Export['status'], [Kind, string]> = {
  preparing: ['busy', 'Preparing'],
  ready: ['quiet', 'Ready'],
  waiting: ['busy', 'Waiting'],
  running: ['busy', 'Being read'],
  done: ['good', 'Taken'],
  failed: ['bad', 'Failed'],
};

export function verdict(one: Export): { kind: Kind; text: string } {
  const [kind, text] = states[one.status];
  if (one.medium && one.status === 'running') return { kind, text: 'Being written' };
  if (one.medium && one.status === 'done') return { kind, text: `On ${one.medium.name}` };
  return { kind, text };
}

/** What is to be known of a USB disk before it is chosen. */
export function room(one: Medium): string {
  return one.status === 'mounted' ? `${bytes(one.freeBytes ?? 0)} free of ${bytes(one.sizeBytes)}` : bytes(one.sizeBytes);
}

/** Where an export can go: the browser, and what is plugged in. */
export function targets(media: readonly Medium[]): { value: string; text: string }[] {
  const usable = media.filter((one) => one.status !== 'ejected' && one.status !== 'ejecting');
  return [{ value: '', text: 'This browser' }, ...usable.map((one) => ({ value: one.id, text: `USB disk ${one.name} (${one.filesystem}, ${room(one)})` }))];
}

/** How far it has come, in words; empty when nothing is under way. */
export function progress(one: Export): string {
  if (one.status !== 'running' || !one.sizeBytes) return '';
  const parts = [`${bytes(one.doneBytes ?? 0)} of ${bytes(one.sizeBytes)}`];
  if (one.bytesPerSecond) parts.push(`${bytes(one.bytesPerSecond)}/s`);
  if (one.remainingMs) parts.push(`${span(one.remainingMs)} left`);
  return parts.join(' · ');
}

/** What it consists of. */
export function contents(one: Export): string {
  if (!one.sizeBytes) return '';
  const count = one.fileCount ?? 1;
  return `${count === 1 ? '1 file' : `${count} files`}, ${bytes(one.sizeBytes)}`;
}

/** A fingerprint as people compare it. */
export function groups(fingerprint: string): string {
  return fingerprint.replace(/(.{4})(?=.)/g, '$1 ');
}
