package ingest

import (
	"time"

	"vigie/services/engine/internal/media"
)

const (
	settleTime    = 300 * time.Millisecond  // how long a run's first frames are held back to find its origin
	slewPeriod    = time.Second             // how often the mapping is corrected
	slewWindow    = 4 * time.Second         // over which the least delay is looked for
	slewLimit     = 500 * time.Microsecond  // most that one correction moves the mapping: 500 ppm
	trustedLimit  = 2000 * time.Microsecond // the same towards a trusted camera clock, which may be a few tenths of a second away
	slewDeadband  = 2 * time.Millisecond    // deviations below are left alone
	maxDeviation  = time.Second             // beyond, the mapping is wrong and a new run starts
	maxLate       = 5 * time.Second         // how long frames may be late by more than that before it is the mapping's fault
	maxJump       = 15 * time.Second        // later than a session can be without having timed out: a jump of the camera's clock
	maxReportSkew = 2 * time.Second         // sender reports that put audio further from video than this are nonsense
	maxPending    = 2048                    // frames held back at most
)

// stamper puts units on UTC and gives them their run.
//
// A run's origin is found from the arrival of its first frames: a frame can only arrive late, never early, so the frame
// with the least delay within settleTime tells the origin; that also swallows the burst of old frames that some cameras
// begin with. From then on time advances by the camera's RTP clock, steered towards the least delay of the last seconds
// by at most slewLimit a second, so that neither a bursty network nor a drifting crystal shows, and times never go back.
//
// A camera whose own clock is right says better when a picture was taken than its arrival does, which comes after
// encoding and the way here. Its RTCP sender reports are believed once they have shown to be trustworthy (see
// senderClock); the mapping is then steered to them. Cameras' clocks are often minutes or years off: those only place
// audio relative to video, for both tracks of a camera are stamped by the same clock.
//
// A new run starts, with the next keyframe, when the mapping is off by more than maxDeviation for good: a step of this
// machine's clock, seen at once by wall clock against monotonic clock, or a jump of the camera's. Until that keyframe
// comes the frames after a jump follow those before it by their arrival: nothing is left out. Time stamps that jump all
// the time are not used at all; then frames are timed by their arrival, smoothed. A run begins no earlier than the last
// one ended, unless this machine's clock was set back.
//
// Time stamps that count in other units than the session description says are scaled, see rateMeter.
//
// Not safe for concurrent use.
type stamper struct {
	camera, stream string
	clock          func() (wall time.Time, session time.Duration)
	emit           func(*media.Frame)
	memory         *clockMemory

	run     *media.Run
	layout  []media.Track   // the units' tracks that run is made of
	offset  time.Duration   // wall clock minus session clock when the run began
	stepped bool            // a new run is due; the present one can be used until then
	late    time.Duration   // session time since which frames are late by more than maxDeviation; 0: they are not
	pending []unit          // frames held back
	since   time.Duration   // session time at which holding back began
	bridges []time.Duration // session times of the last jumps of the camera's clock
	wild    bool            // time stamps are not used
	tracks  [2]trackClock
	rates   [2]rateMeter
	sender  senderClock
	drift   driftMeter
	jitter  jitterMeter
	dropped int64 // video frames that found no place
}

// newStamper returns a stamper for one session.
func newStamper(camera, stream string, memory *clockMemory, clock func() (wall time.Time, session time.Duration), emit func(*media.Frame)) *stamper {
	return &stamper{camera: camera, stream: stream, clock: clock, emit: emit, memory: memory,
		sender: senderClock{trusted: memory.trusted, lag: memory.lag}}
}

// senderReport notes an RTCP sender report: at ntp of the camera's clock (since 1900), the track's RTP time was rtp.
func (s *stamper) senderReport(track int, ntp time.Duration, rtp int64) {
	r := &s.tracks[track].report
	r.ok, r.ntp, r.rtp = true, ntp, s.scaled(track, rtp)
	if track != 0 || s.run == nil || !s.tracks[0].begun || s.wild {
		return
	}
	v := &s.tracks[0]
	if least, ok := v.leastDelay(); ok {
		arrival := time.Duration(s.run.StartNs) + ticksToTime(r.rtp-v.base, v.rate) + least
		_, session := s.clock()
		s.sender.report(session, arrival-utcOf(ntp))
		s.memory.trusted, s.memory.lag = s.sender.trusted, s.sender.lag
	}
}

// scaled turns a time stamp into the units that the session description promised.
func (s *stamper) scaled(track int, ticks int64) int64 {
	real, rate := s.memory.rates[track], s.tracks[track].rate
	if real == 0 || rate == 0 {
		return ticks
	}
	return ticks/real*rate + ticks%real*rate/real
}

// add takes a unit.
func (s *stamper) add(u unit) {
	s.measure(&u)
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
		if s.stepped && u.track == 0 && u.key {
			s.begin(u)
			return
		}
		s.stamp(u)
	}
}

// measure takes the measures of a unit's time stamps, and scales them.
func (s *stamper) measure(u *unit) {
	rate := s.rateOf(u)
	if rate == 0 {
		return
	}
	t, memory := &s.tracks[u.track], s.memory
	t.rate = rate
	if real := s.rates[u.track].add(u.dts, u.arrival, rate, memory.rates[u.track]); real != 0 {
		memory.rates[u.track] = real
		t.rebase, t.report.ok = true, false
		s.forgetClock(u.track)
	}
	u.pts, u.dts = s.scaled(u.track, u.pts), s.scaled(u.track, u.dts)
	if u.track == 0 {
		transit := u.arrival - ticksToTime(u.dts, rate)
		s.jitter.add(transit)
		s.drift.add(u.arrival, transit)
	}
}

// rateOf is the declared clock rate of a unit's track; 0 while it is not known.
func (s *stamper) rateOf(u *unit) int64 {
	tracks := u.tracks
	switch {
	case u.track < len(tracks):
	case s.pending != nil:
		tracks = s.pending[0].tracks
	default:
		tracks = s.layout
	}
	if u.track >= len(tracks) {
		return 0
	}
	return int64(tracks[u.track].ClockRate)
}

// forgetClock gives up what is known of the camera's clock after its time stamps have jumped.
func (s *stamper) forgetClock(track int) {
	if track == 0 {
		s.sender, s.drift = senderClock{}, driftMeter{}
	}
}

// flush ends the stream: frames held back are delivered.
func (s *stamper) flush() {
	if s.pending != nil {
		s.settle()
	}
}

func (s *stamper) begin(u unit) {
	s.run, s.stepped, s.late = nil, false, 0
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
	set := s.offset - s.memory.offset
	if s.memory.endNs == 0 || abs(set) <= maxDeviation {
		set = 0
	}
	s.memory.offset = s.offset
	var origin [2]time.Duration // session time of each track's RTP time 0, relative to its first unit
	var zero [2]int64
	var have [2]bool
	for i := range first.tracks {
		s.tracks[i].rate = int64(first.tracks[i].ClockRate)
	}
	var before [2]int64 // time stamp of the track's unit before
	for _, u := range s.pending {
		if !have[u.track] {
			have[u.track], zero[u.track] = true, u.pts
			origin[u.track] = u.arrival
		} else if step := u.dts - before[u.track]; step <= 0 || step > 2*s.tracks[u.track].rate {
			break // it jumps: what follows says nothing of the origin
		}
		before[u.track] = u.dts
		origin[u.track] = min(origin[u.track], u.arrival-ticksToTime(u.pts-zero[u.track], s.tracks[u.track].rate))
	}
	// Tick 0 is the decode time of the first keyframe.
	start := origin[0] + ticksToTime(first.dts-zero[0], s.tracks[0].rate)
	if s.memory.trusted {
		start -= s.memory.lag
	}
	if gap := s.memory.endNs - int64(start+s.offset); gap > 0 && time.Duration(gap) < maxDeviation && set == 0 {
		start += time.Duration(gap)
	}
	for i := range s.tracks {
		t := &s.tracks[i]
		*t = trackClock{rate: t.rate, report: t.report, slewed: s.since, lastDTS: -1, mean: t.mean}
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
	s.run.ClockSetNs = int64(set)
	pending := s.pending
	s.pending = nil
	for _, u := range pending {
		if s.pending != nil {
			s.hold(u)
		} else {
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
	if ahead := u.dts - t.base - t.lastDTS; u.track == 1 && !t.rebase && ahead <= 0 && (t.lastDTS < 0 || ahead > -t.rate) {
		return // before the run began, or a packet sent twice
	}
	usual := true // this frame's distance from the last one is the camera's
	switch {
	case s.wild && u.track == 0:
		s.smooth(t, u)
	case t.lastDTS >= 0 && (t.rebase || s.jumps(t, u)):
		s.bridge(t, u)
		usual = false
	default:
		s.slew(t, u)
	}
	t.rebase = false
	pts, dts := u.pts-t.base, u.dts-t.base
	if dts <= t.lastDTS { // the mapping was steered by more than the frames are apart
		t.base -= t.lastDTS + t.apart() - dts
		pts, dts = u.pts-t.base, u.dts-t.base
	}
	if t.lastDTS >= 0 && usual {
		t.step = dts - t.lastDTS
	}
	t.lastDTS, t.lastAt = dts, u.arrival
	if u.track == 0 {
		s.memory.endNs = s.run.TimeNs(0, dts+t.step)
	}
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
	if s.stepped || s.wild || u.track != 0 {
		return
	}
	switch d := s.deviation(u); {
	case d <= maxDeviation || d > maxJump: // the latter is bridged
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
	off, ok := t.leastDelay()
	if !ok {
		return
	}
	limit := slewLimit
	switch {
	case u.track == 1:
		if base, ok := s.reported(); ok && abs(ticksToTime(base-t.base, t.rate)) < maxReportSkew {
			off, limit = ticksToTime(t.base-base, t.rate), trustedLimit // follow video
		}
	case s.sender.trusted:
		off, limit = off-s.sender.lag, trustedLimit
	}
	if abs(off) < slewDeadband {
		return
	}
	step := max(-limit, min(limit, off))
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
