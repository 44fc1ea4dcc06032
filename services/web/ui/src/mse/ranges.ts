/** Seconds on the media element's own time axis. */
export type Range = { start: number; end: number };

export function rangesOf(buffered: TimeRanges): Range[] {
  const ranges: Range[] = [];
  for (let index = 0; index < buffered.length; index++) {
    ranges.push({ start: buffered.start(index), end: buffered.end(index) });
  }
  return ranges;
}

/** The range that holds `time`; ends do not count, for nothing can be shown there. */
export function rangeAt(ranges: Range[], time: number, toleranceS = 0): Range | undefined {
  return ranges.find((range) => time >= range.start - toleranceS && time < range.end);
}
