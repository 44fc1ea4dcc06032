package archive

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// BenchmarkRebuild loses the index of 30 days of 50 cameras, 432,000 segments of five minutes, and rebuilds it. The
// files are real, of three small frames each, so that they fit into RAM: VIGIE_BENCH_DIR says where they are made
// (a tmpfs by default), VIGIE_BENCH_SEGMENTS how many. Cluster walks are timed on a hundredth of them, each with the 300
// clusters of five minutes.
func BenchmarkRebuild(b *testing.B) {
	total := 432_000
	if n, err := strconv.Atoi(os.Getenv("VIGIE_BENCH_SEGMENTS")); err == nil {
		total = n
	}
	root := os.Getenv("VIGIE_BENCH_DIR")
	if root == "" {
		root = "/dev/shm"
	}
	dir, err := os.MkdirTemp(root, "vigie-bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	const cameras, step = 50, 300_000
	began := time.Now()
	first := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	for c := range cameras {
		name := fmt.Sprintf("camera%02d", c)
		for i := range total / cameras {
			k := index.Key{Camera: name, Stream: "main", Kind: index.Standard, StartMs: first.UnixMilli() + int64(i)*step}
			benchFile(b, dir, k, 1)
		}
	}
	b.Logf("%d files made in %v", total, time.Since(began).Round(time.Second))

	rebuild := func(phase string, pace time.Duration) time.Duration {
		db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(b.TempDir(), "db"), Name: "engine"}, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		idx, err := index.Open(db)
		if err != nil {
			b.Fatal(err)
		}
		arch, err := New(Config{Index: idx, DB: db, App: "bench", Log: slog.New(slog.DiscardHandler), KeepEvery: pace})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		v := newVolume(arch, Volume{ID: "a", Name: "a", Path: dir})
		defer v.stop()
		v.reconcile()
		names := time.Since(began)
		if n := idx.Totals("a").Segments; n != int64(total) {
			b.Fatalf("%d segments in the index", n)
		}
		if phase == byNames {
			return names
		}
		began = time.Now()
		for len(v.toCheck) > 0 {
			v.check(time.Hour)
		}
		if v.rebuild.checked != int64(total) || v.rebuild.strange != 0 {
			b.Fatalf("%+v", v.rebuild)
		}
		return time.Since(began)
	}
	for b.Loop() {
		b.ReportMetric(rebuild(byNames, time.Hour).Seconds(), "names-s")
		b.ReportMetric(rebuild(byHeaders, time.Hour).Seconds(), "headers-s")
	}

	walked := total / 100
	for i := range walked {
		k := index.Key{Camera: "camerazz", Stream: "main", Kind: index.Standard, StartMs: first.UnixMilli() + int64(i)*step}
		benchFile(b, dir, k, 150) // frames far apart: each makes two
	}
	began = time.Now()
	for i := range walked {
		k := index.Key{Camera: "camerazz", Stream: "main", Kind: index.Standard, StartMs: first.UnixMilli() + int64(i)*step}
		f, err := os.Open(filepath.Join(dir, closedPath(k, 300_000)))
		if err != nil {
			b.Fatal(err)
		}
		st, err := f.Stat()
		if err != nil {
			b.Fatal(err)
		}
		m, err := mkv.Open(f, st.Size())
		if err != nil {
			b.Fatal(err)
		}
		if x, err := m.Scan(); err != nil || x.Clusters != 300 {
			b.Fatalf("%d clusters, %v", x.Clusters, err)
		}
		f.Close()
	}
	b.ReportMetric(float64(time.Since(began).Microseconds())/float64(walked), "µs/walk")
	b.ReportMetric(0, "ns/op")
}

// benchFile makes a closed recording of five minutes with that many clusters, of three frames each.
func benchFile(b *testing.B, dir string, k index.Key, clusters int) {
	b.Helper()
	src := newSource(k.Camera, time.UnixMilli(k.StartMs))
	src.size = 200
	w, err := mkv.NewWriter(src.run, mkv.Meta{App: "bench", Kind: string(k.Kind), StartNs: k.StartMs * 1e6})
	if err != nil {
		b.Fatal(err)
	}
	path := filepath.Join(dir, closedPath(k, 300_000))
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		b.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	flush := func() {
		w.EndCluster()
		batch := w.Take()
		at := batch.Offset
		for _, piece := range batch.Pieces {
			if _, err := f.WriteAt(piece, at); err != nil {
				b.Fatal(err)
			}
			at += int64(len(piece))
		}
		w.Recycle(batch)
	}
	length := int64(300 / clusters)
	for i := range int64(clusters) {
		for j, at := range []int64{i * length * 10, (i+1)*length*10 - 2, (i+1)*length*10 - 1} { // the last two tell how long the last lasts
			src.n = at
			frame := src.next()
			frame.Keyframe = j == 0
			if err := w.Add(frame); err != nil {
				b.Fatal(err)
			}
		}
		flush()
	}
	for _, p := range w.Close() {
		if _, err := f.WriteAt(p.Data, p.Offset); err != nil {
			b.Fatal(err)
		}
	}
}
