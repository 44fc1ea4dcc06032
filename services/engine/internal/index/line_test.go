package index

import (
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

func none(Segment) (bool, int64) { return false, 0 }

// checkLines holds what the index says of a volume's lines against a plain list in order of camera and start.
func checkLines(t *testing.T, x *Index, volume string, all []Segment) {
	t.Helper()
	want := map[Line][]Segment{}
	for _, s := range all {
		want[s.line()] = append(want[s.line()], s)
	}
	for _, n := range []int{1, 7, 1 << 20} {
		heads, err := x.Heads(volume, n, none)
		if err != nil || len(heads) != len(want) {
			t.Fatalf("heads of %s: %d, %v; want %d", volume, len(heads), err, len(want))
		}
		for _, h := range heads {
			list := want[h.Line]
			if d := gocmp.Diff(list[:min(n, len(list))], h.Segments); d != "" || h.More != (len(list) > n) {
				t.Fatalf("head of %+v: more %v\n%s", h.Line, h.More, d)
			}
		}
	}
	tallies := x.Lines()
	for l, list := range want {
		sums := map[int64]int64{}
		tally := Tally{}
		for _, s := range list {
			tally.Segments++
			tally.Bytes += s.SizeBytes
			sums[s.StartMs/DayMs] += s.SizeBytes
		}
		for day, b := range sums {
			tally.Days = append(tally.Days, DayBytes{day, b})
		}
		slices.SortFunc(tally.Days, func(a, b DayBytes) int { return int(a.Day - b.Day) })
		if d := gocmp.Diff(tally, tallies[l]); d != "" {
			t.Fatalf("tally of %+v:\n%s", l, d)
		}
	}
	for l := range tallies {
		if l.Volume == volume && want[l] == nil {
			t.Fatalf("tally of an empty line %+v", l)
		}
	}
}

func TestHeadsPassOverWhatIsSpared(t *testing.T) {
	x := open(t, t.TempDir())
	var all []Segment
	for i := range int64(1000) {
		s := seg(camA, i*1000, i*1000+1000, volX)
		if i%3 == 0 {
			s.Kind = Alarm
		}
		all = append(all, s)
	}
	if err := x.Put(all...); err != nil {
		t.Fatal(err)
	}
	asked := 0
	spare := func(s Segment) (bool, int64) { // [0 s, 400 s) as a whole, and then each tenth
		asked++
		if s.StartMs < 400_000 {
			return true, 400_000
		}
		return s.StartMs%10_000 == 0, 0
	}
	heads, err := x.Heads(volX, 5, spare)
	if err != nil || len(heads) != 2 {
		t.Fatal(heads, err)
	}
	if asked > 30 {
		t.Errorf("%d segments were looked at", asked)
	}
	for _, h := range heads {
		var want []Segment
		for _, s := range all {
			if s.Kind == h.Kind && s.StartMs >= 400_000 && s.StartMs%10_000 != 0 && len(want) < 5 {
				want = append(want, s)
			}
		}
		if d := gocmp.Diff(want, h.Segments); d != "" || !h.More {
			t.Fatalf("more %v\n%s", h.More, d)
		}
	}
	if ms, found, err := x.OldestMs(volX); err != nil || !found || ms != 0 {
		t.Fatal(ms, found, err)
	}
}

func TestWhatIsSparedIsNotMarked(t *testing.T) {
	x := open(t, t.TempDir())
	a, b := seg(camA, 1000, 2000, volX), seg(camA, 2000, 3000, volX)
	if err := x.Put(a, b); err != nil {
		t.Fatal(err)
	}
	marked, err := x.Mark(func(_ *mirror.Tx, s Segment) (bool, error) { return s == a, nil }, a.Key, b.Key)
	if d := gocmp.Diff([]Segment{b}, marked); err != nil || d != "" {
		t.Fatal(err, d)
	}
	if _, found, _ := x.Get(a.Key); !found {
		t.Error("what was spared is gone")
	}
}
