package archive

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/retention"
)

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

func TestOldestGoesWhenTheVolumeIsOverItsLimit(t *testing.T) {
	r := newRig(t)
	a := r.mounted("a", "16m")
	r.use(a)
	if err := r.arch.ChangeVolume("a", limitOf(50)); err != nil {
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
	if err := r.arch.ChangeVolume("a", limitOf(5)); err == nil {
		t.Error("limit of 5 % accepted")
	}
	if err := r.arch.ChangeVolume("nope", limitOf(50)); !errors.Is(err, ErrUnknownVolume) {
		t.Errorf("limit of an unknown volume: %v", err)
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
