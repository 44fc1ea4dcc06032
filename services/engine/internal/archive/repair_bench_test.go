package archive

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// BenchmarkRepair100 starts on two volumes on which a power cut left a hundred open files of 20 MB, none of them in
// memory, and reports how long it takes until all are closed and in the index, and what is read and written for it.
func BenchmarkRepair100(b *testing.B) {
	const files, megabytes = 100, 20
	content := openFile(b, megabytes<<20)
	for b.Loop() {
		b.StopTimer()
		r := &rig{t: b, dir: b.TempDir(), start: time.Now(), cfg: Config{App: "Vigie test", Log: slog.New(slog.DiscardHandler)}}
		volumes := []Volume{r.volume("a"), r.volume("b")}
		for i := range files {
			k := index.Key{Camera: fmt.Sprintf("k3f9x%03d", i), Stream: "main", Kind: index.Standard, StartMs: 1_767_225_600_000}
			path := filepath.Join(volumes[i%2].Path, openPath(k))
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				b.Fatal(err)
			}
			if err := os.WriteFile(path, content, 0o640); err != nil {
				b.Fatal(err)
			}
			evict(b, path)
		}
		r.open()
		read, written := transferred(b)
		b.StartTimer()
		began := time.Now()
		r.arch.SetVolumes(volumes)
		if err := r.arch.Recovered(context.Background()); err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		b.StopTimer()
		r2, w2 := transferred(b)
		b.ReportMetric(float64(took.Milliseconds()), "ms")
		b.ReportMetric(float64(r2-read)/1e6, "MB-read")
		b.ReportMetric(float64(w2-written)/1e6, "MB-written")
		for i := range files {
			first, last, found, err := r.arch.Bounds(fmt.Sprintf("k3f9x%03d", i))
			if err != nil || !found || last-first < 10_000 {
				b.Fatalf("file %d: %d to %d, %v, %v", i, first, last, found, err)
			}
		}
		r.stop()
		b.StartTimer()
	}
}

// openFile is what is on disk of a segment of 4 Mbit/s that grows: its last cluster is torn.
func openFile(b *testing.B, size int) []byte {
	src := newSource(camera, time.UnixMilli(1_767_225_600_000))
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

// evict writes a file to the disk and takes it out of memory.
func evict(b *testing.B, path string) {
	f, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	if err := unix.Fdatasync(int(f.Fd())); err != nil {
		b.Fatal(err)
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
		b.Fatal(err)
	}
}

// transferred is how much this process has had read from and written to disks.
func transferred(b *testing.B) (read, written int64) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "read_bytes: %d", &read)
		_, _ = fmt.Sscanf(line, "write_bytes: %d", &written)
	}
	return read, written
}
