package archive

import (
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
	"vigie/tools/blocktrace"
)

// BenchmarkRepair100 starts on one disk, an XFS of its own, on which a power cut left a hundred open files of 20 MB that grew
// side by side, in folders with the files of two days. Nothing is in memory. It reports how long it takes until all
// show, and until all are closed, what the disk is asked for, and what that takes a spinning one.
func BenchmarkRepair100(b *testing.B) {
	const files, megabytes = 100, 20
	yesterday := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	content := openFile(b, time.UnixMilli(yesterday+(288+143)*300_000), megabytes<<20)
	for b.Loop() {
		r := &rig{t: b, dir: b.TempDir(), start: time.Now(), cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
		vol := loopOf(b, r, "a", "mkfs.xfs -n size=16384", 8<<30) // as the appliance's volumes are made
		var open []*os.File
		for i := range 288 + 144 { // every five minutes until noon of the second day
			for c := range files {
				k := index.Key{Camera: fmt.Sprintf("k3f9x%03d", c), Stream: "main", Kind: index.Standard, StartMs: yesterday + int64(i)*300_000 + int64(c)}
				path := filepath.Join(vol.Path, closedPath(k, 300_000))
				if i == 288+143 {
					path = filepath.Join(vol.Path, openPath(k))
				}
				if i%288 == 0 {
					if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
						b.Fatal(err)
					}
				}
				f, err := os.Create(path)
				if err != nil {
					b.Fatal(err)
				}
				if i == 288+143 {
					open = append(open, f)
				} else if err := f.Close(); err != nil {
					b.Fatal(err)
				}
			}
		}
		const round = 150_000
		for at := 0; at < len(content); at += round {
			for _, f := range open {
				if _, err := f.Write(content[at:min(at+round, len(content))]); err != nil {
					b.Fatal(err)
				}
			}
			if at/round%4 == 0 {
				run(b, "sync", "-f", vol.Path)
			}
		}
		for _, f := range open {
			if err := f.Close(); err != nil {
				b.Fatal(err)
			}
		}
		run(b, "umount", vol.Path)
		run(b, "mount", "-o", "loop", filepath.Join(r.dir, "a.img"), vol.Path)
		r.open()
		trace, err := blocktrace.Start(vol.Path)
		if err != nil {
			b.Fatal(err)
		}
		v := newVolume(r.arch, vol)
		if v.own, err = v.ownFilesystem(); err != nil || !v.own {
			b.Fatal(v.own, err)
		}
		began := time.Now()
		var shown time.Duration
		var list []blocktrace.Request
		v.repairOpen(func() {
			shown = time.Since(began)
			list = trace.Take()
		})
		took := time.Since(began)
		asked := blocktrace.Sum(list)
		closing := blocktrace.Sum(trace.Take())
		if err := trace.Stop(); err != nil {
			b.Fatal(err)
		}
		b.Logf("shown after %v: %v", shown.Round(time.Millisecond), asked)
		b.Logf("closed after %v: %v", took.Round(time.Millisecond), closing)
		b.ReportMetric(shown.Seconds(), "shown-s")
		b.ReportMetric(float64(asked.Places), "places-until-shown")
		b.ReportMetric(asked.Spinning().Seconds(), "spinning-s-until-shown")
		b.ReportMetric(took.Seconds(), "closed-s")
		b.ReportMetric(float64(closing.Places), "places-until-closed")
		b.ReportMetric(float64(closing.Flushes), "flushes")
		b.ReportMetric((asked.Spinning() + closing.Spinning()).Seconds(), "spinning-s-until-closed")
		b.ReportMetric(0, "ns/op")
		for i := range files {
			list, err := r.idx.Segments(fmt.Sprintf("k3f9x%03d", i), 0, math.MaxInt64)
			if err != nil || len(list) != 1 || list[0].EndMs-list[0].StartMs < 10_000 {
				b.Fatalf("file %d: %+v, %v", i, list, err)
			}
			if _, err := os.Stat(filepath.Join(vol.Path, relPath(list[0]))); err != nil {
				b.Fatal(err)
			}
		}
		r.stop()
		if out, err := exec.Command("umount", vol.Path).CombinedOutput(); err != nil {
			b.Fatalf("%v: %s", err, out)
		}
		run(b, "mount", "-o", "loop", filepath.Join(r.dir, "a.img"), vol.Path) // for the cleanup
	}
}

// openFile is what is on disk of a segment of 4 Mbit/s that grows: its last cluster is torn.
func openFile(b *testing.B, start time.Time, size int) []byte {
	src := newSource(camera, start)
	src.size = 50_000
	w, err := mkv.NewWriter(src.run, mkv.Meta{StartNs: src.run.StartNs})
	if err != nil {
		b.Fatal(err)
	}
	var out []byte
	for len(out) < size {
		for range 3 { // a round of writing
			if err := w.Add(src.next()); err != nil {
				b.Fatal(err)
			}
		}
		w.EndCluster()
		for _, p := range w.Take().Pieces {
			out = append(out, p...)
		}
	}
	return out[:len(out)-1000]
}
