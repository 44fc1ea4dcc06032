package archive

import (
	"sync"
	"time"
)

// maxClockStep is what wall clock and machine time may part by between two looks without its being a step.
const maxClockStep = time.Minute

// steadiness watches whether the wall clock runs evenly. What a wrong clock calls old may be of yesterday: a clock that
// was set forward by a year must not empty the disks before it is set right again.
type steadiness struct {
	mu    sync.Mutex
	base  time.Time     // with its reading of the machine's own time
	ahead time.Duration // of the wall clock against the machine's own time since base
	since time.Time     // of the last step
}

// look compares the clocks.
func (s *steadiness) look(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ahead := now.Round(0).Sub(s.base.Round(0)) - now.Sub(s.base)
	if (ahead - s.ahead).Abs() > maxClockStep {
		s.ahead, s.since = ahead, now
	}
}

// steadyFor returns for how long the clock has run evenly, in machine time.
func (s *steadiness) steadyFor(now time.Time) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return now.Sub(s.since)
}

// lapseMs is the instant by which protections end: none does by a clock that is not to be trusted.
func (a *Archive) lapseMs() int64 {
	if now := time.Now(); a.trusted(now) {
		return now.UnixMilli()
	}
	return 0
}

// trusted tells whether something may be deleted because the clock says so.
func (a *Archive) trusted(now time.Time) bool {
	return a.cfg.Clock() == "synchronised" || a.clock.steadyFor(now) >= a.cfg.TrustAfter
}
