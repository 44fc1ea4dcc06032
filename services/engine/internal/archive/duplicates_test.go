package archive

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"vigie/services/engine/internal/index"
)

// second records n frames of a source to a new duplicate.
func (r *rig) second(src *source, n int) (*Segment, error) {
	var seg *Segment
	for range n {
		f := src.next()
		if seg == nil {
			var err error
			if seg, err = r.arch.CreateDuplicate(src.run, index.Standard, f.TimeNs()); err != nil {
				return nil, err
			}
		}
		if err := seg.Write(r.t.Context(), f); err != nil {
			return nil, err
		}
	}
	r.t.Cleanup(seg.Close)
	return seg, nil
}

func TestADuplicateIsOnAnotherVolumeAndShowsWhenTheFirstIsGone(t *testing.T) {
	r := newRig(t)
	r.stop()
	pinned := ""
	r.cfg.Pinned = func(string) string { return pinned }
	r.open()
	a, b, c := r.mounted("a", "64m"), r.mounted("b", "64m"), r.mounted("c", "64m")
	r.use(a)
	one := r.record(newSource(camera, r.start), 100)
	if _, err := r.second(newSource(camera, r.start), 1); err == nil || !strings.Contains(err.Error(), "No other volume") {
		t.Fatalf("a duplicate beside its original: %v", err)
	}
	r.use(a, b)
	two, err := r.second(newSource(camera, r.start), 100)
	if err != nil || two.Volume() != "b" || two.Moves() || one.Volume() != "a" {
		t.Fatalf("original on %s, duplicate on %s, moves %t, %v", one.Volume(), two.Volume(), two.Moves(), err)
	}
	for _, s := range []*Segment{one, two} {
		s.Close()
		await(t, "segment is indexed", func() bool { _, found, _ := r.idx.Get(s.Key()); return found })
	}
	shows := func(want *Segment) {
		t.Helper()
		from, to := r.start.UnixMilli(), r.start.UnixMilli()+20_000
		next, err1 := r.arch.Next(camera, "main", from, 8)
		previous, err2 := r.arch.Previous(camera, "main", to, 8)
		segments, err3 := r.arch.Segments(camera, from, to)
		timeline, err4 := r.arch.Timeline(camera, from, to)
		for i, list := range [][]Entry{next, previous, segments} {
			if len(list) != 1 || list[0].Key != want.Key() {
				t.Errorf("list %d: %v, want %v", i, list, want.Key())
			}
		}
		if len(timeline.Segments) != 1 || timeline.Segments[0].Stream != "main" || timeline.Segments[0].ID != want.Key().ID() || len(timeline.Gaps) != 0 {
			t.Errorf("timeline %+v", timeline)
		}
		o, err5 := r.arch.Overview(camera, from, to, 1000, nil)
		if len(o.Spans) != 1 || o.Spans[0].Stream != "main" || o.Spans[0].EndMs-o.Spans[0].StartMs != 10_000 {
			t.Errorf("overview %+v", o)
		}
		for _, err := range []error{err1, err2, err3, err4, err5} {
			if err != nil {
				t.Error(err)
			}
		}
		consecutive(t, r.frames(want.Key().ID()), 0, 100)
	}
	shows(one)
	r.use(b)
	shows(two)
	r.use(a)
	shows(one)

	// An index that is made anew from the files knows which is which.
	r.use(a, b)
	r.stop()
	r.dir = t.TempDir()
	r.open()
	r.use(a, b)
	await(t, "both are indexed", func() bool { list, _ := r.idx.Segments(camera, 0, math.MaxInt64); return len(list) == 2 })
	await(t, "both have been looked into", func() bool {
		return !slices.ContainsFunc(must(r.idx.Segments(camera, 0, math.MaxInt64)), func(s index.Segment) bool { return s.Unchecked })
	})
	shows(one)
	r.use(b)
	shows(two)

	// What is lost of a duplicate is no gap.
	r.use(a, b)
	if err := r.idx.Lose(two.Key()); err != nil {
		t.Fatal(err)
	}
	shows(one)

	// The original goes where it is to be, and the duplicate makes way.
	pinned = "b"
	first := r.begin(newSource(camera, r.start.Add(1e11)))
	pinned = ""
	r.use(a, b, c)
	two, err = r.second(newSource(camera, r.start.Add(1e11)), 10)
	if err != nil || two.Volume() == first.Volume() {
		t.Fatalf("original on %s, duplicate on %s, %v", first.Volume(), two.Volume(), err)
	}
	pinned = two.Volume()
	first = r.begin(newSource(camera, r.start.Add(2e11)))
	if first.Volume() != pinned || !two.Moves() {
		t.Errorf("original on %s, duplicate on %s moves: %t", first.Volume(), two.Volume(), two.Moves())
	}
	// Nobody else's place is taken: an original leaves the volume with its duplicate alone while there is another.
	pinned = ""
	r.arch.volumes[first.Volume()].degrade(Degraded, "pulled")
	two, err = r.second(newSource(camera, r.start.Add(3e11)), 10)
	if err != nil {
		t.Fatal(err)
	}
	if first = r.begin(newSource(camera, r.start.Add(3e11))); first.Volume() == two.Volume() {
		t.Errorf("both on %s", two.Volume())
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestAVolumeGetsNoMoreThanItBears has a disk that takes a tenth of a second for each file.
func TestAVolumeGetsNoMoreThanItBears(t *testing.T) {
	r := newRig(t)
	slow, fast := r.mounted("a", "64m"), r.mounted("b", "64m")
	r.use(slow)
	src := newSource(camera, r.start)
	first := r.begin(src)
	v := r.arch.volumes["a"]
	v.rounds.mu.Lock()
	now, last := v.rounds.now, v.rounds.last
	v.rounds.now, v.rounds.last = stretch{rounds: 100, pieces: 300, sum: 30e9}, stretch{}
	v.rounds.mu.Unlock()
	r.use(slow, fast)
	for i, want := range []string{"b", "a", "b", "a", "b", "b", "b"} {
		if s := r.begin(newSource([]string{"cameraa1", "camerab1", "camerac1", "camerad1", "camerae1", "cameraf1", "camerag1"}[i], r.start)); s.Volume() != want {
			t.Fatalf("segment %d goes to %s", i, s.Volume())
		}
	}
	// It is told nothing else: what is there ends in its own time, and goes on where there is room for it.
	if first.Moves() {
		t.Error("a segment moves")
	}
	first.Close()
	v.rounds.mu.Lock()
	v.rounds.now = stretch{rounds: 100, pieces: 300, sum: 60e9}
	v.rounds.mu.Unlock()
	if s := r.begin(src); s.Volume() != "b" {
		t.Errorf("goes on on %s, which has too much to do", s.Volume())
	}
	v.rounds.mu.Lock()
	v.rounds.now, v.rounds.last = now, last
	v.rounds.mu.Unlock()
}

// TestWhatIsRecordedTwiceShowsOnce lays out originals and duplicates at random and asks of each instant.
func TestWhatIsRecordedTwiceShowsOnce(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		a := &Archive{volumes: map[string]*volume{"here": nil, "there": nil}}
		var list []Entry
		for i, stream := range []string{"main", index.Duplicate("main"), "sub"} {
			at := int64(rng.IntN(20_000))
			for range rng.IntN(8) {
				end := at + 2000 + int64(rng.IntN(20_000))
				volume := []string{"here", "there", "gone"}[rng.IntN(3)]
				list = append(list, Entry{Segment: index.Segment{Key: index.Key{Camera: camera, Stream: stream, Kind: index.Standard, StartMs: at}, EndMs: end, Volume: volume}})
				if at = end + int64(i); rng.IntN(4) == 0 {
					at += int64(rng.IntN(20_000))
				}
			}
		}
		slices.SortFunc(list, byStart)
		main := func(e Entry) bool { return e.Shows() == "main" }
		playable := func(e Entry) bool { return main(e) && e.Volume != "gone" }
		for _, playing := range []bool{false, true} {
			shown := a.once(list, 0, math.MaxInt64, playing)
			for at := int64(0); at < 200_000; at += 500 {
				has := func(list []Entry, which func(Entry) bool) bool { // with a second to either side
					return slices.ContainsFunc(list, func(e Entry) bool { return which(e) && e.StartMs <= at+joinedMs && e.EndMs >= at-joinedMs })
				}
				in := func(list []Entry, which func(Entry) bool) bool {
					return slices.ContainsFunc(list, func(e Entry) bool { return which(e) && e.StartMs <= at && e.EndMs > at })
				}
				if in(list, playable) && !has(shown, playable) {
					t.Fatalf("at %d nothing can be played of %v\nshown %v", at, list, shown)
				}
				if !playing && in(list, main) && !has(shown, main) {
					t.Fatalf("at %d nothing shows of %v\nshown %v", at, list, shown)
				}
			}
			for _, e := range shown {
				if e.IsDuplicate() && cover(twins(list, e, playable), e.StartMs, e.EndMs) {
					t.Fatalf("%v shows beside its original: %v", e, list)
				}
				if playing && main(e) && !e.IsDuplicate() && e.Volume == "gone" {
					for _, o := range twins(list, e, playable) {
						if o.StartMs < e.EndMs && o.EndMs > e.StartMs {
							t.Fatalf("%v cannot be played, %v can", e, o)
						}
					}
				}
			}
			if n := len(slices.DeleteFunc(slices.Clone(shown), main)); n != len(slices.DeleteFunc(slices.Clone(list), main)) {
				t.Fatalf("%d segments of the other stream", n)
			}
			// From either end, a few at a time, nothing is passed over.
			for _, limit := range []int{1, 2, 5} {
				for _, order := range []func(x, y Entry) int{byStart, byStartBackwards} {
					got, err := a.merged("main", 0, math.MaxInt64, limit, order, func(stream string, n int) ([]Entry, error) {
						some := slices.DeleteFunc(slices.Clone(list), func(e Entry) bool { return e.Stream != stream })
						slices.SortFunc(some, order)
						return some[:min(n, len(some))], nil
					})
					if err != nil || len(got) > limit || len(got) < min(limit, len(slices.DeleteFunc(a.once(list, 0, math.MaxInt64, true), func(e Entry) bool { return !main(e) }))) {
						t.Fatalf("%d of %v: %v, %v", limit, list, got, err)
					}
					if !slices.IsSortedFunc(got, order) {
						t.Fatalf("out of order: %v", got)
					}
					for _, e := range list {
						passed := len(got) < limit || order(e, got[len(got)-1]) < 0
						if playable(e) && passed && !slices.Contains(got, e) && !cover(twins(got, e, playable), e.StartMs, min(e.EndMs, got[len(got)-1].EndMs)) && !cover(twins(list, e, playable), e.StartMs, e.EndMs) {
							t.Fatalf("%v is passed over: %v of %v", e, got, list)
						}
					}
				}
			}
		}
	}
}
