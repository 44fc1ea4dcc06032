package index

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
	"time"

	"vigie/internal/mirror"
)

// The index of a large site: 100 cameras, 30 days, 5 minutes a segment.
const (
	benchCameras = 100
	benchDays    = 30
	benchStep    = 300_000
)

var benchVolumes = []string{"0f5e0c6e-0000-4000-8000-000000000001", "0f5e0c6e-0000-4000-8000-000000000002", "0f5e0c6e-0000-4000-8000-000000000003"}

// fill writes main (and sub) of all cameras as recording does: camera after camera closes a segment; the share of the
// rows of one transaction is larger here.
func fill(b *testing.B, x *Index, streams ...string) (rows int) {
	b.Helper()
	for at := int64(0); at < benchDays*DayMs; at += benchStep {
		var batch []Segment
		for c := range benchCameras {
			for _, stream := range streams {
				jitter := int64(c*2971+len(stream)*131) % benchStep
				batch = append(batch, Segment{Key: Key{Camera: fmt.Sprintf("camera%02d", c), Stream: stream, Kind: Standard, StartMs: 1_790_000_000_000 + at + jitter},
					EndMs: 1_790_000_000_000 + at + jitter + benchStep, SizeBytes: 150_000_000 + at%7_777_777, Volume: benchVolumes[(c+int(at/benchStep/288))%3]})
			}
		}
		if err := x.Put(batch...); err != nil {
			b.Fatal(err)
		}
		rows += len(batch)
	}
	return rows
}

// BenchmarkIndex measures size, start and queries at both sizes. RAM is a tmpfs, the mirror a folder of the temporary
// folder's disk.
func BenchmarkIndex(b *testing.B) {
	for _, streams := range [][]string{{"main"}, {"main", "sub"}} {
		b.Run(fmt.Sprintf("rows=%d", benchCameras*benchDays*DayMs/benchStep*len(streams)), func(b *testing.B) { benchIndex(b, streams) })
	}
}

func benchIndex(b *testing.B, streams []string) {
	ram, err := os.MkdirTemp("/dev/shm", "vigie-bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(ram) })
	dir := b.TempDir()
	cfg := mirror.Config{Path: filepath.Join(ram, "db"), Name: "engine", Log: slog.New(slog.DiscardHandler)}
	db, _, err := mirror.Open(cfg, []mirror.Dir{{ID: "v", Path: dir}})
	if err != nil {
		b.Fatal(err)
	}
	x, err := Open(db)
	if err != nil {
		b.Fatal(err)
	}
	began := time.Now()
	rows := fill(b, x, streams...)
	b.Logf("%d rows written in %v", rows, time.Since(began).Round(time.Millisecond))
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	st, err := os.Stat(cfg.Path)
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("file in RAM: %.1f MB, %.1f bytes a row", float64(st.Size())/1e6, float64(st.Size())/float64(rows))

	reopen := func(source string) {
		began := time.Now()
		var rec mirror.Recovery
		if db, rec, err = mirror.Open(cfg, []mirror.Dir{{ID: "v", Path: dir}}); err != nil {
			b.Fatal(err)
		}
		opened := time.Since(began)
		began = time.Now()
		if x, err = Open(db); err != nil {
			b.Fatal(err)
		}
		b.Logf("start from %s (%s, %d replayed): database %v, index %v", source, rec.Source, rec.Replayed, opened.Round(time.Microsecond), time.Since(began).Round(time.Microsecond))
	}
	reopen("RAM")
	began = time.Now()
	if n, err := x.Verify(b.Context()); err != nil || n != 0 {
		b.Fatal(n, err)
	}
	b.Logf("all rows verified in %v", time.Since(began).Round(time.Millisecond))
	db.Close()
	os.Remove(cfg.Path)
	reopen("the mirror")
	b.Cleanup(func() { db.Close() })

	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.Logf("Go heap with the index open: %.1f MB", float64(m.HeapAlloc)/1e6)

	const first = int64(1_790_000_000_000)
	r := rand.New(rand.NewPCG(1, 2))
	camera := func() string { return fmt.Sprintf("camera%02d", r.IntN(benchCameras)) }
	instant := func() int64 { return first + r.Int64N((benchDays-1)*DayMs) }
	days := make([]int64, 0, benchDays+1)
	for d := range int64(benchDays + 1) {
		days = append(days, first+d*DayMs)
	}
	for _, q := range []struct {
		name string
		ask  func() (int, error)
	}{
		{"range of an hour", func() (int, error) {
			from := instant()
			l, err := x.Segments(camera(), from, from+3_600_000)
			return len(l), err
		}},
		{"segments of a day", func() (int, error) {
			from := instant()
			l, err := x.Segments(camera(), from, from+DayMs)
			return len(l), err
		}},
		{"overview of a day", func() (int, error) {
			from := instant()
			l, err := x.Spans(camera(), from, from+DayMs, DayMs/2000)
			return len(l), err
		}},
		{"overview of a month", func() (int, error) {
			l, err := x.Spans(camera(), first, first+benchDays*DayMs, benchDays*DayMs/2000)
			return len(l), err
		}},
		{"days with footage of a month", func() (int, error) {
			l, err := x.Kinds(camera(), days)
			return len(l), err
		}},
		{"segment at an instant", func() (int, error) {
			l, err := x.Next(camera(), "main", instant(), 2)
			return len(l), err
		}},
		{"first and last", func() (int, error) {
			_, _, found, err := x.Bounds(camera())
			if !found {
				return 0, err
			}
			return 1, err
		}},
		{"oldest 8 of each line of a volume", func() (int, error) {
			l, err := x.Heads(benchVolumes[0], 8, func(Segment) (bool, int64) { return false, 0 })
			return len(l), err
		}},
	} {
		b.Run(q.name, func(b *testing.B) {
			took := make([]time.Duration, 0, b.N)
			for b.Loop() {
				began := time.Now()
				if n, err := q.ask(); err != nil || n == 0 {
					b.Fatal(n, err)
				}
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			at := func(p float64) float64 {
				return float64(took[int(float64(len(took)-1)*p)].Nanoseconds()) / 1e6
			}
			b.ReportMetric(at(0.5), "p50-ms")
			b.ReportMetric(at(0.99), "p99-ms")
			b.ReportMetric(at(1), "max-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}
