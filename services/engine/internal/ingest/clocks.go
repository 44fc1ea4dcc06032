package ingest

import (
	"math"
	"time"

	"vigie/internal/api"
)

// clockMemory is what is known of a camera's clocks from one session to the next.
type clockMemory struct {
	trusted bool          // its sender reports were trustworthy
	lag     time.Duration // by how much frames arrive after the instant that they give
	rates   [2]int64      // what its time stamps really count in, by track; 0: in what they should
	endNs   int64         // of the newest video frame, UTC; 0: none yet
	offset  time.Duration // of the newest run: wall clock minus session clock
}

const (
	ntpToUnix = 2_208_988_800 * time.Second // 1900-01-01 to 1970-01-01 (RFC 868)

	// A camera's clock is trusted once reportsNeeded reports in a row, over trustAfter, put frames at most maxLag before
	// their arrival, at most maxLead after it, and within maxSpread of one another.
	reportsNeeded = 3
	trustAfter    = 4 * time.Second
	maxLag        = 700 * time.Millisecond
	maxLead       = 5 * time.Millisecond
	maxSpread     = 60 * time.Millisecond
	doubtAfter    = 3 // reports in a row against it, after which it is not trusted any more
)

// senderClock judges the camera's own clock by its RTCP sender reports (RFC 3550 §6.4.1). A report says at which instant
// of that clock a picture was taken; how much later it arrived is encoding and the way here, some tens or hundreds of
// milliseconds that hardly change, if the clock is right. The zero value has seen no report.
type senderClock struct {
	trusted bool
	lag     time.Duration // from capture by the camera's clock to arrival, smoothed
	seen    bool
	last    time.Duration // lag as of the last report
	good    int           // reports in a row that agree
	since   time.Duration // session time of the first of them
	bad     int
}

// report notes that a report puts frames lag before their arrival.
func (c *senderClock) report(session, lag time.Duration) {
	fits := lag <= maxLag && lag >= -maxLead
	agrees := c.seen && abs(lag-c.last) <= maxSpread
	c.seen, c.last = true, lag
	switch {
	case !fits || c.trusted && abs(lag-c.lag) > maxSpread:
		c.good = 0
		if c.bad++; c.bad >= doubtAfter {
			c.trusted = false
		}
		return
	case !agrees:
		c.good, c.since = 0, session
	}
	c.good++
	c.bad = 0
	switch {
	case c.trusted:
		c.lag += (lag - c.lag) / 8
	case c.good >= reportsNeeded && session-c.since >= trustAfter:
		c.trusted, c.lag = true, lag
	}
}

// reason says why the camera's clock is not used; empty when it is.
func (c *senderClock) reason() string {
	switch {
	case c.trusted:
		return ""
	case !c.seen:
		return "The camera has not said what time it has (no RTCP sender report yet)."
	case c.last > maxLag || c.last < -maxLead:
		return "The camera's clock is not set to this recorder's time: let it follow the same NTP server."
	}
	return "The camera's clock is being compared with this recorder's."
}

// utcOf is NTP time since 1900 as time since the Unix epoch.
func utcOf(ntp time.Duration) time.Duration { return ntp - ntpToUnix }

const (
	rateWindow = 2 * time.Second
	rateFrames = 8 // at least, in a window
)

// rateMeter finds out what a track's time stamps really count in: some cameras count milliseconds and say 90 kHz. Two
// windows in a row must say the same, for a camera may begin with a burst of old frames.
type rateMeter struct {
	begun   bool
	settled bool
	since   time.Duration
	prev    int64
	sum     int64
	frames  int
	before  float64 // ratio of the window before
}

// add takes an unscaled time stamp. It returns the rate once it is known for certain, and it differs from the one
// believed (0: the declared one); otherwise 0.
func (m *rateMeter) add(ticks int64, arrival time.Duration, declared, believed int64) int64 {
	if m.settled {
		return 0
	}
	if believed == 0 {
		believed = declared
	}
	if !m.begun {
		m.begun, m.since, m.prev, m.sum, m.frames = true, arrival, ticks, 0, 0
		return 0
	}
	if d := ticks - m.prev; d > 0 && d < 1<<31 {
		m.sum += d
		m.frames++
	}
	m.prev = ticks
	span := arrival - m.since
	if span < rateWindow {
		return 0
	}
	ratio := float64(m.sum) / span.Seconds() / float64(believed)
	m.begun = false
	if m.frames < rateFrames || m.sum == 0 {
		m.before = 0
		return 0
	}
	if ratio > 0.8 && ratio < 1.25 {
		m.settled = true
		return 0
	}
	agreed := m.before != 0 && math.Abs(ratio/m.before-1) < 0.05
	m.before = ratio
	if !agreed {
		return 0
	}
	m.settled = true
	return nearestRate(ratio * float64(believed))
}

// nearestRate is the usual clock rate that is meant.
func nearestRate(hz float64) int64 {
	for _, r := range []float64{1000, 8000, 10000, 11025, 16000, 22050, 24000, 32000, 44100, 48000, 90000, 100000, 1000000} {
		if math.Abs(hz/r-1) < 0.05 {
			return int64(r)
		}
	}
	return max(1, int64(math.Round(hz)))
}

const (
	driftEvery  = 10 * time.Second
	driftPoints = 60
	driftNeeded = 12 // two minutes: jitter divided by less says more about the network than about the camera
)

// driftMeter measures by how much a camera's media clock runs faster than ours: the slope of the least delays.
type driftMeter struct {
	begun  bool
	since  time.Duration
	least  time.Duration
	origin time.Duration
	points []struct{ at, delay time.Duration }
}

// add takes a frame's arrival less its media time, in any constant zero.
func (m *driftMeter) add(arrival, delay time.Duration) {
	if !m.begun {
		m.begun, m.since, m.least, m.origin = true, arrival, delay, delay
		return
	}
	m.least = min(m.least, delay)
	if arrival-m.since < driftEvery {
		return
	}
	m.points = append(m.points, struct{ at, delay time.Duration }{arrival, m.least - m.origin})
	if len(m.points) > driftPoints {
		m.points = append(m.points[:0], m.points[1:]...)
	}
	m.since, m.least = arrival, delay
}

// ppm returns the drift in parts in a million, positive when the camera's clock is fast.
func (m *driftMeter) ppm() (float64, bool) {
	n := float64(len(m.points))
	if n < driftNeeded {
		return 0, false
	}
	var sx, sy, sxx, sxy float64
	x0 := m.points[0].at
	for _, p := range m.points {
		x, y := (p.at - x0).Seconds(), p.delay.Seconds()
		sx, sy, sxx, sxy = sx+x, sy+y, sxx+x*x, sxy+x*y
	}
	d := n*sxx - sx*sx
	if d == 0 {
		return 0, false
	}
	return -(n*sxy - sx*sy) / d * 1e6, true
}

// jitterMeter is the interarrival jitter of RFC 3550 §6.4.1 and appendix A.8, of whole frames.
type jitterMeter struct {
	begun bool
	last  time.Duration
	mean  time.Duration
}

func (m *jitterMeter) add(transit time.Duration) {
	if d := abs(transit - m.last); m.begun && d < time.Second {
		m.mean += (d - m.mean) / 16
	}
	m.begun, m.last = true, transit
}

// clockState is how the camera's clock relates to ours.
func (s *stamper) clockState() api.StreamClock {
	c := api.StreamClock{Source: api.StreamClockSourceArrival, JitterUs: s.jitter.mean.Microseconds(), Reason: s.sender.reason()}
	switch {
	case s.wild:
		c.Reason = "The camera's time stamps jump: frames are timed by their arrival."
	case s.sender.trusted:
		c.Source = api.StreamClockSourceRtcp
	}
	if s.sender.seen {
		c.OffsetMs = -float64(s.sender.last.Microseconds()) / 1000
	}
	if ppm, ok := s.drift.ppm(); ok {
		c.DriftPpm = math.Round(ppm*10) / 10
	}
	return c
}
