package clock

import "time"

const (
	// stepFrom is the offset from which the clock is stepped; it is also the most that the kernel slews.
	stepFrom = 500 * time.Millisecond
	// firstStepFrom is the same for the first synchronisation, when nothing leans on the clock yet.
	firstStepFrom = 5 * time.Millisecond

	minPoll = 16 * time.Second
	maxPoll = 1024 * time.Second

	// calm and rough are the offsets below and above which servers are asked less and more often.
	calm  = 5 * time.Millisecond
	rough = 50 * time.Millisecond
)

// action is what to do with an offset.
type action int

const (
	slew action = iota
	step
	askAgain // believe it only when the next answer says the same
)

// decide: the first synchronisation steps. Later a step cuts recordings in two, so it takes an offset that cannot be
// slewed, seen twice.
func decide(first bool, offset, before time.Duration) action {
	switch {
	case first && offset.Abs() >= firstStepFrom:
		return step
	case offset.Abs() < stepFrom:
		return slew
	case before.Abs() >= stepFrom && (offset-before).Abs() < stepFrom/2:
		return step
	}
	return askAgain
}

// nextPoll adapts the pause between questions.
func nextPoll(poll, offset time.Duration) time.Duration {
	switch offset = offset.Abs(); {
	case offset < calm:
		return min(2*poll, maxPoll)
	case offset > rough:
		return minPoll
	}
	return max(minPoll, min(poll, maxPoll))
}

// timeConstant is the kernel PLL's, log2 of seconds: its loop is to settle over some polls.
func timeConstant(poll time.Duration) int64 {
	c := int64(0)
	for s := poll / (16 * time.Second); s > 1 && c < 10; s /= 2 {
		c++
	}
	return c
}
