package ingest

import (
	"math"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
)

// desk drives a stamper on clocks of its own.
type desk struct {
	s       *stamper
	memory  clockMemory
	session time.Duration
	step    time.Duration // of the wall clock against the session clock
	out     []*media.Frame
	tracks  []media.Track
}

const (
	startNs = 1_795_000_000_123_456_789
	rtp0    = 1 << 40 // RTP time at session time 0
)

func newDesk(audio bool) *desk {
	d := &desk{tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}}}
	if audio {
		d.tracks = append(d.tracks, media.Track{Codec: media.PCMA, ClockRate: 8000, SampleRate: 8000, Channels: 1})
	}
	d.connect()
	return d
}

// connect begins a session, which knows what the ones before have learnt.
func (d *desk) connect() {
	d.s = newStamper("k3f9x2ab", "main", &d.memory, func() (time.Time, time.Duration) {
		return time.Unix(0, startNs).Add(d.session + d.step), d.session
	}, func(f *media.Frame) { d.out = append(d.out, f) })
}

// video delivers the picture of camera time at, delay later. ticks is what the camera's RTP clock says.
func (d *desk) video(ticks int64, arrival time.Duration, key bool) {
	d.session = arrival
	d.s.add(unit{key: key, pts: rtp0 + ticks, dts: rtp0 + ticks, arrival: arrival, payload: []byte{1}, tracks: d.tracks})
}

func (d *desk) audio(ticks int64, arrival time.Duration) {
	d.session = arrival
	d.s.add(unit{track: 1, key: true, pts: ticks, dts: ticks, duration: 160, arrival: arrival, payload: make([]byte, 160)})
}

// utc is when a frame was seen according to the stamper, since the start.
func utc(f *media.Frame) time.Duration { return time.Duration(f.TimeNs() - startNs) }

func near(a, b, tolerance time.Duration) bool { return abs(a-b) <= tolerance }

func runs(frames []*media.Frame) (n int) {
	var last *media.Run
	for _, f := range frames {
		if f.Run != last {
			n, last = n+1, f.Run
		}
	}
	return n
}

const frame = 40 * time.Millisecond

func TestOriginIsThatOfTheLeastDelayedFrame(t *testing.T) {
	d := newDesk(false)
	// A camera that had a second of footage in store when it was asked: that comes at once, then it is live.
	for i := range 60 {
		at := time.Duration(i) * frame
		d.video(int64(i)*3600, max(time.Second+time.Duration(i)*time.Millisecond, at+5*time.Millisecond), i%25 == 0)
	}
	if len(d.out) != 60 || runs(d.out) != 1 {
		t.Fatalf("%d frames in %d runs", len(d.out), runs(d.out))
	}
	for i, f := range d.out {
		if want := time.Duration(i)*frame + 5*time.Millisecond; !near(utc(f), want, time.Millisecond) {
			t.Fatalf("frame %d is at %v, want %v", i, utc(f), want)
		}
	}
}

func TestJitterAndStallsDoNotShow(t *testing.T) {
	d := newDesk(false)
	for i := range 500 {
		delay := time.Duration(i*7919%30) * time.Millisecond
		at := time.Duration(i) * frame
		if i >= 200 && i < 300 { // a stall of the network, then all at once
			delay = time.Duration(300-i)*frame + 10*time.Millisecond
		}
		d.video(int64(i)*3600, at+delay, i%25 == 0)
	}
	if len(d.out) != 500 || runs(d.out) != 1 || d.s.dropped != 0 {
		t.Fatalf("%d frames in %d runs, %d dropped", len(d.out), runs(d.out), d.s.dropped)
	}
	for i := 1; i < 500; i++ {
		if step := d.out[i].DTSTicks - d.out[i-1].DTSTicks; step < 3500 || step > 3700 {
			t.Fatalf("frame %d follows after %d ticks", i, step)
		}
	}
}

func TestCrystalsThatDriftAreFollowed(t *testing.T) {
	for _, ppm := range []int64{100, -100} {
		d := newDesk(true)
		for i := range int64(25 * 600) { // ten minutes: 60 ms of drift
			at := time.Duration(i) * frame
			d.video(i*3600+i*3600*ppm/1_000_000, at+time.Millisecond, i%25 == 0)
			d.audio(i*320+i*320*ppm/1_000_000, at+2*time.Millisecond)
		}
		if runs(d.out) != 1 {
			t.Fatalf("%d runs", runs(d.out))
		}
		var last [2]int64
		for i, f := range d.out {
			if late := time.Duration(f.ArrivalNs - f.TimeNs()); abs(late) > 8*time.Millisecond {
				t.Fatalf("%d ppm: frame %d is %v off", ppm, i, late)
			}
			if i > 2 && f.DTSTicks <= last[f.Track] {
				t.Fatalf("%d ppm: time stands still at frame %d", ppm, i)
			}
			last[f.Track] = f.DTSTicks
		}
	}
}

func TestClockStepBeginsARunAtTheNextKeyframe(t *testing.T) {
	for _, step := range []time.Duration{time.Hour, -time.Hour, 1500 * time.Millisecond, 900 * time.Millisecond} {
		d := newDesk(false)
		for i := range 100 {
			if i == 60 {
				d.step = step
			}
			d.video(int64(i)*3600, time.Duration(i)*frame, i%25 == 0)
		}
		d.s.flush()
		want := 2
		if abs(step) < maxDeviation {
			want = 1
		}
		if len(d.out) != 100 || runs(d.out) != want || d.s.dropped != 0 {
			t.Fatalf("step %v: %d frames in %d runs, %d dropped; want 100 in %d", step, len(d.out), runs(d.out), d.s.dropped, want)
		}
		if want == 2 {
			if f := d.out[75]; f.Run == d.out[74].Run || !f.Keyframe || !near(utc(f), 75*frame+step, time.Millisecond) {
				t.Errorf("step %v: the keyframe after it is at %v", step, utc(f))
			}
			if set := time.Duration(d.out[75].Run.ClockSetNs); !near(set, step, time.Millisecond) || d.out[0].Run.ClockSetNs != 0 {
				t.Errorf("step %v: the run says %v", step, set)
			}
		}
	}
}

func TestJumpOfTheCamerasClockLosesNothing(t *testing.T) {
	for _, jump := range []int64{90000 * 3600, -90000 * 3600, -90000 / 2, 90000 * 20, -3600} {
		d := newDesk(false)
		for i := range 100 {
			ticks := int64(i) * 3600
			if i >= 60 {
				ticks += jump
			}
			d.video(ticks, time.Duration(i)*frame, i%25 == 0)
		}
		d.s.flush()
		if runs(d.out) != 2 || len(d.out) != 100 || d.s.dropped != 0 {
			t.Fatalf("jump %d: %d frames in %d runs, %d dropped", jump, len(d.out), runs(d.out), d.s.dropped)
		}
		for i, f := range d.out {
			if !near(utc(f), time.Duration(i)*frame, time.Millisecond) {
				t.Fatalf("jump %d: frame %d is at %v", jump, i, utc(f))
			}
		}
		if f := d.out[75]; !f.Keyframe || f.PTSTicks != 0 || f.Run == d.out[74].Run {
			t.Errorf("jump %d: no run begins with the keyframe behind it", jump)
		}
	}
}

func TestTimeStampsThatKeepJumpingAreNotUsed(t *testing.T) {
	for name, shift := range map[string]func(i int) int64{
		"back and forth": func(i int) int64 { return int64(i/100%2) * 90000 * 30 },
		"none at all":    func(i int) int64 { return -int64(i) * 3600 },
		"noise":          func(i int) int64 { return int64(i*7919%97) * 90000 },
	} {
		d := newDesk(false)
		last := time.Duration(-1)
		for i := range 5000 {
			delay := time.Duration(i*7919%20) * time.Millisecond
			d.video(int64(i)*3600+shift(i), time.Duration(i)*frame+delay, i%25 == 0)
		}
		d.s.flush()
		if len(d.out) != 5000 || d.s.dropped != 0 || runs(d.out) > wildBridges+1 {
			t.Fatalf("%s: %d frames in %d runs, %d dropped", name, len(d.out), runs(d.out), d.s.dropped)
		}
		for i, f := range d.out {
			if !near(utc(f), time.Duration(i)*frame, 100*time.Millisecond) || utc(f) <= last {
				t.Fatalf("%s: frame %d is at %v, the one before at %v", name, i, utc(f), last)
			}
			last = utc(f)
		}
		if c := d.s.clockState(); c.Source != api.StreamClockSourceArrival || !strings.Contains(c.Reason, "jump") {
			t.Errorf("%s: told as %+v", name, c)
		}
	}
}

func TestTimeStampsInOtherUnitsThanDeclaredAreScaled(t *testing.T) {
	for _, hz := range []int64{1000, 8000, 1_000_000} {
		d := newDesk(false)
		for i := range int64(25 * 60) {
			d.video(i*hz/25, time.Duration(i)*frame+time.Duration(i*7919%20)*time.Millisecond, i%25 == 0)
		}
		d.s.flush()
		if len(d.out) != 25*60 || d.s.dropped != 0 || d.memory.rates[0] != hz {
			t.Fatalf("%d Hz: %d frames, %d dropped, taken for %d Hz", hz, len(d.out), d.s.dropped, d.memory.rates[0])
		}
		before := len(d.out)
		d.connect() // from now on it is known
		for i := range int64(25 * 20) {
			d.video(i*hz/25, time.Minute+time.Duration(i)*frame, i%25 == 0)
		}
		d.s.flush()
		if n := runs(d.out[before:]); n != 1 || d.memory.rates[0] != hz {
			t.Fatalf("%d Hz: %d runs once the rate is known", hz, n)
		}
		for i, f := range d.out[before:] {
			if want := time.Minute + time.Duration(i)*frame; !near(utc(f), want, 25*time.Millisecond) {
				t.Fatalf("%d Hz: frame %d is at %v, want %v", hz, i, utc(f), want)
			}
		}
	}
}

func TestARightClockOfTheCameraIsFollowed(t *testing.T) {
	d := newDesk(true)
	const lag = 180 * time.Millisecond // encoding, and the way here
	send := func(i int64) {
		at := time.Duration(i) * frame
		if i%125 == 3 {
			d.session = at + lag
			ntp := time.Duration(startNs) + ntpToUnix + at
			d.s.senderReport(0, ntp, rtp0+i*3600)
			d.s.senderReport(1, ntp, i*320)
		}
		d.video(i*3600, at+lag+time.Duration(i*7919%30)*time.Millisecond, i%25 == 0)
		d.audio(i*320, at+lag+40*time.Millisecond)
	}
	for i := range int64(25 * 180) {
		send(i)
	}
	c := d.s.clockState()
	if c.Source != api.StreamClockSourceRtcp || c.Reason != "" || c.OffsetMs > -175 || c.OffsetMs < -185 {
		t.Fatalf("told as %+v", c)
	}
	if runs(d.out) != 1 {
		t.Fatalf("%d runs", runs(d.out))
	}
	for _, f := range d.out[len(d.out)-100:] {
		want := time.Duration(f.PTSTicks) * time.Second / time.Duration(f.Run.Tracks[f.Track].ClockRate)
		if f.Track == 0 && !near(utc(f), want+time.Duration(f.Run.StartNs-startNs), time.Millisecond) {
			t.Fatal("no sense")
		}
		if late := time.Duration(f.ArrivalNs - f.TimeNs()); f.Track == 0 && (late < lag-10*time.Millisecond || late > lag+45*time.Millisecond) {
			t.Fatalf("a picture arrives %v after its time, want about %v", late, lag)
		}
		if late := time.Duration(f.ArrivalNs - f.TimeNs()); f.Track == 1 && !near(late, lag+40*time.Millisecond, 15*time.Millisecond) {
			t.Fatalf("sound arrives %v after its time", late)
		}
	}
	// A new session has no reports yet, and goes by what the last one learnt.
	n := len(d.out)
	d.connect()
	for i := int64(25 * 181); i < 25*182; i++ {
		send(i)
	}
	d.s.flush()
	if late := time.Duration(d.out[n].ArrivalNs - d.out[n].TimeNs()); late < lag-15*time.Millisecond || late > lag+45*time.Millisecond {
		t.Errorf("after a reconnect a picture arrives %v after its time", late)
	}
}

func TestAWrongClockOfTheCameraIsShownAndNotFollowed(t *testing.T) {
	for name, off := range map[string]time.Duration{"behind": -time.Hour, "ahead": 3 * time.Second, "since it was switched on": 10_000*time.Second - time.Duration(startNs)} {
		d := newDesk(false)
		for i := range int64(25 * 60) {
			at := time.Duration(i) * frame
			if i%125 == 3 {
				d.session = at
				d.s.senderReport(0, time.Duration(startNs)+ntpToUnix+at+off, rtp0+i*3600)
			}
			d.video(i*3600, at+5*time.Millisecond, i%25 == 0)
		}
		c := d.s.clockState()
		if want := float64(off.Milliseconds()); c.Source != api.StreamClockSourceArrival || c.Reason == "" || math.Abs(c.OffsetMs-want) > 20 {
			t.Errorf("%s: told as %+v", name, c)
		}
		if late := time.Duration(d.out[len(d.out)-1].ArrivalNs - d.out[len(d.out)-1].TimeNs()); !near(late, 0, 5*time.Millisecond) {
			t.Errorf("%s: a picture arrives %v after its time", name, late)
		}
	}
}

func TestDriftIsMeasured(t *testing.T) {
	for _, ppm := range []int64{80, -150, 0} {
		d := newDesk(false)
		for i := range int64(25 * 300) {
			d.video(i*3600+i*3600*ppm/1_000_000, time.Duration(i)*frame+time.Duration(i*7919%20)*time.Millisecond, i%25 == 0)
		}
		if c := d.s.clockState(); math.Abs(c.DriftPpm-float64(ppm)) > 5 || c.JitterUs < 1000 || c.JitterUs > 20_000 {
			t.Errorf("%d ppm: told as %+v", ppm, c)
		}
	}
}

func TestSenderReportsPlaceAudio(t *testing.T) {
	for _, reports := range []bool{true, false} {
		d := newDesk(true)
		if reports { // the camera's clock is years off; audio of the same instant comes 120 ms after the picture
			d.s.senderReport(0, 1000*time.Hour, rtp0)
			d.s.senderReport(1, 1000*time.Hour+time.Second, 8000)
		}
		for i := range int64(100) {
			d.video(i*3600, time.Duration(i)*frame, i%25 == 0)
			d.audio(i*320, time.Duration(i)*frame+120*time.Millisecond)
		}
		for _, f := range d.out {
			if f.Track == 1 {
				heard := time.Duration(f.PTSTicks) * time.Second / 8000
				want := time.Duration(f.ArrivalNs-startNs) - 120*time.Millisecond
				if !reports {
					want += 120 * time.Millisecond
				}
				if !near(heard, want, time.Millisecond) {
					t.Fatalf("reports %v: audio of %v is at %v", reports, want, heard)
				}
			}
		}
	}
}

func TestAudioOfNonsenseReportsStaysByItsArrival(t *testing.T) {
	d := newDesk(true)
	d.s.senderReport(0, 1000*time.Hour, rtp0)
	d.s.senderReport(1, 7*time.Hour, 8000)
	for i := range int64(100) {
		d.video(i*3600, time.Duration(i)*frame, i%25 == 0)
		d.audio(i*320, time.Duration(i)*frame)
	}
	n := 0
	for _, f := range d.out {
		if f.Track == 1 {
			n++
			if late := time.Duration(f.ArrivalNs - f.TimeNs()); abs(late) > time.Millisecond {
				t.Fatalf("audio is %v off", late)
			}
		}
	}
	if n != 100 {
		t.Errorf("%d pieces of audio", n)
	}
}
