package record

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/services/engine/internal/index"
)

func TestAGapIsToldInPiecesEachWithItsCause(t *testing.T) {
	second := func(s float64) int64 { return t0 + int64(s*1e9) }
	type note struct {
		at        float64
		cause     index.Cause
		tentative bool
	}
	type part struct {
		from, to float64
		cause    index.Cause
	}
	const begun = 100
	for _, c := range []struct {
		name     string
		notes    []note
		from, to float64
		cause    index.Cause
		want     []part
	}{
		{"nothing was noted", nil, 200, 260, index.ClockStep, []part{{200, 260, index.ClockStep}}},
		{"what is noticed late began with the gap", []note{{210, index.CameraOffline, false}, {250, "", false}}, 200, 251, index.CameraOffline, []part{{200, 251, index.CameraOffline}}},
		{"two causes", []note{{210, index.CameraOffline, false}, {220, "", false}, {220.5, index.Network, false}}, 200, 251, index.CameraOffline,
			[]part{{200, 220.5, index.CameraOffline}, {220.5, 251, index.Network}}},
		{"silence turns out to be the network", []note{{210, index.CameraOffline, true}, {220, index.Network, false}}, 200, 251, index.CameraOffline, []part{{200, 251, index.Network}}},
		{"silence of a camera that answers", []note{{210, index.CameraOffline, true}, {220, "", false}}, 200, 251, index.CameraOffline, []part{{200, 251, index.CameraOffline}}},
		{"a disk is sure", []note{{210, index.Network, false}}, 200, 251, index.Disk, []part{{200, 251, index.Disk}}},
		{"nothing is asked for", []note{{210, index.Network, false}}, 200, 251, index.Unscheduled, []part{{200, 251, index.Unscheduled}}},
		{"a restart and a camera that is there", nil, 50, 103, index.EngineRestart, []part{{50, 103, index.EngineRestart}}},
		{"a restart and a camera that is gone by then", []note{{105, index.Network, false}}, 50, 151, index.EngineRestart, []part{{50, 100, index.EngineRestart}, {100, 151, index.Network}}},
		{"what was noted before the footage is past", []note{{110, index.Network, false}, {120, "", false}}, 200, 251, "", []part{{200, 251, index.CameraOffline}}},
	} {
		r := New(Config{Camera: "aaaaaaa1", Stream: "main", Log: slog.New(slog.DiscardHandler)})
		r.outage.begunNs = second(begun)
		for _, n := range c.notes {
			r.Note(time.Unix(0, second(n.at)), n.cause, n.tentative)
		}
		r.outage.reached(second(c.from))
		var got []part
		for _, p := range r.outage.split(second(c.from), second(c.to), c.cause) {
			got = append(got, part{float64(p.startNs-t0) / 1e9, float64(p.endNs-t0) / 1e9, p.cause})
		}
		if d := cmp.Diff(c.want, got, cmp.AllowUnexported(part{})); d != "" {
			t.Errorf("%s:\n%s", c.name, d)
		}
	}
}

func TestTheOutageThatRunsIsKnown(t *testing.T) {
	at := func(s int64) time.Time { return time.Unix(0, t0+s*1e9) }
	r := New(Config{Camera: "aaaaaaa1", Stream: "main", Log: slog.New(slog.DiscardHandler)})
	r.outage.begunNs = t0
	gap := func(from, to int64, c index.Cause) index.Gap {
		return index.Gap{Camera: "aaaaaaa1", Stream: "main", StartMs: t0/1e6 + from*1000, EndMs: t0/1e6 + to*1000, Cause: c}
	}
	check := func(now int64, want ...index.Gap) {
		t.Helper()
		if d := cmp.Diff(want, r.Outage(at(now))); d != "" {
			t.Errorf("at %d s:\n%s", now, d)
		}
	}
	check(5) // connecting
	check(12, gap(0, 12, index.CameraOffline))
	r.Note(at(12), index.Network, false)
	check(13, gap(0, 13, index.Network))
	r.Note(at(14), "", false)
	r.outage.reached(t0 + 20e9)
	check(21)
	check(25) // on its way
	check(31, gap(20, 31, index.CameraOffline))
	r.Note(at(22), index.CameraOffline, true)
	check(24, gap(20, 24, index.CameraOffline))
	r.outage.waitsFor(index.Disk)
	check(24, gap(20, 24, index.Disk))
}

func TestPicturesMissingWithinASegmentAreTold(t *testing.T) {
	for _, audio := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			g := newRig(t, audio, 0, "")
			g.push(100)
			g.lost += 5
			g.frame += 20 // two seconds without a picture
			g.push(95)
			g.frame += 5 // half a second counts as lost frames alone
			g.push(100)
			g.frame += 10 // a second, and nothing was lost on the way
			g.push(10)
			g.stop()
			gap := func(from, to int64, c index.Cause) index.Gap {
				return index.Gap{Camera: "aaaaaaa1", Stream: "main", StartMs: t0/1e6 + from*100, EndMs: t0/1e6 + to*100, Cause: c, Inside: true}
			}
			if d := cmp.Diff([]index.Gap{gap(100, 120, index.Network), gap(320, 330, index.CameraOffline)}, g.archive.gaps); d != "" {
				t.Error(d)
			}
			if len(g.archive.segments) != 1 {
				t.Errorf("got %d segments", len(g.archive.segments))
			}
		})
	}
}
