package index

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

const (
	camA = "aaaaaaa1"
	camB = "aaaaaaa2"
	volX = "0f5e0c6e-0000-4000-8000-00000000abcd"
	volY = "disk-y"
)

func open(t testing.TB, dir string) *Index {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)},
		[]mirror.Dir{{ID: "v", Path: dir}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	x, err := Open(db)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func seg(camera string, start, end int64, volume string) Segment {
	return Segment{Key: Key{Camera: camera, Stream: "main", Kind: Standard, StartMs: start}, EndMs: end, SizeBytes: end - start, Volume: volume}
}

func gap(camera string, start, end int64, cause Cause) Gap {
	return Gap{Camera: camera, Stream: "main", StartMs: start, EndMs: end, Cause: cause}
}

func TestIDIsReadBackExactly(t *testing.T) {
	k := Key{Camera: camA, Stream: "main", Kind: Alarm, StartMs: 1763874000000}
	if got, err := ParseID(k.ID()); err != nil || got != k {
		t.Fatalf("got %+v, %v", got, err)
	}
	for _, bad := range []string{"", "aaaaaaa1", "aaaaaaa1-1-standard", "aaaaaaa1-01-standard-main", "aaaaaaa1--1-standard-main", "aaaaaaa1-1-other-main",
		"../../..-1-standard-main", "aaaaaaa1-1-standard-../x", "aaaaaaa1-1-standard-", "aaaaaaa1-99999999999999999999-standard-main", "aaaaaaa1-1-standard-main-x"} {
		if k, err := ParseID(bad); err == nil {
			t.Errorf("%q: got %+v", bad, k)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add("k3f9x2ab-1763874000000-standard-main")
	f.Add("k3f9x2ab-1-alarm-sub")
	f.Fuzz(func(t *testing.T, id string) {
		if k, err := ParseID(id); err == nil && (k.ID() != id || filepath.Base(id) != id) {
			t.Errorf("%q read as %+v", id, k)
		}
	})
}

func FuzzRow(f *testing.F) {
	s := seg(camA, 1000, 2000, volX)
	add := func() { f.Add(s.group().bucket(), timeKey(s.StartMs), s.value()) }
	add()
	s.Volume, s.Suspect, s.Kind = volY, true, Alarm
	add()
	s.Unchecked, s.Volume = true, "a/b"
	add()
	f.Fuzz(func(t *testing.T, bucket string, key, value []byte) {
		g, err := parseGroup(bucket)
		if err != nil {
			return
		}
		if s, err := g.segmentOf(key, value); err == nil {
			back, err := parseGroup(s.group().bucket())
			if err != nil || back != g {
				t.Fatalf("%+v came back as %+v, %v", g, back, err)
			}
			if back, err := g.segmentOf(timeKey(s.StartMs), s.value()); err != nil || back != s {
				t.Errorf("%+v came back as %+v, %v", s, back, err)
			}
		}
	})
}

func FuzzMark(f *testing.F) {
	s := seg(camA, 1000, 2000, volX)
	f.Add(s.markKey(), s.value())
	s.Volume, s.Suspect = "a/b", true
	f.Add(s.markKey(), s.value())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if s, err := markOf(key, value); err == nil {
			if back, err := markOf(s.markKey(), s.value()); err != nil || back != s {
				t.Errorf("%+v came back as %+v, %v", s, back, err)
			}
		}
	})
}

func FuzzGap(f *testing.F) {
	for _, g := range []Gap{{camA, "main", 1000, 2000, Disk, false}, {camA, "sub", 0, 1, Network, true}} {
		f.Add(timeKey(g.StartMs), g.value())
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		if g, err := gapOf(camA, "main", key, value); err == nil {
			if back, err := gapOf(camA, "main", timeKey(g.StartMs), g.value()); err != nil || back != g {
				t.Errorf("%+v came back as %+v, %v", g, back, err)
			}
		}
	})
}

func FuzzDay(f *testing.F) {
	f.Add(dayKey(20_000), Totals{288, 1 << 40}.value())
	f.Fuzz(func(t *testing.T, key, value []byte) {
		day, err := dayOf(key)
		totals, terr := totalsOf(value)
		if err != nil || terr != nil {
			return
		}
		if back, err := totalsOf(totals.value()); err != nil || back != totals || !slices.Equal(dayKey(day), key) {
			t.Errorf("%d %+v came back as %+v, %v", day, totals, back, err)
		}
	})
}

func TestQueriesAnswerLikeAPlainList(t *testing.T) {
	dir := t.TempDir()
	x := open(t, dir)
	r := rand.New(rand.NewPCG(1, 2))
	var model []Segment
	for _, cam := range []string{camA, camB} {
		for at := int64(5_000); at < 20_000_000; {
			d := 1 + r.Int64N(MaxDurationMs/8)
			s := seg(cam, at, at+d, []string{volX, volY}[r.IntN(2)])
			s.Suspect = r.IntN(9) == 0
			model = append(model, s)
			at += d + r.Int64N(3)*r.Int64N(200_000)
		}
	}
	if err := x.Put(model...); err != nil {
		t.Fatal(err)
	}
	var dropped []Key
	model = slices.DeleteFunc(model, func(s Segment) bool {
		if r.IntN(10) == 0 {
			dropped = append(dropped, s.Key)
			return true
		}
		return false
	})
	if marked, err := x.Mark(nil, dropped...); err != nil || len(marked) != len(dropped) {
		t.Fatal(err)
	}
	check := func(x *Index) {
		t.Helper()
		for range 300 {
			cam, from := []string{camA, camB}[r.IntN(2)], r.Int64N(21_000_000)
			to := from + r.Int64N(3_000_000)
			var want []Segment
			for _, s := range model {
				if s.Camera == cam && s.StartMs < to && s.EndMs > from {
					want = append(want, s)
				}
			}
			got, err := x.Segments(cam, from, to)
			if d := gocmp.Diff(want, got); err != nil || d != "" {
				t.Fatalf("%s %d-%d: %v\n%s", cam, from, to, err, d)
			}
			want = nil
			for _, s := range slices.Backward(model) {
				if s.Camera == cam && s.StartMs <= from && len(want) < 5 {
					want = append(want, s)
				}
			}
			got, err = x.Previous(cam, "main", from, 5)
			if d := gocmp.Diff(want, got); err != nil || d != "" {
				t.Fatalf("%s before %d: %v\n%s", cam, from, err, d)
			}
		}
		for _, vol := range []string{volX, volY, "none"} {
			var want []Segment
			var totals Totals
			for _, s := range model {
				if s.Volume == vol {
					want = append(want, s)
					totals.Segments++
					totals.Bytes += s.SizeBytes
				}
			}
			checkLines(t, x, vol, want)
			if got := x.Totals(vol); got != totals {
				t.Fatalf("totals of %s: got %+v, want %+v", vol, got, totals)
			}
		}
		marks, err := x.Marks()
		if err != nil || len(marks) != len(dropped) {
			t.Fatalf("marks: got %d, %v; want %d", len(marks), err, len(dropped))
		}
	}
	check(x)
	check(open(t, dir)) // a second database from the same copy
	marks, err := x.Marks()
	if err != nil {
		t.Fatal(err)
	}
	if err := x.Unmark(marks...); err != nil {
		t.Fatal(err)
	}
	if marks, err := x.Marks(); err != nil || len(marks) != 0 {
		t.Fatalf("after deletion: got %v, %v", marks, err)
	}
	if cams, err := x.Cameras(); err != nil || !slices.Equal(cams, []string{camA, camB}) {
		t.Fatalf("cameras: got %v, %v", cams, err)
	}
	var first, last int64
	for _, s := range model {
		if s.Camera == camB {
			if first == 0 {
				first = s.StartMs
			}
			last = max(last, s.EndMs)
		}
	}
	if f, l, found, err := x.Bounds(camB); err != nil || !found || f != first || l != last {
		t.Fatalf("bounds: got %d %d %v %v; want %d %d", f, l, found, err, first, last)
	}
	if _, _, found, err := x.Bounds("aaaaaaa3"); err != nil || found {
		t.Fatalf("bounds of no camera: got %v, %v", found, err)
	}
}

func TestPuttingASegmentAgainReplacesIt(t *testing.T) {
	x := open(t, t.TempDir())
	s := seg(camA, 1000, 2000, volX)
	if err := x.Put(s); err != nil {
		t.Fatal(err)
	}
	s.EndMs, s.SizeBytes, s.Volume = 3000, 50, volY
	if err := x.Put(s); err != nil {
		t.Fatal(err)
	}
	if got, found, err := x.Get(s.Key); err != nil || !found || got != s {
		t.Fatalf("got %+v, %v, %v", got, found, err)
	}
	if x.Totals(volX) != (Totals{}) || x.Totals(volY) != (Totals{Segments: 1, Bytes: 50}) {
		t.Fatalf("totals: %+v, %+v", x.Totals(volX), x.Totals(volY))
	}
	if _, found, _ := x.OldestMs(volX); found {
		t.Fatal("still on the old volume")
	}
}

func TestALostFileLeavesAGap(t *testing.T) {
	x := open(t, t.TempDir())
	s := seg(camA, 1000, 61_000, volX)
	if err := x.Put(s); err != nil {
		t.Fatal(err)
	}
	if err := x.Lose(s.Key); err != nil {
		t.Fatal(err)
	}
	if err := x.AddGap(Gap{Camera: camA, Stream: "main", StartMs: 70_000, EndMs: 80_000, Cause: CameraOffline}); err != nil {
		t.Fatal(err)
	}
	got, err := x.Gaps(camA, 30_000, 71_000)
	want := []Gap{{camA, "main", 1000, 61_000, LostFile, false}, {camA, "main", 70_000, 80_000, CameraOffline, false}}
	if d := gocmp.Diff(want, got); err != nil || d != "" {
		t.Fatal(err, d)
	}
	if got, err := x.Gaps(camA, 61_000, 70_000); err != nil || len(got) != 0 {
		t.Fatalf("between the gaps: got %v, %v", got, err)
	}
	if x.Totals(volX) != (Totals{}) {
		t.Fatal("a lost file still counts")
	}
}

func TestGapsGoWithTheFootageBeforeThem(t *testing.T) {
	x := open(t, t.TempDir())
	old, kept, other := seg(camA, 1000, 2000, volX), seg(camA, 9000, 10_000, volX), seg(camB, 1000, 2000, volX)
	if err := x.Put(old, kept, other); err != nil {
		t.Fatal(err)
	}
	for _, g := range []Gap{gap(camA, 2000, 4000, CameraOffline), gap(camA, 5000, 9000, Disk), gap(camA, 10_000, 12_000, Power), gap(camB, 2000, 4000, CameraOffline)} {
		if err := x.AddGap(g); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := x.Mark(nil, old.Key); err != nil {
		t.Fatal(err)
	}
	got, err := x.Gaps(camA, 0, 1<<40)
	want := []Gap{gap(camA, 10_000, 12_000, Power)}
	if d := gocmp.Diff(want, got); err != nil || d != "" {
		t.Fatal(err, d)
	}
	if got, err := x.Gaps(camB, 0, 1<<40); err != nil || len(got) != 1 {
		t.Fatalf("another camera's: got %v, %v", got, err)
	}
	if _, err := x.Mark(nil, kept.Key); err != nil {
		t.Fatal(err)
	}
	if got, err := x.Gaps(camA, 0, 1<<40); err != nil || len(got) != 1 {
		t.Fatalf("without any footage: got %v, %v", got, err)
	}
}

func TestWhatIsNotASegmentIsRefused(t *testing.T) {
	x := open(t, t.TempDir())
	for i, change := range []func(*Segment){
		func(s *Segment) { s.Camera = "../../.." },
		func(s *Segment) { s.Stream = "" },
		func(s *Segment) { s.Kind = "other" },
		func(s *Segment) { s.StartMs = -1 },
		func(s *Segment) { s.StartMs, s.EndMs = maxMs, maxMs+1 },
		func(s *Segment) { s.EndMs = s.StartMs - 1 },
		func(s *Segment) { s.EndMs = s.StartMs + MaxDurationMs + 1 },
		func(s *Segment) { s.Volume = "" },
		func(s *Segment) { s.SizeBytes = -1 },
	} {
		s := seg(camA, 1000, 2000, volX)
		change(&s)
		if err := x.Put(s); err == nil {
			t.Errorf("case %d: %+v is taken", i, s)
		}
	}
	for _, g := range []Gap{gap(camA, 5, 5, Power), gap(camA, 5, 6, ""), gap("../x", 5, 6, Power), gap(camA, -5, 6, Power), gap(camA, 5, maxMs, Power), {camA, "../", 5, 6, Power, false}} {
		if err := x.AddGap(gap(camA, 1, 2, Power), g); err == nil {
			t.Errorf("%+v is taken", g)
		}
	}
	if got, err := x.Gaps(camA, 0, 100); err != nil || len(got) != 0 {
		t.Errorf("a refused request changed something: %v, %v", got, err)
	}
}
