package archive

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

const camera = "k3f9x2ab"

// rig is an archive on real folders and file systems, running.
type rig struct {
	t       testing.TB
	dir     string
	db      *mirror.DB
	idx     *index.Index
	arch    *Archive
	stop    func()
	cfg     Config
	start   time.Time
	mirrors []mirror.Dir
}

// stallSoon is how long a disk may take where a test has one hang: long enough for the other disks of a busy machine.
const stallSoon = 2 * time.Second

func newRig(t testing.TB, change ...func(*Config)) *rig {
	r := &rig{t: t, dir: t.TempDir(), start: time.Now().Add(-time.Hour).Truncate(time.Second)}
	r.cfg = Config{App: "Vigie test", ProbeAfter: 50 * time.Millisecond, KeepEvery: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
	for _, c := range change {
		c(&r.cfg)
	}
	r.open()
	return r
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	if r.db, _, err = mirror.Open(mirror.Config{Path: filepath.Join(r.dir, "engine.db"), Name: "engine"}, r.mirrors); err != nil {
		r.t.Fatal(err)
	}
	if r.idx, err = index.Open(r.db); err != nil {
		r.t.Fatal(err)
	}
	r.cfg.Index, r.cfg.DB = r.idx, r.db
	if r.arch, err = New(r.cfg); err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	arch, db := r.arch, r.db
	go func() { done <- arch.Run(ctx) }()
	r.stop = func() {
		cancel()
		if err := <-done; err != nil {
			r.t.Error(err)
		}
		db.Close()
		r.stop = func() {}
	}
	r.t.Cleanup(func() { r.stop() })
}

// limitOf is the change of a volume's limit.
func limitOf(percent int) VolumeChange { return VolumeChange{LimitPercent: new(percent)} }

// volume makes a folder for a volume.
func (r *rig) volume(id string) Volume {
	r.t.Helper()
	v := Volume{ID: id, Name: "Disk " + id, Path: filepath.Join(r.dir, id)}
	if err := os.MkdirAll(filepath.Join(v.Path, recDir), 0o750); err != nil {
		r.t.Fatal(err)
	}
	return v
}

func (r *rig) use(list ...Volume) {
	r.t.Helper()
	r.arch.SetVolumes(list)
	await(r.t, "volumes are looked at", func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if r.arch.Recovered(ctx) != nil {
			return false
		}
		for _, v := range r.arch.present() {
			v.mu.Lock()
			known := v.size > 0
			v.mu.Unlock()
			if !known {
				return false
			}
		}
		return true
	})
}

func await(t testing.TB, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !cond(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// source makes numbered frames of a run: 10 a second, a keyframe each second.
type source struct {
	run  *media.Run
	n    int64
	size int
}

func newSource(cam string, start time.Time) *source {
	return &source{size: 2000, run: &media.Run{Camera: cam, Stream: "main", StartNs: start.UnixNano(), Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, Width: 640, Height: 360}}}}
}

func (s *source) next() *media.Frame {
	p := make([]byte, s.size)
	copy(p, fmt.Sprintf("frame %d ", s.n))
	f := &media.Frame{Run: s.run, Keyframe: s.n%10 == 0, PTSTicks: s.n * 9000, DTSTicks: s.n * 9000, DurationTicks: 9000, Payload: p}
	s.n++
	return f
}

// record writes n frames to a new segment.
func (r *rig) record(src *source, n int) *Segment {
	r.t.Helper()
	var seg *Segment
	for range n {
		f := src.next()
		if seg == nil {
			var err error
			if seg, err = r.arch.Create(src.run, index.Standard, f.TimeNs()); err != nil {
				r.t.Fatal(err)
			}
		}
		if err := seg.Write(context.Background(), f); err != nil {
			r.t.Fatal(err)
		}
	}
	return seg
}

func (s *source) endNs() int64 { return s.run.StartNs + s.n*1e8 }

// closed records a segment of n frames and waits until it is indexed.
func (r *rig) closed(src *source, n int) index.Segment {
	r.t.Helper()
	seg := r.record(src, n)
	seg.Close()
	var s index.Segment
	await(r.t, "segment is indexed", func() (found bool) {
		s, found, _ = r.idx.Get(seg.Key())
		return found
	})
	return s
}

// frames reads the frame numbers of a segment through the archive.
func (r *rig) frames(id string) (numbers []int) {
	r.t.Helper()
	f, err := r.arch.Open(id)
	if err != nil {
		r.t.Fatal(err)
	}
	defer f.File.Close()
	m, err := mkv.Open(f.File, f.Size)
	if err != nil {
		r.t.Fatal(err)
	}
	it, err := m.Frames(0)
	if err != nil {
		r.t.Fatal(err)
	}
	for {
		fr, err := it.Next()
		if err == io.EOF {
			return numbers
		}
		if err != nil {
			r.t.Fatal(err)
		}
		var n int
		if _, err := fmt.Sscanf(string(fr.Payload), "frame %d ", &n); err != nil {
			r.t.Fatal(err)
		}
		numbers = append(numbers, n)
	}
}

func consecutive(t testing.TB, numbers []int, from, atLeast int) {
	t.Helper()
	if len(numbers) < atLeast {
		t.Fatalf("%d frames, want %d at least", len(numbers), atLeast)
	}
	for i, n := range numbers {
		if n != from+i {
			t.Fatalf("frame %d is number %d", i, n)
		}
	}
}

func (r *rig) status(volume string) (Status, string) {
	for _, v := range r.arch.Recording().Volumes {
		if v.ID == volume {
			return Status(v.Status), v.Reason
		}
	}
	return "", ""
}

// tmpfs mounts a small file system of its own.
func tmpfs(t testing.TB, path, size string) {
	t.Helper()
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, "size="+size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Unmount(path, unix.MNT_DETACH) })
}

func (r *rig) mounted(id, size string) Volume {
	r.t.Helper()
	path := filepath.Join(r.dir, id)
	if err := os.MkdirAll(path, 0o750); err != nil {
		r.t.Fatal(err)
	}
	tmpfs(r.t, path, size)
	return r.volume(id)
}

// keepEvery starts over with another time between looks at space.
func (r *rig) keepEvery(d time.Duration) {
	r.stop()
	r.cfg.KeepEvery = d
	r.open()
}

// loop mounts a new file system on a loop device.
func loop(t testing.TB, r *rig, id, mkfs string) Volume { return loopOf(t, r, id, mkfs, 320<<20) }

func loopOf(t testing.TB, r *rig, id, mkfs string, size int64) Volume {
	t.Helper()
	img := filepath.Join(r.dir, id+".img")
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, size); err != nil {
		t.Fatal(err)
	}
	command := strings.Fields(mkfs)
	run(t, command[0], append(command[1:], "-q", img)...)
	path := filepath.Join(r.dir, id)
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "-o", "loop", img, path)
	t.Cleanup(func() {
		// the archive may still be looking at what a repair left
		await(t, "nothing holds the volume "+id, func() bool { return exec.Command("umount", path).Run() == nil })
	})
	return r.volume(id)
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
