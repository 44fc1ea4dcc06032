package ingest

import (
	"time"

	"vigie/services/engine/internal/media"
)

const (
	settleTime    = 300 * time.Millisecond // how long a run's first frames are held back to find its origin
	slewPeriod    = time.Second            // how often the mapping is corrected
	slewWindow    = 4 * time.Second        // over which the least delay is looked for
	slewLimit     = 500 * time.Microsecond // most that one correction moves the mapping: 500 ppm
	slewDeadband  = 2 * time.Millisecond   // deviations below are left alone
	maxDeviation  = time.Second            // beyond, the mapping is wrong and a new run starts
	maxLate       = 5 * time.Second        // how long frames may be late by more than that before it is the mapping's fault
	maxJump       = 15 * time.Second       // later than a session can be without having timed out: a jump of the camera's clock
	maxReportSkew = 2 * time.Second        // sender reports that put audio further from video than this are nonsense
	maxPending    = 2048                   // frames held back at most
)

// stamper puts units on UTC and gives them their run.
//
// The camera's own idea of UTC is not used: cameras' clocks are often minutes or years off, and this machine's clock is
// the one that all cameras share. A run's origin is found from the arrival of its first frames: a frame can only arrive
// late, never early, so the frame with the least delay within settleTime tells the origin; that also swallows the burst
// of old frames that some cameras begin with. From then on time advances by the camera's RTP clock, steered towards the
// least delay of the last seconds by at most slewLimit a second, so that neither a bursty network nor a drifting crystal
// shows, and times never go back.
//
// RTCP sender reports are used for what they are reliable in: both tracks of a camera are stamped by the same clock, so
// they tell where audio lies relative to video. Without them audio is placed by its own arrival.
//
// A new run starts, with the next keyframe, when the mapping is off by more than maxDeviation for good: a step of this
// machine's clock, seen at once by wall clock against monotonic clock, or a jump of the camera's.
//
// Not safe for concurrent use.
type stamper struct {
	camera, stream string
	clock          func() (wall time.Time, session time.Duration)
	emit           func(*media.Frame)

	run     *media.Run
	layout  []media.Track // the units' tracks that run is made of
	offset  time.Duration // wall clock minus session clock when the run began
	stepped bool          // a new run is due, the present one can be used until then
	jumped  bool          // a new run is due, the present one cannot be used
	late    time.Duration // session time since which frames are late by more than maxDeviation; 0: they are not
	pending []unit        // frames held back
	since   time.Duration // session time at which holding back began
	tracks  [2]trackClock
	dropped int64 // video frames that found no place
}

// trackClock is the mapping of one track.
type trackClock struct {
	rate    int64
	base    int64 // RTP time of tick 0
	lastDTS int64 // ticks; -1 before the first frame
	begun   bool

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

// senderReport notes an RTCP sender report: at ntp of the camera's clock, the track's RTP time was rtp.
func (s *stamper) senderReport(track int, ntp time.Duration, rtp int64) {
	r := &s.tracks[track].report
	r.ok, r.ntp, r.rtp = true, ntp, rtp
}

// add takes a unit.
func (s *stamper) add(u unit) {
	switch {
	case s.pending != nil:
		s.hold(u)
	case s.run == nil:
		if u.track == 0 && u.key {
			s.begin(u)
		} else if u.track == 0 {
			s.dropped++
		}
	default:
		s.watch(u)
		if (s.stepped || s.jumped) && u.track == 0 && u.key {
			s.begin(u)
			return
		}
		if s.jumped {
			if u.track == 0 {
				s.dropped++
			}
			return
		}
		s.stamp(u)
	}
}

// flush ends the stream: frames held back are delivered.
func (s *stamper) flush() {
	if s.pending != nil {
		s.settle()
	}
}

func (s *stamper) begin(u unit) {
	s.run, s.stepped, s.jumped, s.late = nil, false, false, 0
	s.pending = append(make([]unit, 0, 32), u)
	s.since = u.arrival
}

func (s *stamper) hold(u unit) {
	if u.track == 1 && len(s.pending[0].tracks) < 2 {
		return
	}
	s.pending = append(s.pending, u)
	if u.arrival-s.since >= settleTime || len(s.pending) >= maxPending {
		s.settle()
	}
}

// settle finds the origin and delivers what was held back.
func (s *stamper) settle() {
	first := s.pending[0]
	s.offset = s.wallOffset()
	var origin [2]time.Duration // session time of each track's RTP time 0, relative to its first unit
	var zero [2]int64
	var have [2]bool
	for i := range first.tracks {
		s.tracks[i].rate = int64(first.tracks[i].ClockRate)
	}
	for _, u := range s.pending {
		if !have[u.track] {
			have[u.track], zero[u.track] = true, u.pts
			origin[u.track] = u.arrival
		}
		origin[u.track] = min(origin[u.track], u.arrival-ticksToTime(u.pts-zero[u.track], s.tracks[u.track].rate))
	}
	// Tick 0 is the decode time of the first keyframe.
	start := origin[0] + ticksToTime(first.dts-zero[0], s.tracks[0].rate)
	for i := range s.tracks {
		t := &s.tracks[i]
		*t = trackClock{rate: t.rate, report: t.report, slewed: s.since, lastDTS: -1}
	}
	s.tracks[0].base = first.dts
	if len(first.tracks) > 1 {
		a := &s.tracks[1]
		if have[1] {
			a.base = zero[1] + timeToTicks(start-origin[1], a.rate)
		}
		if base, ok := s.reported(); ok && (!have[1] || abs(ticksToTime(base-a.base, a.rate)) < maxReportSkew) {
			a.base, have[1] = base, true
		}
		a.begun = have[1]
	}
	s.tracks[0].begun = true
	s.newRun(first.tracks, int64(start+s.offset))
	pending := s.pending
	s.pending = nil
	for _, u := range pending {
		switch {
		case s.pending != nil:
			s.hold(u)
		case !s.jumped:
			s.stamp(u)
		}
	}
}

// reported returns the audio RTP time that the sender reports put at the video's tick 0.
func (s *stamper) reported() (int64, bool) {
	v, a := &s.tracks[0], &s.tracks[1]
	if !v.report.ok || !a.report.ok {
		return 0, false
	}
	ntp := v.report.ntp - ticksToTime(v.report.rtp-v.base, v.rate) // camera's clock at tick 0
	return a.report.rtp + timeToTicks(ntp-a.report.ntp, a.rate), true
}

func (s *stamper) newRun(layout []media.Track, startNs int64) {
	s.layout = layout
	s.run = &media.Run{Camera: s.camera, Stream: s.stream, StartNs: startNs, Tracks: layout}
}

// stamp delivers a unit as a frame of the present run.
func (s *stamper) stamp(u unit) {
	if u.track == 0 && &u.tracks[0] != &s.layout[0] { // parameter sets changed: same clock, new run
		s.newRun(u.tracks, s.run.StartNs)
	}
	if u.track >= len(s.run.Tracks) {
		return
	}
	t := &s.tracks[u.track]
	if !t.begun { // the first audio came after the origin was found
		t.begun, t.base = true, u.pts-timeToTicks(u.arrival+s.offset-time.Duration(s.run.StartNs), t.rate)
		if base, ok := s.reported(); ok && abs(ticksToTime(base-t.base, t.rate)) < maxReportSkew {
			t.base = base
		}
	}
	s.slew(t, u)
	pts, dts := u.pts-t.base, u.dts-t.base
	if dts <= t.lastDTS {
		switch {
		case u.track == 1: // before the run began, or a packet sent twice
		case u.key:
			s.begin(u)
		default:
			s.jumped = true
			s.dropped++
		}
		return
	}
	t.lastDTS = dts
	s.emit(&media.Frame{
		Run: s.run, Track: u.track, Keyframe: u.key, PTSTicks: pts, DTSTicks: dts, DurationTicks: u.duration,
		ArrivalNs: int64(u.arrival + s.offset), Payload: u.payload,
	})
}

// deviation is by how much a unit arrived later than its mapped time.
func (s *stamper) deviation(u unit) time.Duration {
	t := &s.tracks[u.track]
	return u.arrival + s.offset - time.Duration(s.run.StartNs) - ticksToTime(u.pts-t.base, t.rate)
}

// watch tells whether a new run is due.
func (s *stamper) watch(u unit) {
	if abs(s.wallOffset()-s.offset) > maxDeviation {
		s.stepped = true
	}
	if s.stepped || s.jumped || u.track != 0 {
		return
	}
	switch d := s.deviation(u); {
	case d < -maxDeviation || d > maxJump:
		s.jumped = true
	case d <= maxDeviation:
		s.late = 0
	case s.late == 0:
		s.late = u.arrival
	case u.arrival-s.late > maxLate:
		s.stepped = true
	}
}

// slew steers a track's mapping towards the least delay seen lately.
func (s *stamper) slew(t *trackClock, u unit) {
	d := s.deviation(u)
	if !t.seen || d < t.now {
		t.seen, t.now = true, d
	}
	if u.arrival-t.slewed < slewPeriod {
		return
	}
	t.slewed = u.arrival
	copy(t.least[1:], t.least[:])
	t.least[0] = t.now
	t.seen, t.filled = false, min(t.filled+1, len(t.least))
	if t.filled < len(t.least) {
		return
	}
	off := t.least[0]
	for _, l := range t.least[1:] {
		off = min(off, l)
	}
	if u.track == 1 {
		if base, ok := s.reported(); ok && abs(ticksToTime(base-t.base, t.rate)) < maxReportSkew {
			off = ticksToTime(t.base-base, t.rate) // follow video
		}
	}
	if abs(off) < slewDeadband {
		return
	}
	step := max(-slewLimit, min(slewLimit, off))
	t.base -= timeToTicks(step, t.rate)
	for i := range t.least {
		t.least[i] -= step
	}
}

// wallOffset returns wall clock minus session clock.
func (s *stamper) wallOffset() time.Duration {
	wall, session := s.clock()
	return time.Duration(wall.UnixNano()) - session
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
