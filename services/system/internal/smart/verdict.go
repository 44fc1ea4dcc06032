package smart

import (
	"fmt"
	"slices"
)

// Condition is one thing that is wrong with a disk.
type Condition string

// The conditions, worst first.
const (
	Failing     Condition = "failing"     // the disk itself says that it fails
	ReadOnly    Condition = "read_only"   // an NVMe disk takes no writes any more
	Unreliable  Condition = "unreliable"  // an NVMe disk has too many errors of its own
	Spent       Condition = "spent"       // an NVMe disk has hardly any spare blocks left
	Silent      Condition = "silent"      // it does not answer
	TestFailed  Condition = "test_failed" // the newest self-test found something
	Pending     Condition = "pending"     // sectors cannot be read
	Uncorrected Condition = "uncorrected" // errors that could not be mended
	Reallocated Condition = "reallocated" // many sectors were replaced
	Worn        Condition = "worn"        // most of what it can be written is written
	Hot         Condition = "hot"
)

// order is that of the constants.
var order = []Condition{Failing, ReadOnly, Unreliable, Spent, Silent, TestFailed, Pending, Uncorrected, Reallocated, Worn, Hot}

// Severe tells whether a condition means that the disk is to be replaced now.
func (c Condition) Severe() bool {
	return slices.Index(order, c) <= slices.Index(order, Spent)
}

// The thresholds. A value between the two of a pair keeps what was.
const (
	hotDisk, coolDisk               = 55, 50 // °C, of one that turns: makers allow 60
	hotFlash, coolFlash             = 70, 62 // °C, of one that does not: they slow down from 70 to 80 on
	wornFrom                        = 90     // %
	reallocatedFrom, reallocatedEnd = 10, 5
	pendingFrom                     = 1 // one is a hole in a recording
	uncorrectedFrom                 = 1
)

// Judge says what is wrong with a disk that had the conditions was, by its newest report. It is a pure function; the
// result is in order of weight.
func Judge(was []Condition, r Report) []Condition {
	var now []Condition
	set := func(c Condition, when, stays bool) {
		if when || stays && slices.Contains(was, c) {
			now = append(now, c)
		}
	}
	at := func(v *int64) int64 {
		if v == nil {
			return 0
		}
		return *v
	}
	set(Failing, r.Passed != nil && !*r.Passed && !warned(r), false)
	set(ReadOnly, r.Warnings&0x08 != 0, false)
	set(Unreliable, r.Warnings&0x04 != 0, false)
	set(Spent, r.Warnings&0x01 != 0 || r.Spare != nil && r.SpareMin != nil && *r.Spare < *r.SpareMin, false)
	// A test that somebody stopped says nothing about the one before.
	set(TestFailed, len(r.Tests) > 0 && r.Tests[0].Failed, len(r.Tests) == 0)
	set(Pending, at(r.Pending) >= pendingFrom, r.Pending == nil)
	set(Uncorrected, at(r.Uncorrected) >= uncorrectedFrom, r.Uncorrected == nil)
	set(Reallocated, at(r.Reallocated) >= reallocatedFrom, at(r.Reallocated) >= reallocatedEnd || r.Reallocated == nil)
	set(Worn, r.Wear != nil && *r.Wear >= wornFrom, r.Wear == nil)
	hot, cool := hotFlash, coolFlash
	if r.Rotational {
		hot, cool = hotDisk, coolDisk
	}
	set(Hot, r.Temperature != nil && *r.Temperature >= hot || r.Warnings&0x02 != 0, r.Temperature == nil || *r.Temperature > cool)
	return now
}

// warned tells whether an NVMe disk's verdict is only the sum of warnings that are told one by one.
func warned(r Report) bool { return r.Protocol == "NVMe" && r.Warnings != 0 }

// Reason is a condition in a sentence for people.
func (c Condition) Reason(r Report) string {
	n := func(v *int64) int64 {
		if v == nil {
			return 0
		}
		return *v
	}
	switch c {
	case Failing:
		return "The disk itself says that it is about to fail. Replace it."
	case ReadOnly:
		return "The disk takes no writes any more. Replace it."
	case Unreliable:
		return "The disk has had too many errors of its own to be relied on. Replace it."
	case Spent:
		return "The disk has hardly any spare blocks left. Replace it."
	case Silent:
		return "The disk does not answer when it is asked how it is."
	case TestFailed:
		if len(r.Tests) > 0 {
			return fmt.Sprintf("Its newest self-test failed: %s.", r.Tests[0].Result)
		}
		return "Its newest self-test failed."
	case Pending:
		return fmt.Sprintf("%d sectors cannot be read.", n(r.Pending))
	case Uncorrected:
		return fmt.Sprintf("It has had errors that could not be corrected (%d in its life).", n(r.Uncorrected))
	case Reallocated:
		return fmt.Sprintf("%d sectors were replaced by spare ones.", n(r.Reallocated))
	case Worn:
		if r.Wear != nil {
			return fmt.Sprintf("%d %% of what it can be written is used up.", *r.Wear)
		}
	case Hot:
		if r.Temperature != nil {
			return fmt.Sprintf("It is %d °C hot. See to the fans and to the air around it.", *r.Temperature)
		}
	}
	return "It is " + string(c) + "."
}

// Over says that a condition has gone, for people.
func (c Condition) Over() string {
	switch c {
	case Silent:
		return "the disk answers."
	case TestFailed:
		return "a self-test has passed."
	case Hot:
		return "the disk has cooled down."
	case Pending:
		return "all sectors can be read, or were written anew."
	}
	return "the disk says so."
}
