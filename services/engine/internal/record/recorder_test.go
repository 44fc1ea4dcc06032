package record

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/ring"
)

// memory is an archive that keeps what it is given: the recorder's decisions are what is tested here; the real archive
// is tested with real disks, and both together by killing the engine.
type memory struct {
	mu       sync.Mutex
	refusal  error // by Create
	segments []*memSegment
	gaps     []index.Gap
}

type memSegment struct {
	startNs, endNs int64
	frames         []*media.Frame
	durable        int
	failAfter      int // frames; 0: never
	volume         string
	closed         bool
	moves          bool
}

func (m *memory) Create(_ *media.Run, _ index.Kind, startNs int64) (Segment, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refusal != nil {
		return nil, m.refusal
	}
	s := &memSegment{startNs: startNs, volume: fmt.Sprint("volume", len(m.segments))}
	m.segments = append(m.segments, s)
	return s, nil
}

func (m *memory) refuse(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.refusal = err
}

func (m *memory) AddGap(g index.Gap) error {
	m.gaps = append(m.gaps, g)
	return nil
}

func (s *memSegment) Write(_ context.Context, f *media.Frame) error {
	if s.failAfter > 0 && len(s.frames) >= s.failAfter {
		return errors.New("input/output error")
	}
	s.frames = append(s.frames, f)
	return nil
}
func (s *memSegment) Durable() int   { return s.durable }
func (s *memSegment) Moves() bool    { return s.moves }
func (s *memSegment) Volume() string { return s.volume }
func (s *memSegment) Close() {
	s.closed = true
	for _, f := range s.frames {
		s.endNs = max(s.endNs, end(f))
	}
}

// rig is a recorder on a real ring with a stream of its own making: 10 frames/s, a keyframe a second, audio 20 ms late.
type rig struct {
	t       *testing.T
	ring    *ring.Ring
	archive *memory
	rec     *Recorder
	run     *media.Run
	written atomic.Uint64
	lost    int64
	frame   int
	audio   bool
	stop    func() error
}

// t0 is when time begins in a bubble of synctest.
const t0 = int64(946_684_800) * int64(time.Second)

// reads opens guaranteed readers of a ring, as a camera's chain does.
func reads(r *ring.Ring) func(atNs int64, from uint64) Source {
	return func(atNs int64, from uint64) Source {
		return r.NewReader(ring.ReaderConfig{Start: ring.At, AtNs: atNs, From: from, Guaranteed: true})
	}
}

// always is a schedule without an end.
func always(int64) (Window, bool, <-chan struct{}) { return Window{0, Never}, true, nil }

func usual() Limits { return Limits{Length: 5 * time.Minute, Bytes: 1 << 30} }

func newRun(startNs int64, audio bool) *media.Run {
	r := &media.Run{Camera: "aaaaaaa1", Stream: "main", StartNs: startNs, Tracks: []media.Track{{Codec: media.H264, ClockRate: 90000}}}
	if audio {
		r.Tracks = append(r.Tracks, media.Track{Codec: media.PCMA, ClockRate: 8000, SampleRate: 8000, Channels: 1})
	}
	return r
}

func newRig(t *testing.T, audio bool, beforeMs int64, cause index.Cause) *rig {
	g := &rig{t: t, ring: ring.New(ring.Config{MaxBytes: 64 << 10, BudgetBytes: 256 << 10}), archive: &memory{}, run: newRun(t0, audio), audio: audio}
	cfg := Config{Camera: "aaaaaaa1", Stream: "main", Kind: index.Standard, Archive: g.archive, Log: slog.New(slog.DiscardHandler), Written: &g.written,
		Open: reads(g.ring), Ended: make(chan struct{}), Schedule: always, Limits: usual, Lost: func() int64 { return g.lost }}
	cfg.Before.EndMs, cfg.Before.Cause = beforeMs, cause
	g.rec = New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.rec.Run(ctx) }()
	g.stop = func() error { cancel(); return <-done }
	return g
}

// push sends frames and lets the recorder take them.
func (g *rig) push(frames int) {
	for range frames {
		i := g.frame
		g.frame++
		g.ring.Push(&media.Frame{Run: g.run, Keyframe: i%10 == 0, PTSTicks: int64(i) * 9000, DTSTicks: int64(i) * 9000, DurationTicks: 9000, Payload: make([]byte, 1000)})
		if g.audio {
			at := int64(i)*800 - 160
			g.ring.Push(&media.Frame{Run: g.run, Track: 1, Keyframe: true, PTSTicks: at, DTSTicks: at, DurationTicks: 800, Payload: make([]byte, 800)})
		}
		synctest.Wait()
	}
}

// next begins a run some time after the end of the one before.
func (g *rig) next(after time.Duration) {
	end := g.run.TimeNs(0, int64(g.frame)*9000)
	g.run, g.frame = newRun(end+int64(after), g.audio), 0
}

// TestADuplicateWaitsForNobody: what no volume takes is left out, tells no gap and stays in no ring.
func TestADuplicateWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, false, 0, "")
		g.stop()
		g.archive = &memory{refusal: errors.New("No other volume takes recordings.")}
		ended := make(chan struct{})
		g.rec = New(Config{Camera: "aaaaaaa1", Stream: "main", Kind: index.Standard, Duplicate: true, Archive: g.archive, Log: slog.New(slog.DiscardHandler),
			Written: &g.written, Open: reads(g.ring), Ended: ended, Schedule: always, Limits: usual, Lost: func() int64 { return 0 }})
		done := make(chan error, 1)
		go func() { done <- g.rec.Run(t.Context()) }()
		g.push(1000)
		if s := g.rec.State(); s.Recording || !s.Scheduled || s.Reason != g.archive.refusal.Error() {
			t.Errorf("without a volume: %+v", s)
		}
		if s := g.ring.Stats(); s.DroppedGOPs != 0 || s.Bytes > 64<<10 {
			t.Errorf("the ring holds frames for it: %+v", s)
		}
		g.archive.refuse(nil)
		g.push(25)
		first := g.archive.segments[0]
		if len(g.archive.segments) != 1 || !first.frames[0].Keyframe || len(first.frames) != 25 {
			t.Fatalf("%d segments, the first of %d frames", len(g.archive.segments), len(first.frames))
		}
		// Its volume fails, and no other takes what it held.
		g.archive.refuse(errors.New("No other volume takes recordings."))
		first.failAfter = 25
		g.push(15)
		if g.rec.State().Recording {
			t.Error("it is recorded to a volume that failed")
		}
		g.archive.refuse(nil)
		g.push(20)
		if n := len(g.archive.segments); n != 2 || !g.archive.segments[1].frames[0].Keyframe || len(g.archive.segments[1].frames) != 20 {
			t.Errorf("%d segments", n)
		}
		close(ended)
		g.ring.Close()
		if err := <-done; err != nil || len(g.archive.gaps) != 0 {
			t.Errorf("ends with %v, gaps %v", err, g.archive.gaps)
		}
	})
}

func TestAGOPWithoutEndIsNotHeldForEver(t *testing.T) {
	arch := &memory{}
	r := New(Config{Camera: "aaaaaaa1", Stream: "main", Kind: index.Standard, Archive: arch, Log: slog.New(slog.DiscardHandler),
		Written: new(atomic.Uint64), Limits: usual, Lost: func() int64 { return 0 }})
	run, payload, n := newRun(t0, false), make([]byte, 1<<20), int64(0)
	give := func(key bool) {
		t.Helper()
		f := &media.Frame{Run: run, Keyframe: key, PTSTicks: n * 9000, DTSTicks: n * 9000, DurationTicks: 9000, Payload: payload}
		if n++; r.frame(t.Context(), f) != nil {
			t.Fatal("frame refused")
		}
		r.confirm()
	}
	give(true)
	for range 200 {
		arch.segments[0].durable = len(arch.segments[0].frames)
		give(false)
		if held := size(r.held); held > maxHeld+2<<20 {
			t.Fatalf("%d bytes are held", held)
		}
	}
	arch.segments[0].failAfter = 1
	give(false)
	if r.State().Recording || len(arch.segments) != 1 {
		t.Fatalf("after its volume failed: %+v, %d segments", r.State(), len(arch.segments))
	}
	give(false)
	give(true)
	give(false)
	if len(arch.segments) != 2 || len(arch.segments[1].frames) != 2 || !arch.segments[1].frames[0].Keyframe || !r.State().Recording {
		t.Fatalf("after the next keyframe: %+v, %d segments", r.State(), len(arch.segments))
	}
}

func TestSegmentsAreCutAtKeyframesWithoutLosingOrRepeatingAFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, true, 0, "")
		const frames = 10 * 60 * 16
		g.push(frames)
		g.stop()
		if n := len(g.archive.segments); n < 4 || n > 5 { // the first ends early, to stagger the cuts of many
			t.Fatalf("16 minutes make %d segments", n)
		}
		next := [2]int64{0, 800 - 160} // the very first audio frame lies before the first picture
		for i, s := range g.archive.segments {
			if !s.closed || !s.frames[0].Keyframe || s.frames[0].Track != 0 || s.frames[0].TimeNs() != s.startNs {
				t.Fatalf("segment %d does not begin with its keyframe", i)
			}
			if d := s.endNs - s.startNs; d > int64(usual().Length+2*time.Second) {
				t.Fatalf("segment %d lasts %v", i, time.Duration(d))
			}
			for _, f := range s.frames {
				if f.TimeNs() < s.startNs {
					t.Fatalf("segment %d holds a frame from before its start", i)
				}
				if f.PTSTicks != next[f.Track] {
					t.Fatalf("segment %d track %d: got tick %d, want %d", i, f.Track, f.PTSTicks, next[f.Track])
				}
				next[f.Track] += f.DurationTicks
			}
		}
		if next[0] != frames*9000 || len(g.archive.gaps) != 0 {
			t.Fatalf("recorded up to %d with gaps %v", next[0], g.archive.gaps)
		}
	})
}

// TestWhatIsToMoveMovesAtTheNextKeyframe: to another segment, without a frame lost or twice, and without a gap.
func TestWhatIsToMoveMovesAtTheNextKeyframe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, false, 0, "")
		g.push(25)
		g.archive.segments[0].moves = true
		g.push(5)
		if n := len(g.archive.segments); n != 1 {
			t.Fatalf("%d segments before the next keyframe", n)
		}
		g.push(30)
		g.stop()
		if len(g.archive.segments) != 2 || len(g.archive.segments[0].frames) != 30 || len(g.archive.segments[1].frames) != 30 || len(g.archive.gaps) != 0 {
			t.Fatalf("%d segments, gaps %v", len(g.archive.segments), g.archive.gaps)
		}
	})
}

func TestGapsAreIndexedWithTheirCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before := t0/1e6 - 60_000
		g := newRig(t, false, before, index.Power)
		g.push(50)
		g.next(10 * time.Second)
		g.push(50)
		g.next(time.Second) // a short reconnect is no gap
		g.push(50)
		g.next(30 * time.Second)
		g.run.ClockSetNs = int64(30 * time.Second)
		g.push(50)
		g.next(-time.Minute) // the clock was set back: a new segment, no gap
		g.run.ClockSetNs = int64(-time.Minute)
		g.push(50)
		g.stop()
		ms := func(s int64) int64 { return t0/1e6 + s*1000 }
		want := []index.Gap{
			{Camera: "aaaaaaa1", Stream: "main", StartMs: before, EndMs: ms(0), Cause: index.Power},
			{Camera: "aaaaaaa1", Stream: "main", StartMs: ms(5), EndMs: ms(15), Cause: index.CameraOffline},
			{Camera: "aaaaaaa1", Stream: "main", StartMs: ms(26), EndMs: ms(56), Cause: index.ClockStep},
		}
		if d := cmp.Diff(want, g.archive.gaps); d != "" {
			t.Fatal(d)
		}
		if len(g.archive.segments) != 5 {
			t.Fatalf("got %d segments, want one a run", len(g.archive.segments))
		}
	})
}

// TestTheClockIsBlamedForNoMoreThanItWasSet: a camera may pause without a word, where a segment is cut or a run begins too.
func TestTheClockIsBlamedForNoMoreThanItWasSet(t *testing.T) {
	gap := func(from, to float64, c index.Cause) index.Gap {
		return index.Gap{Camera: "aaaaaaa1", Stream: "main", StartMs: t0/1e6 + int64(from*1000), EndMs: t0/1e6 + int64(to*1000), Cause: c}
	}
	for _, c := range []struct {
		name string
		play func(g *rig)
		want []index.Gap
	}{
		{"a pause, then other parameter sets", func(g *rig) { g.next(5 * time.Second) }, []index.Gap{gap(5, 10, index.CameraOffline)}},
		{"the clock is set", func(g *rig) { g.next(60 * time.Second); g.run.ClockSetNs = 59_500e6 }, []index.Gap{gap(5, 65, index.ClockStep)}},
		{"a pause, in which the clock is set", func(g *rig) { g.next(70 * time.Second); g.run.ClockSetNs = 60e9 },
			[]index.Gap{gap(5, 15, index.CameraOffline), gap(15, 75, index.ClockStep)}},
		{"a pause, in which the clock is set back", func(g *rig) { g.next(5 * time.Second); g.run.ClockSetNs = -3e9 }, []index.Gap{gap(5, 10, index.CameraOffline)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, false, 0, "")
			g.push(50)
			c.play(g)
			g.push(50)
			g.stop()
			if d := cmp.Diff(c.want, g.archive.gaps); d != "" {
				t.Errorf("%s:\n%s", c.name, d)
			}
		})
	}
}

// TestAPauseWhereASegmentIsCutIsTheCameras: neither the clock's nor told twice.
func TestAPauseWhereASegmentIsCutIsTheCameras(t *testing.T) {
	for _, lost := range []int64{0, 3} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, false, 0, "")
			cut := 10 // frames, the next of which is a keyframe
			for !usual().reached(g.rec.stagger, false, time.Duration(cut+10)*100*time.Millisecond, 0) {
				cut += 10
			}
			g.push(cut)
			g.lost += lost
			g.frame += 50 // five seconds
			g.push(50)
			g.stop()
			cause := index.CameraOffline
			if lost > 0 {
				cause = index.Network
			}
			want := []index.Gap{{Camera: "aaaaaaa1", Stream: "main", StartMs: t0/1e6 + int64(cut)*100, EndMs: t0/1e6 + int64(cut+50)*100, Cause: cause}}
			if d := cmp.Diff(want, g.archive.gaps); d != "" || len(g.archive.segments) != 2 {
				t.Errorf("%d segments\n%s", len(g.archive.segments), d)
			}
		})
	}
}

// TestACameraOfFewPicturesHasNoGapWhereASegmentIsCut: it takes three seconds for one.
func TestACameraOfFewPicturesHasNoGapWhereASegmentIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, false, 0, "")
		for range 300 {
			g.ring.Push(&media.Frame{Run: g.run, Keyframe: true, PTSTicks: int64(g.frame) * 9000, DTSTicks: int64(g.frame) * 9000, Payload: make([]byte, 1000)})
			g.frame += 30
			synctest.Wait()
		}
		g.stop()
		if len(g.archive.segments) < 3 || len(g.archive.gaps) != 0 {
			t.Errorf("%d segments, gaps %v", len(g.archive.segments), g.archive.gaps)
		}
	})
}

func TestAFailedVolumeCostsNothingThatItDidNotConfirm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, false, 0, "")
		g.push(1)
		g.archive.segments[0].failAfter = 47
		g.archive.segments[0].durable = 33 // three GOPs and a bit
		g.push(99)
		st := g.rec.State()
		g.stop()
		if len(g.archive.segments) != 2 || st.Volume != "volume1" || !st.Recording {
			t.Fatalf("got %d segments, state %+v", len(g.archive.segments), st)
		}
		second := g.archive.segments[1]
		if first := second.frames[0]; first.PTSTicks != 30*9000 {
			t.Fatalf("goes on at frame %d, want the beginning of the GOP not confirmed (30)", first.PTSTicks/9000)
		}
		for i, f := range second.frames {
			if f.PTSTicks != int64(30+i)*9000 {
				t.Fatalf("frame %d is %d", i, f.PTSTicks/9000)
			}
		}
		if len(second.frames) != 70 || len(g.archive.gaps) != 0 {
			t.Fatalf("got %d frames and gaps %v", len(second.frames), g.archive.gaps)
		}
	})
}

func TestWithoutAVolumeTheRingKeepsWhatItCanAndTheRestIsAGapOfTheDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRig(t, false, 0, "")
		g.push(50)
		g.archive.refuse(errors.New("No disk is mounted."))
		g.next(0)
		g.push(100) // 100 kB: the ring's budget holds it
		if st := g.rec.State(); st.Recording || st.Reason != "No disk is mounted." {
			t.Fatalf("state %+v", st)
		}
		g.archive.refuse(nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		if len(g.archive.gaps) != 0 || len(g.archive.segments[1].frames) != 100 {
			t.Fatalf("a short absence: gaps %v, %d frames", g.archive.gaps, len(g.archive.segments[1].frames))
		}
		g.archive.refuse(errors.New("No disk is mounted."))
		g.next(0)
		g.push(1000)
		g.archive.refuse(nil)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		g.push(30)
		g.stop()
		if len(g.archive.gaps) != 1 || g.archive.gaps[0].Cause != index.Disk {
			t.Fatalf("a long absence: gaps %+v", g.archive.gaps)
		}
	})
}
