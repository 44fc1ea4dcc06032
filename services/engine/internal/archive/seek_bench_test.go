package archive

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// BenchmarkNearestKeyframe finds the keyframe at or before a random instant, as playing does: index, file, cues, cluster.
// The files have five minutes of 300 clusters each; cold means that nothing of them is in the page cache.
func BenchmarkNearestKeyframe(b *testing.B) {
	r := newRig(b)
	a := r.volume("a")
	const files, step = 200, 300_000
	first := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	var rows []index.Segment
	for i := range int64(files) {
		k := index.Key{Camera: camera, Stream: "main", Kind: index.Standard, StartMs: first + i*step}
		benchFile(b, a.Path, k, 150)
		st, err := os.Stat(filepath.Join(a.Path, closedPath(k, step)))
		if err != nil {
			b.Fatal(err)
		}
		rows = append(rows, index.Segment{Key: k, EndMs: k.StartMs + step, SizeBytes: st.Size(), Volume: "a"})
	}
	if err := r.idx.Put(rows...); err != nil {
		b.Fatal(err)
	}
	unix.Sync()
	r.use(a)
	random := rand.New(rand.NewPCG(1, 2))
	for _, cold := range []bool{false, true} {
		b.Run(map[bool]string{false: "warm", true: "cold"}[cold], func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				at := first + random.Int64N(files*step)
				if cold {
					forget(b, filepath.Join(a.Path, relPath(rows[(at-first)/step])))
				}
				began := time.Now()
				list, err := r.arch.Next(camera, "main", at, 2)
				if err != nil || len(list) == 0 {
					b.Fatal(list, err)
				}
				f, err := r.arch.Open(list[0].ID())
				if err != nil {
					b.Fatal(err)
				}
				m, err := mkv.Open(f.File, f.Size)
				if err != nil {
					b.Fatal(err)
				}
				it, err := m.Frames(at * 1e6)
				if err != nil {
					b.Fatal(err)
				}
				frame, err := it.Next()
				if err != nil || !frame.Keyframe || frame.TimeNs() > at*1e6 {
					b.Fatalf("%+v, %v at %d", frame, err, at)
				}
				f.File.Close()
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1e3, "p50-ms")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1e3, "p99-ms")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// forget takes a file out of the page cache.
func forget(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}
