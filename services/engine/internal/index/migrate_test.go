package index

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"vigie/internal/mirror"
)

// oldRow writes a segment as format 1 did.
func oldRow(s Segment) (row, value []byte) {
	row = binary.BigEndian.AppendUint64([]byte(s.Camera), uint64(s.StartMs))
	row = append(append(row, s.Kind[0]), s.Stream...)
	var flags byte
	if s.Suspect {
		flags = 1
	}
	value = binary.AppendUvarint([]byte{flags}, uint64(s.EndMs-s.StartMs))
	value = binary.AppendUvarint(value, uint64(s.SizeBytes))
	if b, err := hex.DecodeString(strings.ReplaceAll(s.Volume, "-", "")); err == nil && len(b) == 16 {
		return row, append(append(value, 1), b...)
	}
	return row, append(append(value, 2), s.Volume...)
}

func TestAnIndexOfFormat1IsTakenOver(t *testing.T) {
	dir := t.TempDir()
	openDB := func() *mirror.DB {
		db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)},
			[]mirror.Dir{{ID: "v", Path: dir}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	var want []Segment
	for i := range int64(25_000) { // more than one step
		s := seg(camA, i*10_000, i*10_000+9_000+i%7, []string{volX, volY}[i%2])
		s.Suspect = i%100 == 0
		if i%50 == 0 {
			s.Kind, s.Stream = Alarm, "sub"
		}
		want = append(want, s)
	}
	marked := seg(camB, 5, 10, volY)
	db := openDB()
	if err := db.Update(func(tx *mirror.Tx) error {
		for _, s := range want {
			row, value := oldRow(s)
			if err := tx.Put(oldSegments, row, value); err != nil {
				return err
			}
			if err := errors.Join(tx.Put(oldVolumes, append([]byte(s.Volume), row...), []byte{1}), tx.Put(oldLines, append([]byte(s.Volume), row...), []byte{1})); err != nil {
				return err
			}
		}
		row, value := oldRow(marked)
		if err := tx.Put(oldMarks, row, value); err != nil {
			return err
		}
		if err := tx.Put(oldSegments, []byte("nonsense"), []byte{9}); err != nil {
			return err
		}
		return tx.Put(oldGaps, binary.BigEndian.AppendUint64([]byte(camA), 7000), append(binary.AppendUvarint(nil, 2000), Disk...))
	}); err != nil {
		t.Fatal(err)
	}
	check := func(db *mirror.DB) {
		t.Helper()
		x, err := Open(db)
		if err != nil {
			t.Fatal(err)
		}
		got, err := x.Segments(camA, 0, 1<<40)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("got %d segments, %v; want %d", len(got), err, len(want))
		}
		if marks, err := x.Marks(); err != nil || !slices.Equal(marks, []Segment{marked}) {
			t.Fatal(marks, err)
		}
		if gaps, err := x.Gaps(camA, 0, 1<<40); err != nil || !slices.Equal(gaps, []Gap{gap(camA, 7000, 9000, Disk)}) {
			t.Fatal(gaps, err)
		}
		if n, err := x.Verify(t.Context()); err != nil || n != 0 {
			t.Fatalf("totals: %d groups had to be mended, %v", n, err)
		}
		if n := x.Totals(volX).Segments + x.Totals(volY).Segments; n != int64(len(want)) {
			t.Fatalf("got %d segments in the totals", n)
		}
		if err := db.View(func(tx *mirror.Tx) error {
			for _, b := range []string{oldSegments, oldVolumes, oldLines, oldMarks, oldGaps} {
				for range tx.Range(b, nil, nil) {
					t.Errorf("something is left in %s", b)
					break
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	// A power cut in the middle leaves some rows in both formats.
	x := &Index{db: db, lines: map[Line]*Tally{}}
	if err := x.Put(want[:1234]...); err != nil {
		t.Fatal(err)
	}
	check(db)
	check(openDB())
}

func TestVerifyMendsWhatIsWrong(t *testing.T) {
	x := open(t, t.TempDir())
	a, b := seg(camA, 1000, 2000, volX), seg(camB, 1000, 3000, volY)
	if err := x.Put(a, b); err != nil {
		t.Fatal(err)
	}
	if n, err := x.Verify(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
	if err := x.db.Update(func(tx *mirror.Tx) error {
		if err := tx.Put(a.group().bucket(), timeKey(7), []byte{0xff}); err != nil {
			return err
		}
		return tx.Put(b.group().dayBucket(), dayKey(0), Totals{77, 88}.value())
	}); err != nil {
		t.Fatal(err)
	}
	if n, err := x.Verify(t.Context()); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if got, err := x.Segments(camA, 0, 1<<40); err != nil || !slices.Equal(got, []Segment{a}) {
		t.Fatal(got, err)
	}
	if got := x.Totals(volY); got != (Totals{1, 2000}) {
		t.Fatalf("got %+v", got)
	}
	if n, err := x.Verify(t.Context()); n != 0 || err != nil {
		t.Fatal(n, err)
	}
}

func TestHeadsAreTheOldestOfEachLine(t *testing.T) {
	x := open(t, t.TempDir())
	var all []Segment
	for i := range int64(6) {
		for _, stream := range []string{"main", "sub"} {
			s := seg(camA, 1000+i*100+int64(len(stream)), 1050+i*100, volX)
			s.Stream = stream
			all = append(all, s)
		}
	}
	alarm := seg(camA, 50, 60, volX)
	alarm.Kind = Alarm
	other := seg(camA, 1, 2, volY)
	if err := x.Put(append(all, alarm, other)...); err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(all, inOrder)
	got, err := x.Heads(volX, 3, none)
	want := []Head{{Line{volX, camA, Alarm}, []Segment{alarm}, false}, {Line{volX, camA, Standard}, all[:3], true}}
	if d := gocmp.Diff(want, got); err != nil || d != "" {
		t.Fatal(err, d)
	}
	got, err = x.Heads(volX, 20, func(s Segment) (bool, int64) { return s.StartMs >= 1100 && s.StartMs < 1400, 1400 })
	want = []Head{{Line{volX, camA, Alarm}, []Segment{alarm}, false}, {Line{volX, camA, Standard}, append(slices.Clone(all[:2]), all[8:]...), false}}
	if d := gocmp.Diff(want, got); err != nil || d != "" {
		t.Fatal(err, d)
	}
	if ms, found, err := x.OldestMs(volX); ms != 50 || !found || err != nil {
		t.Fatal(ms, found, err)
	}
	if tally := x.Lines()[Line{volX, camA, Standard}]; tally.Segments != 12 || len(tally.Days) != 1 || tally.Days[0].Bytes != tally.Bytes {
		t.Fatalf("got %+v", tally)
	}
}
