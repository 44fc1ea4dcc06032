package history

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/mirror"
)

const cam = "k3f9x2ab"

func open(t testing.TB) *mirror.DB {
	t.Helper()
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "a.db"), Name: "engine", Log: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// grow is a stream of 25 frames and 500 kB a second that is online for a share of a minute.
func grow(c Counters, online time.Duration) Counters {
	s := int64(online / time.Second)
	c.Online += online
	c.Bytes += 500_000 * s
	c.Frames += 25 * s
	c.GOPs += s / 2
	c.GOP += online
	return c
}

func TestMinutesSlotsAndHoursTellTheSame(t *testing.T) {
	h := New(open(t), slog.New(slog.DiscardHandler))
	began := time.UnixMilli(1_800_000_000_000).UTC().Truncate(time.Hour)
	c := Counters{Began: began}
	look := func() []Sample { return []Sample{{cam, "main", c}, {cam, "sub", c}} }
	h.take(began, 0, look())
	for m := range 26 * 60 {
		online := time.Minute
		if m%60 >= 50 { // ten minutes an hour without
			online = 0
		}
		if m%60 == 0 && m > 0 {
			c.Reconnects++
			c.Lost += 7
		}
		c = grow(c, online)
		h.take(began.Add(time.Duration(m+1)*time.Minute), time.Minute, look())
	}
	from := began.UnixMilli()
	for _, q := range []struct {
		from, to, step, points int64
		reconnects             int64
	}{
		{from + 25*hourMs, from + 26*hourMs, minuteMs, 60, 1},
		{from + 2*hourMs, from + 26*hourMs, minuteMs, 24 * 60, 24},
		{from + hourMs, from + 2*hourMs, slotMs, 12, 1}, // longer ago than minutes are kept
		{from, from + 26*hourMs, slotMs, 26 * 12, 25},
		{from, from + 5*24*hourMs, hourMs, 26, 25},
	} {
		got, err := h.Query(cam, "main", q.from, q.to)
		if err != nil {
			t.Fatal(err)
		}
		if got.StepMs != q.step || int64(len(got.Points)) != q.points {
			t.Errorf("%d h: %d points of %d ms, want %d of %d", (q.to-q.from)/hourMs, len(got.Points), got.StepMs, q.points, q.step)
		}
		reconnects, online := int64(0), int64(0)
		for i, p := range got.Points {
			reconnects += p.Reconnects
			online += int64(p.OnlinePercent) * got.StepMs / 1000
			if i > 0 && p.AtMs != got.Points[i-1].AtMs+got.StepMs {
				t.Errorf("a point at %d after one at %d", p.AtMs, got.Points[i-1].AtMs)
			}
			if p.OnlinePercent > 0 && (p.BitrateBps != 4_000_000 || p.FramesPerSecond != 25 || p.GopMs != 2000) || p.LostFrames != 7*p.Reconnects {
				t.Errorf("%+v", p)
			}
		}
		hours := int64(len(got.Points)) * got.StepMs / hourMs
		if want := hours * 50 * 60 * 100; reconnects != q.reconnects || online < want*98/100 || online > want*102/100 {
			t.Errorf("%d h: %d reconnects, online %d, want %d and %d", hours, reconnects, online, q.reconnects, want)
		}
	}
	if got, err := h.Query(cam, "third", from, from+hourMs); err != nil || len(got.Points) != 0 {
		t.Errorf("a stream that is not: %+v, %v", got, err)
	}
}

func TestARestartGoesOnInTheSameSlot(t *testing.T) {
	db := open(t)
	begun := time.UnixMilli(1_800_000_000_000).UTC().Truncate(time.Hour)
	for n := range 2 { // two engines, each for two minutes of the first five, of which a camera was online in one
		h := New(db, slog.New(slog.DiscardHandler))
		at := begun.Add(time.Duration(n) * 2 * time.Minute)
		c := Counters{Began: at}
		h.take(at, 0, []Sample{{cam, "main", c}})
		c = grow(c, time.Minute)
		h.take(at.Add(time.Minute), time.Minute, []Sample{{cam, "main", c}})
		h.take(at.Add(2*time.Minute), time.Minute, []Sample{{cam, "main", c}})
		h.write(nil)
	}
	got, err := New(db, slog.New(slog.DiscardHandler)).Query(cam, "main", begun.UnixMilli(), begun.UnixMilli()+hourMs)
	if err != nil || len(got.Points) != 1 || got.Points[0].OnlinePercent != 50 || got.Points[0].BitrateBps != 4_000_000 {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestANewIngestAndAClockSetBackAreNoNonsense(t *testing.T) {
	h := New(open(t), slog.New(slog.DiscardHandler))
	now := time.UnixMilli(1_800_000_000_000).UTC().Truncate(time.Hour)
	a := grow(Counters{Began: now}, time.Hour)
	h.take(now, 0, []Sample{{cam, "main", a}})
	h.take(now.Add(time.Minute), time.Minute, []Sample{{cam, "main", grow(Counters{Began: now.Add(time.Second)}, 30*time.Second)}})
	got, err := h.Query(cam, "main", now.UnixMilli(), now.UnixMilli()+hourMs)
	if err != nil || len(got.Points) != 1 || got.Points[0].OnlinePercent != 50 {
		t.Errorf("%+v, %v", got, err)
	}
	h.take(now.Add(-30*time.Minute), time.Minute, []Sample{{cam, "main", grow(Counters{Began: now.Add(time.Second)}, 60*time.Second)}})
	got, err = h.Query(cam, "main", now.UnixMilli()-hourMs, now.UnixMilli()+hourMs)
	if err != nil || len(got.Points) != 1 || got.Points[0].AtMs != now.UnixMilli()-31*minuteMs {
		t.Errorf("after the clock was set back: %+v, %v", got, err)
	}
}

func TestOldRowsGoAndSizesAreAsStated(t *testing.T) {
	db := open(t)
	h := New(db, slog.New(slog.DiscardHandler))
	now := time.UnixMilli(1_800_000_000_000).UTC().Truncate(time.Hour)
	c := Counters{Began: now}
	samples := func() []Sample {
		var list []Sample
		for n := range 200 {
			list = append(list, Sample{fmt.Sprintf("%08d", n), "main", c})
		}
		return list
	}
	h.take(now, 0, samples())
	before := db.Generation()
	for m := range 60 {
		c = grow(c, time.Minute)
		h.take(now.Add(time.Duration(m+1)*time.Minute), time.Minute, samples())
	}
	h.write(nil)
	if n := db.Generation() - before; n != 12 {
		t.Errorf("%d transactions in an hour", n)
	}
	count := func() (rows, size int) {
		if err := db.View(func(tx *mirror.Tx) error {
			for k, v := range tx.Range(bucket, nil, nil) {
				rows, size = rows+1, size+len(k)+len(v)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return rows, size
	}
	if rows, size := count(); rows != 200 || size/rows > 120 || size/rows < 90 {
		t.Errorf("%d rows of %d bytes", rows, size/max(rows, 1))
	}
	for m := range 10 { // a month later
		c = grow(c, time.Minute)
		h.take(now.AddDate(0, 0, keepDays).Add(2*time.Hour).Add(time.Duration(m)*time.Minute), time.Minute, samples()[:1])
	}
	h.write(nil)
	if rows, _ := count(); rows > 2 {
		t.Errorf("%d rows, want the new ones alone", rows)
	}
}

var rows = []row{
	{},
	{0: {span: 300_000, online: 299_000, bytes: 150_000_000, frames: 7500, gops: 149, gop: 298_000}},
	{3: {span: 100}, 11: {span: 300_000, online: 300_000, bytes: 1_000_000_000_000, frames: 1, gops: 3000, gop: 300_000, lost: 1 << 30, reconnects: 77}},
}

func TestRowsComeBack(t *testing.T) {
	for _, r := range rows {
		got, err := decode(r.encode())
		if err != nil || got != r {
			t.Errorf("%+v became %+v, %v", r, got, err)
		}
	}
	for _, bad := range [][]byte{nil, {2}, {1, 12 << 4, 0, 0, 0}, {1, 0, 1}, {1, hasSpan, 0, 0, 0, 0}, {1, 3 << 4, 0, 0, 0, 3 << 4, 0, 0, 0}, {1, 8, 0, 0, 0}, {1, 0, 255, 255, 255, 255, 255, 255, 1, 0, 0}} {
		if _, err := decode(bad); !errors.Is(err, errRow) {
			t.Errorf("%x: %v", bad, err)
		}
	}
}

func FuzzRow(f *testing.F) {
	for _, r := range rows {
		f.Add(r.encode())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := decode(b)
		if err != nil {
			if r != (row{}) {
				t.Fatalf("%x: %+v beside an error", b, r)
			}
			return
		}
		again, err := decode(r.encode())
		if err != nil || !bytes.Equal(again.encode(), r.encode()) {
			t.Fatalf("%x: %+v, then %+v, %v", b, r, again, err)
		}
	})
}
