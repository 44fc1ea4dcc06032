package ingest

import "time"

// trackClock is the mapping of one track.
type trackClock struct {
	rate    int64
	base    int64         // RTP time of tick 0
	lastDTS int64         // ticks; -1 before the first frame
	lastAt  time.Duration // session time of the last frame's arrival
	step    int64         // ticks between the last two frames
	mean    int64         // of step, by arrival, when time stamps are not used
	begun   bool
	rebase  bool // the next frame's time stamp has nothing to do with the last one's

	slewed time.Duration                          // session time of the last correction
	least  [slewWindow / slewPeriod]time.Duration // least deviation a period
	filled int                                    // periods in least
	now    time.Duration                          // least deviation of this period
	seen   bool                                   // now is valid
	report struct {                               // the last sender report
		ok  bool
		ntp time.Duration // camera's clock
		rtp int64         // unwrapped as of the track
	}
}

// apart is how far frames are put from one another where time stamps do not say it: 1 ms, more than a file's resolution.
func (t *trackClock) apart() int64 { return max(1, t.rate/1000) }

// leastDelay is the least deviation of the last seconds.
func (t *trackClock) leastDelay() (time.Duration, bool) {
	if t.filled < len(t.least) {
		return 0, false
	}
	off := t.least[0]
	for _, l := range t.least[1:] {
		off = min(off, l)
	}
	return off, true
}

// ticksToTime and timeToTicks avoid overflow for any time that a session can last.
func ticksToTime(ticks, rate int64) time.Duration {
	return time.Duration(ticks/rate)*time.Second + time.Duration(ticks%rate)*time.Second/time.Duration(rate)
}

func timeToTicks(d time.Duration, rate int64) int64 {
	return int64(d/time.Second)*rate + int64(d%time.Second)*rate/int64(time.Second)
}

func abs(d time.Duration) time.Duration {
	if d < 0 {
		return -d
	}
	return d
}
