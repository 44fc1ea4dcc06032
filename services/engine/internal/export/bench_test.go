package export

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// BenchmarkExportAgainstCp writes an export of one camera into a file, and lets cp copy the segments that it is made of
// to the same disk, in turns. Both end with the bytes on the disk. 1 is as fast as cp; 0.8 is what is asked for.
func BenchmarkExportAgainstCp(b *testing.B) {
	a := newFolder(b)
	v := cameratest.EncodeVideo(b, cameratest.VideoOptions{Size: "1920x1080", Frames: 100})
	audio := cameratest.EncodeAudio(b, media.AAC)
	var bytes int64
	for start := epoch; bytes < 1<<30; {
		frames := cameratest.Frames(start, v, audio, 60*v.Rate)
		for _, f := range frames { // as of a camera of 8 Mbit/s
			if f.Track == 0 && len(f.Payload) < 40_000 {
				f.Payload = append(f.Payload, make([]byte, 40_000-len(f.Payload))...)
			}
		}
		id := a.add(b, frames, false)
		bytes += a.sizes[id]
		start = start.Add(time.Minute)
	}
	plan := planOf(b, a, 0, 24*time.Hour, nil)
	target := b.TempDir()
	b.SetBytes(bytes)
	var exporting, copying time.Duration
	synced := func(path string) {
		f, err := os.Open(path)
		if err == nil {
			err = f.Sync()
			f.Close()
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		begin := time.Now()
		for _, c := range plan.files {
			path := filepath.Join(target, c.file.name)
			f, err := os.Create(path)
			if err != nil {
				b.Fatal(err)
			}
			fresh := newContent(c.file, plan.about, plan.key)
			fresh.alone = true
			out := &syncing{f: f, every: syncEvery, wrote: func(int) {}, synced: func(int64) error { return nil }}
			if _, err := fresh.write(b.Context(), a, out, 0); err != nil {
				b.Fatal(err)
			}
			if err := out.settle(); err != nil {
				b.Fatal(err)
			}
			f.Close()
			synced(path)
		}
		exporting += time.Since(begin)
		empty(b, target)
		begin = time.Now()
		if out, err := exec.Command("cp", "-r", "--reflink=never", a.dir, target).CombinedOutput(); err != nil {
			b.Fatalf("cp: %v: %s", err, out)
		}
		for _, s := range a.list {
			synced(filepath.Join(target, filepath.Base(a.dir), s.ID))
		}
		copying += time.Since(begin)
		empty(b, target)
	}
	n := float64(b.N) * float64(bytes) / 1e6
	b.ReportMetric(n/exporting.Seconds(), "export-MB/s")
	b.ReportMetric(n/copying.Seconds(), "cp-MB/s")
	b.ReportMetric(copying.Seconds()/exporting.Seconds(), "of-cp")
}

func empty(b *testing.B, dir string) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil {
			err = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
	if err != nil {
		b.Fatal(err)
	}
}

// BenchmarkMaking is what making an export costs where no disk is in the way.
func BenchmarkMaking(b *testing.B) {
	a := newFolder(b)
	v := cameratest.EncodeVideo(b, cameratest.VideoOptions{Size: "1280x720", Frames: 100})
	frames := cameratest.Frames(epoch, v, nil, 60*v.Rate)
	for _, f := range frames {
		if len(f.Payload) < 40_000 {
			f.Payload = append(f.Payload, make([]byte, 40_000-len(f.Payload))...)
		}
	}
	a.add(b, frames, false)
	plan := planOf(b, a, 0, time.Hour, nil)
	b.SetBytes(plan.files[0].file.size())
	for b.Loop() {
		if _, err := newContent(plan.files[0].file, plan.about, plan.key).write(b.Context(), a, io.Discard, 0); err != nil {
			b.Fatal(err)
		}
	}
}
