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
	"vigie/tools/blocktrace"
)

// BenchmarkRebuild loses the index of 30 days of 50 cameras, 432,000 segments of five minutes, and rebuilds it from the
// names and from the headers of files on an XFS of its own, mounted anew before each, so that nothing is in memory. The files are real,
// of three small frames each. VIGIE_BENCH_SEGMENTS says how many there are, VIGIE_BENCH_DIR where the file system's image
// is. Cluster walks are timed on a hundredth of them, each with the 300 clusters of five minutes. What the disk is asked
// for is told for each file.
func BenchmarkRebuild(b *testing.B) {
	total := 432_000
	if n, err := strconv.Atoi(os.Getenv("VIGIE_BENCH_SEGMENTS")); err == nil {
		total = n
	}
	r := &rig{t: b, dir: b.TempDir()}
	if root := os.Getenv("VIGIE_BENCH_DIR"); root != "" {
		var err error
		if r.dir, err = os.MkdirTemp(root, "vigie-bench"); err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { os.RemoveAll(r.dir) })
	}
	dir := loopOf(b, r, "a", "mkfs.xfs -n size=16384", 40<<30).Path // as the appliance's volumes are made
	var trace *blocktrace.Trace
	cold := func() {
		b.Helper()
		if trace != nil {
			if err := trace.Stop(); err != nil {
				b.Fatal(err)
			}
		}
		run(b, "umount", dir)
		run(b, "mount", "-o", "loop", filepath.Join(r.dir, "a.img"), dir)
		var err error
		if trace, err = blocktrace.Start(dir); err != nil {
			b.Fatal(err)
		}
	}
	// asked reports what the disk was asked for since cold.
	asked := func(what string, files int) {
		b.Helper()
		s := blocktrace.Sum(trace.Take())
		b.Logf("%s of %d files: %v", what, files, s)
		b.ReportMetric(float64(s.Places)/float64(files), "places/"+what)
		b.ReportMetric(s.Spinning().Seconds()*float64(total)/float64(files), "spinning-s/"+what)
	}
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
		cold()
		began := time.Now()
		v := newVolume(arch, Volume{ID: "a", Name: "a", Path: dir})
		defer v.stop()
		v.reconcile()
		names := time.Since(began)
		if n := idx.Totals("a").Segments; n != int64(total) {
			b.Fatalf("%d segments in the index", n)
		}
		if phase == byNames {
			asked(byNames, total)
			return names
		}
		cold()
		began = time.Now()
		for len(v.toCheck) > 0 {
			v.check(time.Hour)
		}
		if v.rebuild.checked != int64(total) || v.rebuild.strange != 0 {
			b.Fatalf("%+v", v.rebuild)
		}
		took := time.Since(began)
		asked(byHeaders, total)
		return took
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
	cold()
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
	b.ReportMetric(time.Since(began).Seconds()*float64(total)/float64(walked), "walks-s")
	asked("walks", walked)
	if err := trace.Stop(); err != nil {
		b.Fatal(err)
	}
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
