package archive

import (
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

// BenchmarkAccount is what GET /recording/usage costs without its cache: 30 days of 100 cameras, two kinds, and 100
// protections. It costs the same however many segments a day has.
func BenchmarkAccount(b *testing.B) {
	r := newRig(b)
	start := time.Now().Add(-30 * day).UnixMilli()
	for i := range 100 {
		id := fmt.Sprintf("k3f9x%03d", i)
		var list []index.Segment
		for at := start; at < start+30*index.DayMs; at += index.DayMs / 8 {
			s := index.Segment{Key: index.Key{Camera: id, Stream: "main", Kind: index.Standard, StartMs: at}, EndMs: at + 300_000, SizeBytes: 1 << 20, Volume: "a"}
			list = append(list, s)
			s.Kind = index.Alarm
			list = append(list, s)
		}
		if err := r.idx.Put(list...); err != nil {
			b.Fatal(err)
		}
		if _, err := r.arch.Protect(api.ProtectionRequest{Camera: id, FromMs: start, ToMs: start + 10*index.DayMs, Reason: "r"}, "anna"); err != nil {
			b.Fatal(err)
		}
	}
	r.arch.cfg.Targets = func(string) (retention.Targets, bool) {
		return retention.Targets{StandardMinDays: 20, AlarmMinDays: 60}, true
	}
	for b.Loop() {
		if u, err := r.arch.account(time.Now().UnixMilli()); err != nil || len(u.cameras) != 100 {
			b.Fatal(err)
		}
	}
}

// BenchmarkDeletingWhileRecording100 records 100 cameras of 4 Mbit/s while a thousand old segments go by age, or
// because a person has them deleted, and beside it without, to compare how long a frame takes to be on disk.
func BenchmarkDeletingWhileRecording100(b *testing.B) {
	const cameras, seconds, old = 100, 10, 1000
	for _, deleting := range []string{"nothing", "by age", "by hand"} {
		b.Run("deleting="+deleting, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				r := &rig{t: b, dir: b.TempDir(), start: time.Now(), cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
				var on sync.Mutex // guards going
				going := false
				r.cfg.Clock = func() string { return "synchronised" }
				r.cfg.KeepEvery = 200 * time.Millisecond
				r.cfg.Targets = func(string) (retention.Targets, bool) {
					on.Lock()
					defer on.Unlock()
					if going {
						return retention.Targets{StandardDays: 1}, true
					}
					return retention.Targets{}, true
				}
				r.open()
				r.use(loopOf(b, r, "a", "mkfs.xfs", 2<<30))
				for i := range old {
					src := newSource(fmt.Sprintf("k3f9x%03d", i%cameras), time.Now().Add(-3*day+time.Duration(i)*time.Minute))
					src.size = 30_000
					r.record(src, 10).Close()
				}
				await(b, "old segments are indexed", func() bool { return r.idx.Totals("a").Segments == old })
				on.Lock()
				going = deleting == "by age"
				on.Unlock()
				var before, after syscall.Rusage
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
					b.Fatal(err)
				}
				if deleting == "by hand" {
					deleteByHand(b, r, cameras, old)
				}
				b.StartTimer()
				worst := make(chan time.Duration, cameras)
				for i := range cameras {
					go func() { worst <- pace(b, r, fmt.Sprintf("k3f9x%03d", i), seconds) }()
				}
				var most, sum time.Duration
				for range cameras {
					d := <-worst
					most, sum = max(most, d), sum+d
				}
				if err := syscall.Getrusage(syscall.RUSAGE_SELF, &after); err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(most.Milliseconds()), "worst-ms-to-disk")
				b.ReportMetric(float64((sum / cameras).Milliseconds()), "mean-worst-ms-to-disk")
				b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/1e6, "cpu-ms")
				left := 0
				for i := range cameras {
					list, err := r.idx.Segments(fmt.Sprintf("k3f9x%03d", i), 0, time.Now().Add(-day).UnixMilli())
					if err != nil {
						b.Fatal(err)
					}
					left += len(list)
				}
				b.ReportMetric(float64(old-left), "deleted")
				b.StopTimer()
				r.stop()
				b.StartTimer()
			}
		})
	}
}

// deleteByHand has all that is there deleted.
func deleteByHand(b *testing.B, r *rig, cameras int, segments int64) {
	b.Helper()
	q := api.DeletionRequest{Kinds: []api.DeletionRequestKinds{"standard"}, ToMs: time.Now().UnixMilli()}
	for i := range cameras {
		q.Cameras = append(q.Cameras, fmt.Sprintf("k3f9x%03d", i))
	}
	p, err := r.arch.PlanDeletion(q, "ann")
	if err != nil || p.Segments != segments {
		b.Fatalf("%+v, %v", p, err)
	}
	if _, err := r.arch.Delete(p.Plan, p.Segments, "ann"); err != nil {
		b.Fatal(err)
	}
}
