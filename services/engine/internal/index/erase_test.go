package index

import (
	"errors"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

func nobody(*mirror.Tx, Segment) (bool, error) { return false, nil }

func TestWhatIsErasedLeavesOneGapThatSaysSo(t *testing.T) {
	x := open(t, t.TempDir())
	s := func(i int64) Segment { return seg(camA, 100_000+i*10_000, 110_000+i*10_000-40, volX) }
	for i := range int64(6) {
		if err := x.Put(s(i)); err != nil {
			t.Fatal(err)
		}
	}
	inside := Gap{Camera: camA, Stream: "main", StartMs: 112_000, EndMs: 114_000, Cause: Network, Inside: true}
	if err := x.AddGap(inside, gap(camA, 160_000, 170_000, Power)); err != nil {
		t.Fatal(err)
	}
	erase := func(i int64) {
		t.Helper()
		noted := 0
		marked, err := x.Erase(nobody, func(_ *mirror.Tx, list []Segment) error { noted = len(list); return nil }, s(i).Key)
		if err != nil || len(marked) != 1 || noted != 1 {
			t.Fatalf("%v, %d noted, %v", marked, noted, err)
		}
	}
	check := func(want ...Gap) {
		t.Helper()
		got, err := x.Gaps(camA, 0, 1_000_000)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(append(want, gap(camA, 160_000, 170_000, Power)), got); d != "" {
			t.Error(d)
		}
	}
	erase(2)
	check(inside, gap(camA, 120_000, 129_960, Deleted))
	erase(4)
	check(inside, gap(camA, 120_000, 129_960, Deleted), gap(camA, 140_000, 149_960, Deleted))
	erase(3)
	check(inside, gap(camA, 120_000, 149_960, Deleted))
	erase(5)
	check(inside, gap(camA, 120_000, 159_960, Deleted))
	erase(1)
	check(gap(camA, 110_000, 159_960, Deleted))
	// What comes before all footage that is left is not kept, as when retention takes it.
	if err := x.Put(seg(camA, 200_000, 210_000, volX)); err != nil {
		t.Fatal(err)
	}
	erase(0)
	if got, err := x.Gaps(camA, 0, 1_000_000); err != nil || len(got) != 0 {
		t.Errorf("%v, %v", got, err)
	}
}

// TestAShortRecordingBetweenErasedOnesIsNoGap: on whichever volume it lies.
func TestAShortRecordingBetweenErasedOnesIsNoGap(t *testing.T) {
	x := open(t, t.TempDir())
	before, short, after := seg(camA, 100_000, 110_000, volX), seg(camA, 110_000, 111_500, volY), seg(camA, 111_500, 120_000, volX)
	if err := x.Put(before, short, after, seg(camA, 90_000, 100_000, volX)); err != nil {
		t.Fatal(err)
	}
	erase := func(s Segment, want ...Gap) {
		t.Helper()
		if _, err := x.Erase(nobody, func(*mirror.Tx, []Segment) error { return nil }, s.Key); err != nil {
			t.Fatal(err)
		}
		got, err := x.Gaps(camA, 0, 1_000_000)
		if d := gocmp.Diff(want, got); d != "" || err != nil {
			t.Error(d, err)
		}
	}
	erase(after, gap(camA, 111_500, 120_000, Deleted))
	erase(before, gap(camA, 100_000, 110_000, Deleted), gap(camA, 111_500, 120_000, Deleted))
	erase(short, gap(camA, 100_000, 120_000, Deleted))
}

func TestErasingIsAllOrNothing(t *testing.T) {
	x := open(t, t.TempDir())
	list := []Segment{seg(camA, 1000, 2000, volX), seg(camA, 2000, 3000, volX), seg(camB, 1000, 2000, volX)}
	alarm := list[1]
	alarm.Kind = Alarm
	if err := x.Put(append(list, alarm)...); err != nil {
		t.Fatal(err)
	}
	no := errors.New("no")
	if marked, err := x.Erase(nobody, func(*mirror.Tx, []Segment) error { return no }, list[1].Key); !errors.Is(err, no) || marked != nil {
		t.Fatalf("%v, %v", marked, err)
	}
	if _, found, err := x.Get(list[1].Key); err != nil || !found {
		t.Error("it is gone although its order could not be counted")
	}
	if gaps, err := x.Gaps(camA, 0, 10_000); err != nil || len(gaps) != 0 {
		t.Errorf("%v, %v", gaps, err)
	}
	// Alarm recordings leave no gap: the ledger is that of standard recording.
	if _, err := x.Erase(nobody, func(*mirror.Tx, []Segment) error { return nil }, alarm.Key); err != nil {
		t.Fatal(err)
	}
	if gaps, err := x.Gaps(camA, 0, 10_000); err != nil || len(gaps) != 0 {
		t.Errorf("%v, %v", gaps, err)
	}
}

func TestWalkAndWithinFindWhatLiesWhollyInside(t *testing.T) {
	x := open(t, t.TempDir())
	var all []Segment
	for i := range int64(5) {
		all = append(all, seg(camA, 1000*i, 1000*i+1000, volX))
	}
	sub := all[2]
	sub.Stream, sub.EndMs = "sub", 2900
	elsewhere := seg(camA, 3500, 3900, volY)
	if err := x.Put(append(all, sub, elsewhere)...); err != nil {
		t.Fatal(err)
	}
	n := 0
	if err := x.Walk(camA, 1000, 3999, func(Segment) { n++ }); err != nil || n != 4 { // 1000, 2000 twice, 3500
		t.Errorf("%d segments, %v", n, err)
	}
	for _, c := range []struct {
		from, to int64
		limit    int
		want     []Segment
	}{
		{1000, 4000, 9, []Segment{all[1], all[2], sub, all[3]}},
		{1000, 3999, 9, []Segment{all[1], all[2], sub}},
		{1001, 4000, 1, []Segment{all[2], sub}}, // both begin at the instant of the last
		{0, 1000, 1, []Segment{all[0]}},
		{0, 999, 1, nil},
	} {
		got, err := x.Within(camA, Standard, volX, c.from, c.to, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(c.want, got[:len(got):len(got)]); d != "" && (len(c.want) > 0 || len(got) > 0) {
			t.Errorf("%+v: %s", c, d)
		}
	}
}
