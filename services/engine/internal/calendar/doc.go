// Package calendar says when: weeks of quarter hours with a row for holidays, by the wall clock of the machine's time
// zone.
//
// A Week says yes or no to each quarter hour of each weekday; on a holiday its holiday row counts instead. What counts
// is what a clock on the wall shows: of the hour that the end of summer time repeats both halves say the same, and the
// hour that its beginning leaves out is never reached. The next change is computed, not looked for every second.
//
// Invariants:
//   - A Book is immutable: calendars, holidays and zone as they are together at one moment. Its answers are pure
//     functions of the instant.
//   - Keeper is the only writer of calendars and holidays, which are rows of the engine's database. Always and Never
//     are there without a row and cannot be changed.
//   - A calendar or zone that cannot be found says yes: what cannot be decided is recorded.
//
// Concurrency: Keeper may be used from anywhere; a Book needs no lock. Keeper's changes return once they are on a disk.
//
// It must not know cameras: who uses a calendar is told to it.
package calendar
