package clock

import "time"

const (
	// stepFrom is the offset from which the clock is stepped; it is also the most that the kernel slews.
	stepFrom = 500 * time.Millisecond
	// firstStepFrom is the same for the first synchronisation, when nothing leans on the clock yet.
	firstStepFrom = 5 * time.Millisecond

	minPoll = 16 * time.Second
	maxPoll = 1024 * time.Second

	// calm and rough are the offsets below and above which servers are asked less and more often, where the jitter is
	// not so large that they mean nothing.
	calm  = 500 * time.Microsecond
	rough = 10 * time.Millisecond

	// slewMost is the most by which the clock runs fast or slow while it is slewed, as a fraction.
	slewMost = 0.01
)

// action is what to do with an offset.
type action int

const (
	slew action = iota
	step
)

// decide: the first synchronisation steps. Later a step cuts recordings in two, so it takes an offset that cannot be
// slewed; that it was seen twice is the sources' filter's to say.
func decide(first bool, offset time.Duration) action {
	if offset.Abs() >= stepFrom || first && offset.Abs() >= firstStepFrom {
		return step
	}
	return slew
}

// nextPoll adapts the pause between questions: while the clock keeps right by itself they may be rarer.
func nextPoll(poll, offset, jitter time.Duration) time.Duration {
	quiet := max(calm, 2*jitter)
	switch offset = offset.Abs(); {
	case offset < quiet:
		poll *= 2
	case offset > max(rough, 8*jitter):
		poll = minPoll
	case offset > 2*quiet:
		poll /= 2
	}
	return min(max(poll, minPoll), maxPoll)
}

// timeConstant is the kernel PLL's, log2 of a quarter of the seconds in which most of an offset is taken away
// (kernel/time/ntp.c: each second the part 2^-(2+constant)). Those seconds are about one poll, so that the next answer
// shows what is left and the rate is learnt within some polls; more where the clock would run too fast meanwhile.
func timeConstant(poll, offset time.Duration) int64 {
	c := int64(2)
	for s := poll / minPoll; s > 1 && c < 10; s /= 2 {
		c++
	}
	for ; c < 10 && offset.Abs().Seconds()/float64(int64(4)<<c) > slewMost; c++ {
	}
	return c
}
