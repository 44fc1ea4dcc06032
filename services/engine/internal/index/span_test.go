package index

import (
	"math/rand/v2"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestSpansAndKindsAreThoseOfTheSegments holds merged footage against what each instant of the segments says.
func TestSpansAndKindsAreThoseOfTheSegments(t *testing.T) {
	x := open(t, t.TempDir())
	r := rand.New(rand.NewPCG(3, 4))
	var all []Segment
	for _, stream := range []string{"main", "sub"} {
		for _, kind := range []Kind{Standard, Alarm} {
			for at := int64(0); at < 9_000_000; {
				s := seg(camA, at, at+1+r.Int64N(300_000), []string{volX, volY}[r.IntN(2)])
				s.Stream, s.Kind = stream, kind
				all = append(all, s)
				at = s.EndMs + r.Int64N(2)*r.Int64N(40_000)
			}
		}
	}
	if err := x.Put(all...); err != nil {
		t.Fatal(err)
	}
	for range 100 {
		from := r.Int64N(9_000_000)
		to, resolution := from+1+r.Int64N(3_000_000), 1+r.Int64N(30_000)
		got, err := x.Spans(camA, from, to, resolution)
		if err != nil {
			t.Fatal(err)
		}
		var want []Span
		for _, s := range all { // in order of stream, kind and start
			if s.StartMs >= to || s.EndMs <= from {
				continue
			}
			if n := len(want); n > 0 && want[n-1].Stream == s.Stream && want[n-1].Kind == s.Kind && s.StartMs-want[n-1].EndMs < resolution {
				want[n-1].EndMs = s.EndMs
			} else {
				want = append(want, Span{s.Stream, s.Kind, s.StartMs, s.EndMs})
			}
		}
		if d := gocmp.Diff(Merge(want, 1), got); d != "" {
			t.Fatalf("%d-%d at %d:\n%s", from, to, resolution, d)
		}
		instants := []int64{from, from + (to-from)/3, to}
		kinds, err := x.Kinds(camA, instants)
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range kinds {
			for _, kind := range []Kind{Standard, Alarm} {
				if want := slices.ContainsFunc(all, func(s Segment) bool {
					return s.Kind == kind && s.StartMs < instants[i+1] && s.EndMs > instants[i]
				}); k[kind] != want {
					t.Fatalf("%s in %d-%d: got %v", kind, instants[i], instants[i+1], k[kind])
				}
			}
		}
	}
}

func TestTheLedgerOfAStreamBeginsAndEndsWithItsRows(t *testing.T) {
	x := open(t, t.TempDir())
	alarm := seg(camA, 10, 20, volX)
	alarm.Kind, alarm.Stream = Alarm, "sub"
	if err := x.Put(alarm, seg(camA, 5000, 6000, volX), seg(camA, 7000, 8000, volY)); err != nil {
		t.Fatal(err)
	}
	if err := x.AddGap(gap(camA, 4000, 5000, Power), Gap{Camera: camA, Stream: "third", StartMs: 1, EndMs: 9, Cause: Unscheduled}); err != nil {
		t.Fatal(err)
	}
	if first, last, found, err := x.LedgerBounds(camA, "main"); first != 4000 || last != 8000 || !found || err != nil {
		t.Error(first, last, found, err)
	}
	if _, _, found, err := x.LedgerBounds(camA, "sub"); found || err != nil {
		t.Error("alarm recording is in the ledger", err)
	}
	if got, err := x.Streams(camA); err != nil || !slices.Equal(got, []string{"main", "third"}) {
		t.Error(got, err)
	}
}
