/** Where a machine is that was told to restart or switch off: still ending, no longer answering, or back. */
export type PowerPhase = 'ending' | 'away' | 'back';

/** What follows from whether it answers, and whether that is after a start since. */
export function powerPhase(was: PowerPhase, away: boolean, startedSince: boolean): PowerPhase {
  if (was === 'back' || (startedSince && !away)) return 'back';
  return away ? 'away' : was;
}
