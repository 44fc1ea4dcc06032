// Package retention decides what is deleted, and why, and foresees which promises will not hold. It is arithmetic alone:
// no clock, no disk, no state; package archive asks it again and again and carries out what it says.
//
// A line is what one camera has of one kind (standard, alarm) on one volume. For each kind a camera may have a target
// (nothing older is kept) and a promise (the days that are kept whatever happens, as far as there is room at all).
//
// Plan, for one volume, in this order:
//
//  1. By age: what is wholly older than its line's target goes, if the clock can be trusted.
//  2. By room: when the volume is over its limit, the segment with the largest age ÷ target goes first, until the volume
//     is a little (Slack) under its limit; so space is shared out in proportion to the targets, and deletion comes in
//     small steady batches. Nothing that is promised goes here: a segment any part of which is younger than its line's
//     promise.
//  3. When only promised segments are left: nothing, unless the caller says that no other volume can take recordings
//     either. Then the newest footage wins: of what is promised the segment with the largest age ÷ promise goes first, just
//     enough for the limit, so that all promises shrink alike.
//
// A segment that overlaps a protected span never goes, nor one that is being written: it is in no line.
//
// A line without a target shares space as though it had the longest target (or promise, if longer) that any line of its
// kind on the volume has, else the longest of the other kind: who sets no bound expects no less than who sets one. When
// no line has any, the oldest goes first. Cameras that were removed have neither target nor promise.
//
// Why the newest footage wins: what cannot be recorded now is lost for certain, of all cameras, and mostly it is what
// somebody will ask for; what a promise loses is the oldest day of many. It is never silent: Foresee tells days before
// that the promises do not fit, and what was broken is kept and said until the promised days are there again.
package retention

// DayMs is the length of a day.
const DayMs = 24 * 3_600_000

// Targets are a camera's targets and promises, in days; 0: none.
type Targets struct {
	StandardDays, StandardMinDays int
	AlarmDays, AlarmMinDays       int
}
