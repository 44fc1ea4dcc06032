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

	"golang.org/x/sys/unix"

	"vigie/internal/mirror"
)

// The index of a large site: 100 cameras, 30 days, 5 minutes a segment.
const (
	benchCameras = 100
	benchDays    = 30
	benchStep    = 300_000
)

var benchVolumes = []string{"0f5e0c6e-0000-4000-8000-000000000001", "0f5e0c6e-0000-4000-8000-000000000002", "0f5e0c6e-0000-4000-8000-000000000003"}

// fill writes main (and sub) of all cameras as recording does, in order of time, two hours a transaction.
func fill(b *testing.B, x *Index, streams ...string) (rows int) {
	b.Helper()
	var batch []Segment
	for at := int64(0); at < benchDays*DayMs; at += benchStep {
		for c := range benchCameras {
			for _, stream := range streams {
				jitter := int64(c*2971+len(stream)*131) % benchStep
				batch = append(batch, Segment{Key: Key{Camera: fmt.Sprintf("camera%02d", c), Stream: stream, Kind: Standard, StartMs: 1_790_000_000_000 + at + jitter},
					EndMs: 1_790_000_000_000 + at + jitter + benchStep, SizeBytes: 150_000_000 + at%7_777_777, Volume: benchVolumes[(c+int(at/benchStep/288))%3]})
			}
		}
		if (at/benchStep)%24 == 23 {
			if err := x.Put(batch...); err != nil {
				b.Fatal(err)
			}
			rows += len(batch)
			batch = batch[:0]
		}
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

	benchMirrors(b, db, x)

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
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			took, busy := make([]time.Duration, 0, b.N), make([]time.Duration, 0, b.N)
			for b.Loop() {
				began, used := time.Now(), threadTime(b)
				if n, err := q.ask(); err != nil || n == 0 {
					b.Fatal(n, err)
				}
				took, busy = append(took, time.Since(began)), append(busy, threadTime(b)-used)
			}
			at := func(list []time.Duration, p float64) float64 {
				slices.Sort(list)
				return float64(list[int(float64(len(list)-1)*p)].Nanoseconds()) / 1e6
			}
			b.ReportMetric(at(took, 0.5), "p50-ms")
			b.ReportMetric(at(took, 0.99), "p99-ms")
			b.ReportMetric(at(busy, 0.99), "p99-cpu-ms") // on a machine that does other things too, this is the index's own
			b.ReportMetric(0, "ns/op")
		})
	}
}

// threadTime is the CPU time that this thread has used.
func threadTime(b *testing.B) time.Duration {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		b.Fatal(err)
	}
	return time.Duration(ts.Nano())
}

// benchMirrors brings up two more copies of a database of this size, and measures how long a change takes to reach all.
func benchMirrors(b *testing.B, db *mirror.DB, x *Index) {
	b.Helper()
	settled := func() bool {
		return !slices.ContainsFunc(db.Copies(), func(c mirror.Copy) bool { return c.Status != mirror.StatusOK || c.Generation < db.Generation() })
	}
	wait := func() time.Duration {
		began := time.Now()
		for !settled() {
			time.Sleep(time.Millisecond)
		}
		return time.Since(began)
	}
	for _, id := range []string{"w", "x"} {
		db.AddDir(mirror.Dir{ID: id, Path: b.TempDir()})
		b.Logf("snapshot on another volume: %v", wait().Round(time.Millisecond))
	}
	var took []time.Duration
	for i := range int64(200) {
		k := Key{Camera: "camera00", Stream: "main", Kind: Alarm, StartMs: 1_790_000_000_000 + i*benchStep}
		began := time.Now()
		if err := x.Put(Segment{Key: k, EndMs: k.StartMs + benchStep, SizeBytes: 1 << 20, Volume: benchVolumes[0]}); err != nil {
			b.Fatal(err)
		}
		wait()
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.Logf("a closed segment is in all three copies after p50 %v, p99 %v", took[len(took)/2].Round(time.Microsecond), took[len(took)*99/100].Round(time.Microsecond))
}
