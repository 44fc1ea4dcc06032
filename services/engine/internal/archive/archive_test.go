package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/retention"
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

func newRig(t testing.TB) *rig {
	r := &rig{t: t, dir: t.TempDir(), start: time.Now().Add(-time.Hour).Truncate(time.Second)}
	r.cfg = Config{App: "Vigie test", StallAfter: 500 * time.Millisecond, ProbeAfter: 50 * time.Millisecond, KeepEvery: 50 * time.Millisecond,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
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

func TestSegmentIsPlayableWhileOpenAndIndexedWhenClosed(t *testing.T) {
	r := newRig(t)
	r.use(r.volume("a"))
	src := newSource(camera, r.start)
	seg := r.record(src, 25)
	await(t, "what was given is on disk within a second", func() bool { return seg.Durable() == 25 })
	list, err := r.arch.Segments(camera, r.start.UnixMilli(), r.start.UnixMilli()+1000)
	if err != nil || len(list) != 1 || !list[0].Open || list[0].EndMs != r.start.UnixMilli()+2500 {
		t.Fatalf("%+v, %v", list, err)
	}
	consecutive(t, r.frames(list[0].ID()), 0, 25)
	seg.Close()
	await(t, "segment is closed", func() bool {
		tl, err := r.arch.Timeline(camera, 0, 1<<50)
		return err == nil && len(tl.Segments) == 1 && !tl.Segments[0].Open
	})
	consecutive(t, r.frames(seg.Key().ID()), 0, 25)
	rec := r.arch.Recording()
	if rec.TotalSegments != 1 || rec.TotalBytes < 50000 || len(rec.Warnings) != 0 {
		t.Errorf("%+v", rec)
	}
	want := fmt.Sprintf("%d-2500-standard-main.mkv", r.start.UnixMilli())
	if hits, _ := filepath.Glob(filepath.Join(r.dir, "a/vigie/rec", camera, r.start.UTC().Format("20060102"), "*")); len(hits) != 1 || filepath.Base(hits[0]) != want {
		t.Errorf("files %v, want %s", hits, want)
	}
}

func TestWithoutAVolumeThePersonIsTold(t *testing.T) {
	r := newRig(t)
	src := newSource(camera, r.start)
	if _, err := r.arch.Create(src.run, index.Standard, src.run.StartNs); err == nil || !strings.Contains(err.Error(), "no data volume") {
		t.Fatal(err)
	}
	if w := r.arch.Recording().Warnings; len(w) != 1 {
		t.Fatalf("warnings %q", w)
	}
}

func TestCamerasSpreadOverVolumesAndStay(t *testing.T) {
	r := newRig(t)
	r.use(r.volume("a"), r.volume("b"))
	where := map[string]string{}
	perVolume := map[string]int{}
	var open []*Segment
	for i := range 8 {
		src := newSource(fmt.Sprintf("k3f9x2a%d", i), r.start)
		seg := r.record(src, 3)
		where[src.run.Camera] = seg.Volume()
		perVolume[seg.Volume()]++
		open = append(open, seg)
	}
	if perVolume["a"] != 4 || perVolume["b"] != 4 {
		t.Fatalf("spread %v", perVolume)
	}
	for _, s := range open {
		next := r.record(newSource(s.key.Camera, r.start.Add(time.Minute)), 3)
		if next.Volume() != where[s.key.Camera] {
			t.Errorf("camera %s moved from %s to %s", s.key.Camera, where[s.key.Camera], next.Volume())
		}
	}
}

func TestCamerasThatStartTogetherSpreadOverVolumes(t *testing.T) {
	r := newRig(t)
	r.use(r.volume("a"), r.volume("b"))
	var group sync.WaitGroup
	for i := range 40 {
		group.Go(func() {
			src := newSource(fmt.Sprintf("k3f9x%03d", i), r.start)
			if _, err := r.arch.Create(src.run, index.Standard, src.run.StartNs); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, v := range r.arch.present() {
		v.mu.Lock()
		if n := len(v.open); n < 15 {
			t.Errorf("%d of 40 segments on volume %s", n, v.id)
		}
		if v.coming != 0 {
			t.Errorf("%d segments are still coming to volume %s", v.coming, v.id)
		}
		v.mu.Unlock()
	}
}

func TestAbsentVolumeKeepsItsRowsAndComesBack(t *testing.T) {
	r := newRig(t)
	a, b := r.volume("a"), r.volume("b")
	r.use(a)
	s := r.closed(newSource(camera, r.start), 10)
	r.use(b)
	if _, err := r.arch.Open(s.ID()); !errors.Is(err, ErrAbsent) {
		t.Fatalf("open on an absent volume: %v", err)
	}
	if st, _ := r.status("a"); st != Absent {
		t.Errorf("status %s", st)
	}
	tl, err := r.arch.Timeline(camera, 0, 1<<50)
	if err != nil || len(tl.Segments) != 1 || len(tl.Gaps) != 0 {
		t.Fatalf("%+v, %v", tl, err)
	}
	r.use(a, b)
	consecutive(t, r.frames(s.ID()), 0, 10)
}

func TestFilesAndIndexAreReconciledBothWays(t *testing.T) {
	r := newRig(t)
	a := r.volume("a")
	r.use(a)
	src := newSource(camera, r.start)
	var list []index.Segment
	for range 3 {
		list = append(list, r.closed(src, 10))
	}
	r.stop()
	// The database is lost, one file too, and somebody has put strange things there.
	if err := os.Remove(filepath.Join(r.dir, "engine.db")); err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(a.Path, dayDir(list[0].Key))
	for name, content := range map[string]string{"notes.txt": "hello", "1-2-standard-main.mkv": "not a recording", "x-standard-main.open.mkv": ""} {
		if err := os.WriteFile(filepath.Join(day, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.open()
	r.use(a)
	await(t, "files are in the index again", func() bool { return r.idx.Totals("a").Segments == 3 })
	for i, s := range list {
		await(t, "the file has been looked into", func() bool {
			got, found, err := r.idx.Get(s.Key)
			return err == nil && found && got == s
		})
		consecutive(t, r.frames(s.ID()), i*10, 10)
	}
	if _, err := os.Stat(filepath.Join(day, "notes.txt")); err != nil {
		t.Error("a stranger's file was touched:", err)
	}
	r.stop()
	if err := os.Remove(filepath.Join(a.Path, relPath(list[1]))); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.use(a)
	await(t, "lost file has become a gap", func() bool {
		tl, err := r.arch.Timeline(camera, 0, 1<<50)
		return err == nil && len(tl.Segments) == 2 && len(tl.Gaps) == 1 && tl.Gaps[0].Cause == "lost_file" && tl.Gaps[0].StartMs == list[1].StartMs
	})
	if _, err := r.arch.Open(list[1].ID()); !errors.Is(err, ErrNoSegment) {
		t.Errorf("open a lost file: %v", err)
	}
}

func TestDeletionIsFinishedAfterACrash(t *testing.T) {
	r := newRig(t)
	a := r.volume("a")
	r.use(a)
	src := newSource(camera, r.start)
	s, keep := r.closed(src, 10), r.closed(src, 10)
	if _, err := r.idx.Mark(nil, s.Key); err != nil {
		t.Fatal(err)
	}
	r.stop()
	r.open()
	r.use(a)
	await(t, "deletion is finished", func() bool {
		marks, err := r.idx.Marks()
		_, serr := os.Stat(filepath.Join(a.Path, relPath(s)))
		return err == nil && len(marks) == 0 && errors.Is(serr, os.ErrNotExist)
	})
	consecutive(t, r.frames(keep.ID()), 10, 10)
	if tl, err := r.arch.Timeline(camera, 0, 1<<50); err != nil || len(tl.Segments) != 1 {
		t.Fatalf("%+v, %v", tl, err)
	}
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

func TestOldestGoesWhenTheVolumeIsOverItsLimit(t *testing.T) {
	r := newRig(t)
	a := r.mounted("a", "16m")
	r.use(a)
	if err := r.arch.SetLimit("a", 50); err != nil {
		t.Fatal(err)
	}
	src := newSource(camera, r.start)
	src.size = 100_000
	full := func() retention.Volume { // the archive's own figure may be a moment old
		var st unix.Statfs_t
		if err := unix.Statfs(a.Path, &st); err != nil {
			t.Fatal(err)
		}
		return retention.Volume{SizeBytes: int64(st.Blocks) * st.Bsize, FreeBytes: int64(st.Bavail) * st.Bsize, LimitPercent: 50}
	}
	first := r.closed(src, 10)
	for range 19 {
		// A camera is slower than its volume's keeper; this source is as fast as the machine.
		await(t, "there is room for the next segment", func() bool { return full().FreeBytes > 4<<20 })
		r.closed(src, 10)
	}
	await(t, "volume is under its limit", func() bool { return full().Excess() == 0 })
	if _, found, _ := r.idx.Get(first.Key); found {
		t.Error("the oldest is still there")
	}
	tl, err := r.arch.Timeline(camera, 0, 1<<50)
	if err != nil || len(tl.Segments) < 4 || tl.LastMs != src.endNs()/1e6 {
		t.Fatalf("%d segments left, end %d: %v", len(tl.Segments), tl.LastMs, err)
	}
	for _, s := range tl.Segments {
		if len(r.frames(s.ID)) != 10 {
			t.Errorf("segment %s is damaged", s.ID)
		}
	}
	if err := r.arch.SetLimit("a", 5); err == nil {
		t.Error("limit of 5 % accepted")
	}
	if err := r.arch.SetLimit("nope", 50); !errors.Is(err, ErrUnknownVolume) {
		t.Errorf("limit of an unknown volume: %v", err)
	}
}

func TestAVolumeThatIsNoLongerMountedLosesNoRecording(t *testing.T) {
	r := newRig(t)
	under := filepath.Join(r.dir, "a") // what shows when the volume goes: another file system, over its limit
	if err := os.MkdirAll(under, 0o750); err != nil {
		t.Fatal(err)
	}
	tmpfs(t, under, "16m")
	if err := os.WriteFile(filepath.Join(under, "strange"), make([]byte, 14<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	a := r.mounted("a", "64m")
	identity := filepath.Join(a.Path, "vigie", "volume.json")
	if err := os.WriteFile(identity, []byte(`{"id":"a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r.use(a)
	if err := r.arch.SetLimit("a", 50); err != nil {
		t.Fatal(err)
	}
	src := newSource(camera, r.start)
	list := []index.Segment{r.closed(src, 10), r.closed(src, 10), r.closed(src, 10)}
	if err := unix.Unmount(a.Path, unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	await(t, "the volume is given up", func() bool { s, _ := r.status("a"); return s == Degraded })
	for _, s := range list {
		if _, found, err := r.idx.Get(s.Key); err != nil || !found {
			t.Errorf("segment %s is no longer in the index: %v", s.ID(), err)
		}
	}
	if marks, err := r.idx.Marks(); err != nil || len(marks) != 0 {
		t.Errorf("marked for deletion: %v, %v", marks, err)
	}
	// It comes back under another device number, and is known by its identity.
	r.mounted("a", "64m")
	if err := os.WriteFile(identity, []byte(`{"id":"a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	await(t, "the volume is taken up again", func() bool { s, _ := r.status("a"); return s == OK })
	r.closed(src, 10)
}

func TestFullVolumeIsSaidAndRecordingGoesOnElsewhere(t *testing.T) {
	r := newRig(t)
	r.keepEvery(time.Hour) // looks at space when told to: else the ended segment, the oldest there is, would go
	a := r.mounted("a", "4m")
	if err := os.WriteFile(filepath.Join(a.Path, "strange"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	r.use(a)
	src := newSource(camera, r.start)
	src.size = 100_000
	seg := r.record(src, 1)
	var err error
	for range 100 {
		if err = seg.Write(context.Background(), src.next()); err != nil {
			break
		}
		if seg.Durable() < int(src.n)-20 {
			await(t, "disk has room or the segment has ended", func() bool {
				seg.mu.Lock()
				defer seg.mu.Unlock()
				return seg.err != nil || seg.durable >= int(src.n)-20
			})
		}
	}
	if err == nil {
		t.Fatal("a full volume takes everything")
	}
	if st, reason := r.status("a"); st != Full || reason == "" {
		t.Errorf("status %s, %q", st, reason)
	}
	durable := seg.Durable()
	r.arch.SetVolumes([]Volume{a, r.volume("b")})
	await(t, "recording goes on elsewhere", func() bool {
		s, err := r.arch.Create(src.run, index.Standard, src.endNs())
		return err == nil && s.Volume() == "b"
	})
	// Room again: the volume is well, and what was on disk of the segment is whole.
	if err := os.Remove(filepath.Join(a.Path, "strange")); err != nil {
		t.Fatal(err)
	}
	if err := r.arch.SetLimit("a", 95); err != nil {
		t.Fatal(err)
	}
	await(t, "volume is well again", func() bool { st, _ := r.status("a"); return st == OK })
	await(t, "segment is repaired", func() bool { s, found, _ := r.idx.Get(seg.Key()); return found && !s.Suspect })
	consecutive(t, r.frames(seg.Key().ID()), 0, durable)
}

// keepEvery starts over with another time between looks at space.
func (r *rig) keepEvery(d time.Duration) {
	r.stop()
	r.cfg.KeepEvery = d
	r.open()
}

func TestFullVolumeStaysFullWhateverManySegmentsSay(t *testing.T) {
	r := newRig(t)
	r.keepEvery(time.Hour)
	r.use(r.mounted("a", "8m"))
	var writers sync.WaitGroup
	for i := range 24 {
		src := newSource(fmt.Sprintf("k3f9x%03d", i), r.start)
		src.size = 100_000
		f := src.next()
		seg, err := r.arch.Create(src.run, index.Standard, f.TimeNs())
		if err != nil {
			break // full already
		}
		writers.Go(func() {
			for err := error(nil); err == nil; f = src.next() {
				err = seg.Write(context.Background(), f)
			}
		})
	}
	writers.Wait()
	await(t, "all segments have ended", func() bool {
		v := r.arch.present()[0]
		v.mu.Lock()
		defer v.mu.Unlock()
		return len(v.open) == 0
	})
	if st, reason := r.status("a"); st != Full {
		t.Errorf("status %s, %q", st, reason)
	}
}

func TestWhatIsRecordedAgainElsewhereReplacesNothing(t *testing.T) {
	r := newRig(t)
	a, b := r.volume("a"), r.volume("b")
	r.use(a, b)
	first := r.record(newSource(camera, r.start), 10)
	await(t, "something is on disk", func() bool { return first.Durable() > 0 })
	for _, v := range r.arch.present() {
		if v.id == "a" {
			v.degrade(Degraded, "The disk is tired.")
		}
	}
	again := newSource(camera, r.start) // from the GOP that was not confirmed
	seg := r.record(again, 20)
	if seg.Volume() != "b" {
		t.Fatalf("went on on volume %s", seg.Volume())
	}
	seg.Close()
	await(t, "volume a is well, its segment repaired", func() bool {
		s, found, _ := r.idx.Get(first.Key())
		st, _ := r.status("a")
		return st == OK && found && !s.Suspect && s.Volume == "a"
	})
	await(t, "the other one is closed", func() bool {
		s, found, _ := r.idx.Get(seg.Key())
		return found && s.Volume == "b"
	})
	consecutive(t, r.frames(seg.Key().ID()), 0, 20)
	r.stop()
	if err := os.Remove(filepath.Join(r.dir, "engine.db")); err != nil {
		t.Fatal(err)
	}
	r.open()
	r.use(a, b)
	await(t, "both are found again", func() bool { return r.idx.Totals("a").Segments == 1 && r.idx.Totals("b").Segments == 1 })
}

func TestVolumeThatBlinksIsNotRepairedUnderItsWriters(t *testing.T) {
	r := newRig(t)
	a := r.volume("a")
	r.use(a)
	src := newSource(camera, r.start)
	for range 20 {
		seg := r.record(src, 10)
		r.arch.SetVolumes(nil)
		r.arch.SetVolumes([]Volume{a})
		await(t, "the segment is closed in order", func() bool {
			s, found, _ := r.idx.Get(seg.Key())
			return found && !s.Suspect
		})
		if st, reason := r.status("a"); st != OK {
			t.Fatalf("status %s, %q", st, reason)
		}
		r.use(a)
		consecutive(t, r.frames(seg.Key().ID()), int(src.n)-10, 10)
	}
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

const (
	fiFreeze   = 0xC0045877
	fiThaw     = 0xC0045878
	xfsGoDown  = 0x8004587D // XFS_IOC_GOINGDOWN
	xfsNoFlush = 2          // XFS_FSOP_GOING_FLAGS_NOLOGFLUSH
)

func ioctl(t testing.TB, path string, req uint) {
	t.Helper()
	d, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if err := unix.IoctlSetInt(int(d.Fd()), req, 0); err != nil {
		t.Fatalf("ioctl %#x on %s: %v", req, path, err)
	}
}

func TestHangingDiskHoldsUpNobody(t *testing.T) {
	r := newRig(t)
	a, b := loop(t, r, "a", "mkfs.xfs"), r.volume("b")
	r.use(a)
	src := newSource(camera, r.start)
	seg := r.record(src, 20)
	await(t, "frames are on disk", func() bool { return seg.Durable() == 20 })
	r.arch.SetVolumes([]Volume{a, b})
	ioctl(t, a.Path, fiFreeze)
	thawed := false
	thaw := func() {
		if !thawed {
			thawed = true
			ioctl(t, a.Path, fiThaw)
		}
	}
	defer thaw()
	var err error
	began := time.Now()
	for err == nil && time.Since(began) < 5*time.Second {
		err = seg.Write(context.Background(), src.next())
		time.Sleep(10 * time.Millisecond) // the camera's pace
	}
	if err == nil {
		t.Fatal("a hanging disk was not noticed")
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("noticed after %v", d)
	}
	if st, reason := r.status("a"); st != Degraded || !strings.Contains(reason, "not answered") {
		t.Errorf("status %s, %q", st, reason)
	}
	// Elsewhere all goes on, and queries answer at once.
	began = time.Now()
	other := r.closed(newSource("k3f9x2ac", r.start), 10)
	if other.Volume != "b" || time.Since(began) > 2*time.Second {
		t.Errorf("other volume %s, after %v", other.Volume, time.Since(began))
	}
	if tl, err := r.arch.Timeline(camera, 0, 1<<50); err != nil || len(tl.Segments) != 1 {
		t.Errorf("timeline of what is on the hanging disk: %+v, %v", tl, err)
	}
	thaw()
	await(t, "disk is well again", func() bool { st, _ := r.status("a"); return st == OK })
	await(t, "segment is repaired", func() bool { s, found, _ := r.idx.Get(seg.Key()); return found && !s.Suspect })
	consecutive(t, r.frames(seg.Key().ID()), 0, 20)
}

// TestDiskErrorEndsTheSegmentsAsSuspect lets XFS shut down as it does after an I/O error: every write then fails.
func TestDiskErrorEndsTheSegmentsAsSuspect(t *testing.T) {
	r := newRig(t)
	a, b := loop(t, r, "a", "mkfs.xfs"), r.volume("b")
	r.use(a)
	src := newSource(camera, r.start)
	seg := r.record(src, 20)
	await(t, "frames are on disk", func() bool { return seg.Durable() == 20 })
	r.arch.SetVolumes([]Volume{a, b})
	d, err := os.Open(a.Path)
	if err != nil {
		t.Fatal(err)
	}
	flag := uint32(xfsNoFlush)
	err = unix.IoctlSetPointerInt(int(d.Fd()), xfsGoDown, int(flag))
	d.Close()
	if err != nil {
		t.Fatal(err)
	}
	await(t, "the recorder is told", func() bool { return seg.Write(context.Background(), src.next()) != nil })
	if st, reason := r.status("a"); st != Degraded || !strings.Contains(reason, "input/output error") {
		t.Errorf("status %s, %q", st, reason)
	}
	await(t, "segment is suspect", func() bool {
		s, found, _ := r.idx.Get(seg.Key())
		return found && s.Suspect && s.EndMs == r.start.UnixMilli()+2000
	})
	if next := r.record(newSource(camera, r.start.Add(time.Minute)), 3); next.Volume() != "b" {
		t.Errorf("goes on on %s", next.Volume())
	}
	// The file system is mounted anew, as after a reboot: what was acknowledged is there.
	r.arch.SetVolumes([]Volume{b})
	await(t, "volume is let go of", func() bool { return exec.Command("umount", a.Path).Run() == nil })
	run(t, "mount", "-o", "loop", filepath.Join(r.dir, "a.img"), a.Path)
	r.use(a, b)
	await(t, "segment is repaired", func() bool { s, found, _ := r.idx.Get(seg.Key()); return found && !s.Suspect })
	consecutive(t, r.frames(seg.Key().ID()), 0, 20)
}

func TestReadOnlyVolumePlaysAndIsNotWritten(t *testing.T) {
	r := newRig(t)
	a, b := loop(t, r, "a", "mkfs.ext4"), r.volume("b")
	r.use(a)
	s := r.closed(newSource(camera, r.start), 10)
	run(t, "mount", "-o", "remount,ro", a.Path)
	// Not told yet: found out by itself.
	src := newSource(camera, r.start.Add(time.Minute))
	if _, err := r.arch.Create(src.run, index.Standard, src.run.StartNs); err == nil || !strings.Contains(err.Error(), "read-only") {
		t.Fatalf("create on a read-only volume: %v", err)
	}
	if st, _ := r.status("a"); st != ReadOnly {
		t.Errorf("status %s", st)
	}
	consecutive(t, r.frames(s.ID()), 0, 10)
	a.ReadOnly = true
	r.use(a, b)
	if seg := r.record(src, 3); seg.Volume() != "b" {
		t.Errorf("goes on on %s", seg.Volume())
	}
	consecutive(t, r.frames(s.ID()), 0, 10)
	run(t, "mount", "-o", "remount,rw", a.Path)
	a.ReadOnly = false
	r.use(a, b)
	await(t, "volume is well again", func() bool { st, _ := r.status("a"); return st == OK })
}

// TestNothingIsLostOnAReadOnlyVolume: it was pulled while it was written to, so its newest files may not show before its
// log is replayed.
func TestNothingIsLostOnAReadOnlyVolume(t *testing.T) {
	r := newRig(t)
	a := r.volume("a")
	r.use(a)
	s := r.closed(newSource(camera, r.start), 10)
	r.use()
	path := filepath.Join(a.Path, relPath(s))
	if err := os.Rename(path, path+".unseen"); err != nil {
		t.Fatal(err)
	}
	found := index.Segment{Key: s.Key, EndMs: s.EndMs, SizeBytes: s.SizeBytes, Volume: "a"}
	found.StartMs, found.EndMs = s.StartMs+60_000, s.EndMs+60_000
	b, err := os.ReadFile(path + ".unseen")
	if err == nil {
		err = os.WriteFile(filepath.Join(a.Path, relPath(found)), b, 0o640)
	}
	if err != nil {
		t.Fatal(err)
	}
	a.ReadOnly = true
	r.use(a)
	await(t, "what does show is indexed", func() bool { _, there, err := r.idx.Get(found.Key); return err == nil && there })
	r.use() // waits for the volume's keeper
	await(t, "the keeper has ended", func() bool { r.arch.mu.Lock(); defer r.arch.mu.Unlock(); return isClosed(r.arch.leaving["a"]) })
	gaps, err := r.idx.Gaps(camera, 0, 1<<50)
	if _, there, gerr := r.idx.Get(s.Key); !there || gerr != nil || err != nil || len(gaps) != 0 {
		t.Errorf("indexed: %v, %v; gaps %+v, %v", there, gerr, gaps, err)
	}
	if err := os.Rename(path+".unseen", path); err != nil {
		t.Fatal(err)
	}
	a.ReadOnly = false
	r.use(a)
	consecutive(t, r.frames(s.ID()), 0, 10)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestFolderThatVanishesIsSaid(t *testing.T) {
	r := newRig(t)
	a := r.volume("a")
	r.use(a)
	r.closed(newSource(camera, r.start), 10)
	if err := os.RemoveAll(filepath.Join(a.Path, "vigie")); err != nil {
		t.Fatal(err)
	}
	src := newSource(camera, r.start.Add(time.Minute))
	var err error
	for i := 0; err == nil && i < 2000; i++ {
		var seg *Segment
		if seg, err = r.arch.Create(src.run, index.Standard, src.endNs()); err == nil {
			// The folder is made anew: that is recording too.
			if werr := seg.Write(context.Background(), src.next()); werr != nil {
				t.Fatal(werr)
			}
			await(t, "frame is on disk", func() bool { return seg.Durable() == 1 })
			return
		}
	}
	t.Fatalf("recording does not go on: %v", err)
}
