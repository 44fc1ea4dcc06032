// Package update brings another version of Vigie into the slot that does not run, tries it, and goes back where it does not
// work. The installer's README has the slots' states and the order of the writes; here is who takes which step.
//
//	judge     what is signed of an update is checked before it comes: who signed it, what it is for, that it is not older
//	write     it goes to the slot that does not run as it comes, is read back and hashed, and only then is in it
//	try       what cameras recorded and which volumes were mounted is noted, each volume keeps its settings of now aside,
//	          the slot's state becomes trying, the machine restarts
//	confirm   the version on trial is well for half a minute: the slot's state becomes confirmed
//	give up   it is not, within the time that it was given: the slot's state becomes bad, why is noted, the machine restarts
//	return    a version that finds the other slot's trial over, whoever ended it, puts each volume's settings of before back
//	          before anything reads them, and notes the outcome
//
// What is remembered over restarts is a record (record.go), a copy of which lies on every volume. It says what people are
// told; which slot starts is up to the slots' states alone, and a machine whose record is lost judges a trial by what it sees.
//
// Invariants: nothing is written but to the slot that does not run, and to the blocks of the slots' states; not while a trial is
// on; one thing at a time. What is refused changes nothing.
//
// An Updater may be used by many goroutines. State never waits for a disk; Write and Try do, and Attach, which is for the
// disk's own job. Run follows the trial and what is planned.
package update
