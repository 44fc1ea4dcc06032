package ingest

import "time"

const (
	wildBridges = 5           // jumps of the camera's time stamps within wildWindow after which they are not used any more
	wildWindow  = time.Minute //
	wildShare   = 16          // what of a frame's distance from its arrival is corrected with it when time stamps are not used
)

// jumps tells whether a unit's time stamp cannot follow the last one's.
func (s *stamper) jumps(t *trackClock, u unit) bool {
	d := s.deviation(u)
	return u.dts-t.base <= t.lastDTS || d < -maxDeviation || d > maxJump
}

// bridge places a unit whose time stamp has jumped behind the last one, as far as it arrived behind it.
func (s *stamper) bridge(t *trackClock, u unit) {
	s.placeAfter(t, u, s.gapTicks(t, u))
	t.report.ok = false
	s.forgetClock(u.track)
	if u.track != 0 {
		return
	}
	for len(s.bridges) > 0 && u.arrival-s.bridges[0] > wildWindow {
		s.bridges = s.bridges[1:]
	}
	s.bridges = append(s.bridges, u.arrival)
	if len(s.bridges) >= wildBridges {
		s.wild, s.bridges, t.mean = true, nil, 0
		return
	}
	s.stepped = true
}

// gapTicks is how far a unit arrived behind the last one: the usual step, when that can be.
func (s *stamper) gapTicks(t *trackClock, u unit) int64 {
	gap := max(timeToTicks(u.arrival-t.lastAt, t.rate), t.apart())
	if t.step > 0 && gap > t.step/4 && gap < t.step*3 {
		return t.step
	}
	return gap
}

// smooth places a unit by its arrival, smoothed.
func (s *stamper) smooth(t *trackClock, u unit) {
	if t.lastDTS < 0 {
		t.base = u.dts
		return
	}
	gap := max(timeToTicks(u.arrival-t.lastAt, t.rate), t.apart())
	if t.mean == 0 {
		t.mean = s.gapTicks(t, u)
	}
	t.mean = max(1, t.mean+(gap-t.mean)/wildShare)
	arrived := timeToTicks(u.arrival+s.offset-time.Duration(s.run.StartNs), t.rate)
	off := arrived - (t.lastDTS + t.mean)
	step := t.mean + off/wildShare
	if gap > 4*t.mean || off < -4*t.mean { // frames were left out, or have piled up on the way
		step = t.mean + off/2
	}
	s.placeAfter(t, u, max(t.apart(), step))
}

// placeAfter moves a track's mapping so that the unit comes a number of ticks after the last one.
func (s *stamper) placeAfter(t *trackClock, u unit, ticks int64) {
	t.base = u.dts - (t.lastDTS + ticks)
	t.seen, t.filled = false, 0
}
