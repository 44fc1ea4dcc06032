package archive

import (
	"context"
	"fmt"
	"log/slog"
	"syscall"
	"testing"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/tools/blocktrace"
)

// BenchmarkRecording100 records 100 cameras of 4 Mbit/s, each at its own pace, and reports how long a frame takes to be on
// disk and what that costs: on file systems of their own, as in the appliance, with the places to which the arm of each
// disk must go, and in folders of one.
func BenchmarkRecording100(b *testing.B) {
	for _, disks := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("xfs/disks=%d", disks), func(b *testing.B) {
			recording100(b, disks, true, func(r *rig, id string) Volume { return loopOf(b, r, id, "mkfs.xfs -n size=16384", 2<<30) })
		})
	}
	b.Run("folders", func(b *testing.B) {
		recording100(b, 2, false, func(r *rig, id string) Volume { return r.volume(id) })
	})
}

func recording100(b *testing.B, disks int, traced bool, volume func(r *rig, id string) Volume) {
	const cameras, seconds = 100, 10
	for b.Loop() {
		r := &rig{t: b, dir: b.TempDir(), start: time.Now(), cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
		r.open()
		var volumes []Volume
		for i := range disks {
			volumes = append(volumes, volume(r, string('a'+rune(i))))
		}
		r.use(volumes...)
		var traces []*blocktrace.Trace
		if traced {
			for _, v := range volumes {
				t, err := blocktrace.Start(v.Path)
				if err != nil {
					b.Fatal(err)
				}
				traces = append(traces, t)
			}
		}
		var before, after syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &before); err != nil {
			b.Fatal(err)
		}
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
		var places, flushes, written float64
		for _, t := range traces {
			asked := blocktrace.Sum(t.Take())
			places, flushes, written = places+float64(asked.Places), flushes+float64(asked.Flushes), written+float64(asked.WriteBytes)
			if err := t.Stop(); err != nil {
				b.Fatal(err)
			}
		}
		if traced {
			b.ReportMetric(places/seconds/float64(disks), "places/s/disk")
			b.ReportMetric(flushes/seconds/float64(disks), "flushes/s/disk")
			b.ReportMetric(written/1e6/seconds/float64(disks), "MB/s/disk")
		}
		began := time.Now()
		r.stop()
		b.ReportMetric(float64(most.Milliseconds()), "worst-ms-to-disk")
		b.ReportMetric(float64((sum / cameras).Milliseconds()), "mean-worst-ms-to-disk")
		b.ReportMetric(float64(after.Utime.Nano()+after.Stime.Nano()-before.Utime.Nano()-before.Stime.Nano())/1e6, "cpu-ms")
		b.ReportMetric(float64(time.Since(began).Milliseconds()), "stop-ms")
	}
}

// pace writes 25 frames a second and returns the longest that a frame took from Write to disk.
func pace(b *testing.B, r *rig, camera string, seconds int) (worst time.Duration) {
	src := newSource(camera, time.Now())
	src.size = 20_000
	var seg *Segment
	var came []time.Time
	durable := 0
	t := time.NewTicker(40 * time.Millisecond)
	defer t.Stop()
	for n := 0; n < 25*seconds; n++ {
		<-t.C
		f := src.next()
		f.PTSTicks, f.DTSTicks = int64(n)*3600, int64(n)*3600
		if seg == nil {
			var err error
			if seg, err = r.arch.Create(src.run, index.Standard, f.TimeNs()); err != nil {
				b.Error(err)
				return 0
			}
		}
		came = append(came, time.Now())
		if err := seg.Write(context.Background(), f); err != nil {
			b.Error(err)
			return 0
		}
		for d := seg.Durable(); durable < d; durable++ {
			worst = max(worst, time.Since(came[durable]))
		}
		if durable < len(came) {
			worst = max(worst, time.Since(came[durable]))
		}
	}
	seg.Close()
	return worst
}
