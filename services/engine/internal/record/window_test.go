package record

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
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

// plan is a schedule that a test changes: windows in seconds since t0.
type plan struct {
	mu      sync.Mutex
	windows [][2]float64
	changed chan struct{}
}

func secs(s float64) int64 { return t0 + int64(s*1e9) }

func (p *plan) schedule(nowNs int64) (w Window, ok bool, changed <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.windows {
		if end := secs(c[1]); end > nowNs && (!ok || secs(c[0]) < w.StartNs) {
			w, ok = Window{secs(c[0]), end}, true
		}
	}
	return w, ok, p.changed
}

func (p *plan) set(windows ...[2]float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.windows = windows
	close(p.changed)
	p.changed = make(chan struct{})
}

// timed is a recorder of a camera that sends 10 frames/s by the clock of the bubble.
type timed struct {
	ring    *ring.Ring
	archive *memory
	plan    *plan
	rec     *Recorder
	run     *media.Run
	gop     int // frames
	sent    int
	ended   chan struct{}
	done    chan error
}

func startTimed(t *testing.T, kind index.Kind, gop int, beforeMs int64, windows ...[2]float64) *timed {
	g := &timed{ring: ring.New(ring.Config{MaxBytes: 64 << 20, MaxAge: 5 * time.Second}), archive: &memory{}, plan: &plan{windows: windows, changed: make(chan struct{})},
		run: newRun(t0, false), gop: gop, ended: make(chan struct{}), done: make(chan error, 1)}
	cfg := Config{Camera: "aaaaaaa1", Stream: "main", Kind: kind, Archive: g.archive, Log: slog.New(slog.DiscardHandler), Written: new(atomic.Uint64),
		Open: reads(g.ring), Ended: g.ended, Schedule: g.plan.schedule, Limits: usual, Lost: func() int64 { return 0 }}
	cfg.Before.EndMs, cfg.Before.Cause = beforeMs, index.Power
	g.rec = New(cfg)
	go func() { g.done <- g.rec.Run(context.Background()) }()
	synctest.Wait()
	return g
}

// until lets the camera send up to an instant in seconds.
func (g *timed) until(s float64) {
	for {
		at := t0 + int64(g.sent)*1e8
		if at >= secs(s) {
			break
		}
		time.Sleep(time.Until(time.Unix(0, at)))
		g.ring.Push(&media.Frame{Run: g.run, Keyframe: g.sent%g.gop == 0, PTSTicks: int64(g.sent) * 9000, DTSTicks: int64(g.sent) * 9000, DurationTicks: 9000, Payload: make([]byte, 100)})
		g.sent++
		synctest.Wait()
	}
	time.Sleep(time.Until(time.Unix(0, secs(s))))
	synctest.Wait()
}

// silent lets time pass without frames.
func (g *timed) silent(s float64) {
	time.Sleep(time.Until(time.Unix(0, secs(s))))
	g.sent = int((time.Now().UnixNano()-t0)/1e8) + g.gop
	g.sent -= g.sent % g.gop // it goes on with a keyframe
	synctest.Wait()
}

func (g *timed) stop(t *testing.T) {
	t.Helper()
	g.ring.Close()
	close(g.ended)
	if err := <-g.done; err != nil {
		t.Error(err)
	}
}

// spans returns the numbers of the first frame of each segment and of the one after its last.
func (g *timed) spans(t *testing.T) (out [][2]int) {
	t.Helper()
	for _, s := range g.archive.segments {
		first := int(s.frames[0].PTSTicks / 9000)
		for i, f := range s.frames {
			if int(f.PTSTicks/9000) != first+i {
				t.Fatalf("frame %d of a segment that begins with %d is %d", i, first, f.PTSTicks/9000)
			}
		}
		if !s.frames[0].Keyframe || !s.closed {
			t.Errorf("the segment from %d on begins without a keyframe or is not closed", first)
		}
		out = append(out, [2]int{first, first + len(s.frames)})
	}
	return out
}

func (g *timed) gaps() (out []index.Gap) {
	for _, gap := range g.archive.gaps {
		gap.Camera, gap.Stream = "", ""
		gap.StartMs, gap.EndMs = gap.StartMs-t0/1e6, gap.EndMs-t0/1e6
		out = append(out, gap)
	}
	return out
}

func TestAWindowIsRecordedFromTheKeyframeBeforeItToTheOneAfter(t *testing.T) {
	for _, c := range []struct {
		name   string
		kind   index.Kind
		gop    int
		before float64 // seconds; 0: none
		start  [][2]float64
		play   func(*timed)
		spans  [][2]int
		gaps   []index.Gap
	}{
		{"as planned", index.Standard, 10, 0, [][2]float64{{10.05, 20.05}}, func(g *timed) { g.until(30) }, [][2]int{{100, 210}},
			[]index.Gap{{StartMs: 0, EndMs: 10_050, Cause: index.Unscheduled}, {StartMs: 21_000, EndMs: 30_000, Cause: index.Unscheduled}}},
		{"two windows", index.Standard, 10, 0, [][2]float64{{3.05, 4.95}, {8.05, 8.95}}, func(g *timed) { g.until(12) }, [][2]int{{30, 50}, {80, 90}},
			[]index.Gap{{EndMs: 3050, Cause: index.Unscheduled}, {StartMs: 5000, EndMs: 8050, Cause: index.Unscheduled}, {StartMs: 9000, EndMs: 12_000, Cause: index.Unscheduled}}},
		{"two windows within a GOP", index.Standard, 50, 0, [][2]float64{{1, 2}, {3, 4}}, func(g *timed) { g.until(12) }, [][2]int{{0, 50}},
			[]index.Gap{{EndMs: 1000, Cause: index.Unscheduled}, {StartMs: 5000, EndMs: 12_000, Cause: index.Unscheduled}}},
		{"newly planned: nothing from before", index.Standard, 10, 0, nil, func(g *timed) { g.until(6.5); g.plan.set([2]float64{0, 10}); g.until(20) }, [][2]int{{60, 100}},
			[]index.Gap{{EndMs: 6500, Cause: index.Unscheduled}, {StartMs: 10_000, EndMs: 20_000, Cause: index.Unscheduled}}},
		{"no longer planned", index.Standard, 10, 0, [][2]float64{{0, 100}}, func(g *timed) { g.until(6.5); g.plan.set(); g.until(20) }, [][2]int{{0, 70}},
			[]index.Gap{{StartMs: 7000, EndMs: 20_000, Cause: index.Unscheduled}}},
		{"the camera is away when it ends", index.Standard, 10, 0, [][2]float64{{0, 10}}, func(g *timed) { g.until(5); g.silent(40); g.until(50) }, [][2]int{{0, 50}},
			[]index.Gap{{StartMs: 5000, EndMs: 10_000, Cause: index.CameraOffline}, {StartMs: 10_000, EndMs: 50_000, Cause: index.Unscheduled}}},
		{"the camera is away when it begins", index.Standard, 10, 0, [][2]float64{{10, 60}}, func(g *timed) {
			g.until(5)
			g.silent(29.05)
			g.until(50)
		}, [][2]int{{300, 500}},
			[]index.Gap{{StartMs: 0, EndMs: 10_000, Cause: index.Unscheduled}, {StartMs: 10_000, EndMs: 30_000, Cause: index.CameraOffline}}},
		{"what was missed before", index.Standard, 10, -100, [][2]float64{{-80, -60}, {-20, 5}}, func(g *timed) { g.silent(2.95); g.until(10) }, [][2]int{{30, 50}},
			[]index.Gap{{StartMs: -100_000, EndMs: -80_000, Cause: index.Unscheduled}, {StartMs: -80_000, EndMs: -60_000, Cause: index.Power}, {StartMs: -60_000, EndMs: -20_000, Cause: index.Unscheduled},
				{StartMs: -20_000, EndMs: 3000, Cause: index.Power}, {StartMs: 5000, EndMs: 10_000, Cause: index.Unscheduled}}},
		{"an alarm with what came before", index.Alarm, 10, 0, nil, func(g *timed) { g.until(10.25); g.plan.set([2]float64{7.25, 12.25}); g.until(20) }, [][2]int{{70, 130}}, nil},
		{"more than is held", index.Alarm, 10, 0, nil, func(g *timed) { g.until(10.25); g.plan.set([2]float64{1, 12.25}); g.until(20) }, [][2]int{{50, 130}}, nil},
		{"an alarm that is extended", index.Alarm, 10, 0, nil, func(g *timed) {
			g.until(10.25)
			g.plan.set([2]float64{7.25, 12.25})
			g.until(12)
			g.plan.set([2]float64{7.25, 14.25})
			g.until(20)
		}, [][2]int{{70, 150}}, nil},
		{"extended while its last GOP comes", index.Alarm, 10, 0, nil, func(g *timed) {
			g.until(10.25)
			g.plan.set([2]float64{7.25, 12.25})
			g.until(12.65)
			g.plan.set([2]float64{7.25, 12.25}, [2]float64{9.65, 14.65})
			g.until(20)
		}, [][2]int{{70, 150}}, nil},
		{"another soon after", index.Alarm, 10, 0, nil, func(g *timed) {
			g.until(10.25)
			g.plan.set([2]float64{7.25, 12.25})
			g.until(14)
			g.plan.set([2]float64{11, 16})
			g.until(20)
		}, [][2]int{{70, 130}, {130, 160}}, nil},
		{"ended by hand", index.Alarm, 10, 0, nil, func(g *timed) {
			g.until(10.25)
			g.plan.set([2]float64{7.25, 3600})
			g.until(11.35)
			g.plan.set()
			g.until(20)
		}, [][2]int{{70, 120}}, nil},
		{"within a GOP of minutes", index.Alarm, 1000, 0, nil, func(g *timed) {
			g.until(10)
			g.plan.set([2]float64{7, 12})
			g.until(40)
			g.plan.set([2]float64{35, 45})
			g.until(60)
		}, [][2]int{{0, 220}, {0, 550}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before := int64(0)
				if c.before != 0 {
					before = secs(c.before) / 1e6
				}
				g := startTimed(t, c.kind, c.gop, before, c.start...)
				c.play(g)
				g.stop(t)
				if d := cmp.Diff(c.spans, g.spans(t)); d != "" {
					t.Errorf("frames: %s", d)
				}
				if d := cmp.Diff(c.gaps, g.gaps()); d != "" {
					t.Errorf("gaps: %s", d)
				}
			})
		})
	}
}

// TestHoweverAlarmsFollowOneAnotherNoFrameIsLostOrRepeated triggers at random.
func TestHoweverAlarmsFollowOneAnotherNoFrameIsLostOrRepeated(t *testing.T) {
	for seed := range uint64(40) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 5))
			g := startTimed(t, index.Alarm, 5+rnd.IntN(25), 0)
			pre, post := 0.1+4*rnd.Float64(), 0.5+5*rnd.Float64()
			var all, active [][2]float64
			at := 6.0
			for range 30 {
				at += rnd.ExpFloat64() * 4
				g.until(at)
				active = slices.DeleteFunc(active, func(w [2]float64) bool { return w[1] <= at })
				w := [2]float64{at - pre, at + post}
				all, active = append(all, w), append(active, w)
				merged := [2]float64{w[0], w[1]}
				for _, o := range active {
					merged[0], merged[1] = min(merged[0], o[0]), max(merged[1], o[1])
				}
				g.plan.set(merged)
			}
			g.until(at + post + 20)
			g.stop(t)
			count := map[int]int{}
			for _, s := range g.spans(t) {
				for n := s[0]; n < s[1]; n++ {
					count[n]++
				}
			}
			for n := range g.sent {
				when := float64(n) / 10
				wanted, near := false, false
				for _, w := range all {
					wanted = wanted || when >= w[0] && when < w[1]
					near = near || when >= w[0]-float64(g.gop)/10-0.1 && when < w[1]+float64(g.gop)/10+0.1
				}
				if count[n] > 1 || wanted && count[n] == 0 || !near && count[n] > 0 {
					t.Fatalf("seed %d: frame %d, at %.1f s, is recorded %d times; wanted: %v (pre %.2f s, post %.2f s, GOP %d)\n%v", seed, n, when, count[n], wanted, pre, post, g.gop, all)
				}
			}
		})
	}
}

// A recorder waits for its window, for frames, or for a change: a context ends each.
func TestARecorderEndsWhateverItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		for _, windows := range [][][2]float64{nil, {{0, 3600}}, {{100, 200}}} {
			p := &plan{windows: windows, changed: make(chan struct{})}
			r := ring.New(ring.Config{MaxBytes: 1 << 20})
			rec := New(Config{Camera: "aaaaaaa1", Stream: "main", Kind: index.Standard, Archive: &memory{}, Log: slog.New(slog.DiscardHandler), Written: new(atomic.Uint64),
				Open: reads(r), Ended: make(chan struct{}), Schedule: p.schedule, Limits: usual, Lost: func() int64 { return 0 }})
			done := make(chan error, 1)
			go func() { done <- rec.Run(ctx) }()
			synctest.Wait()
			if s := rec.State(); s.Scheduled != (windows != nil && windows[0][0] == 0) || s.Recording {
				t.Errorf("%v: state %+v", windows, s)
			}
			defer func() {
				if err := <-done; !errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
					t.Errorf("%v: %v", windows, err)
				}
			}()
		}
		defer cancel()
	})
}
