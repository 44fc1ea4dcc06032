package archive

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/xfstest"
	"vigie/services/engine/internal/index"
)

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
	if err := r.arch.ChangeVolume("a", limitOf(50)); err != nil {
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
	if err := r.arch.ChangeVolume("a", limitOf(95)); err != nil {
		t.Fatal(err)
	}
	await(t, "volume is well again", func() bool { st, _ := r.status("a"); return st == OK })
	await(t, "segment is repaired", func() bool { s, found, _ := r.idx.Get(seg.Key()); return found && !s.Suspect })
	consecutive(t, r.frames(seg.Key().ID()), 0, durable)
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

func TestHangingDiskHoldsUpNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.StallAfter = stallSoon })
	a, b := loop(t, r, "a", "mkfs.xfs"), r.volume("b")
	r.use(a)
	src := newSource(camera, r.start)
	seg := r.record(src, 20)
	await(t, "frames are on disk", func() bool { return seg.Durable() == 20 })
	r.arch.SetVolumes([]Volume{a, b})
	thaw := xfstest.Freeze(t, a.Path)
	var err error
	began := time.Now()
	for err == nil && time.Since(began) < 5*stallSoon {
		err = seg.Write(context.Background(), src.next())
		time.Sleep(10 * time.Millisecond) // the camera's pace
	}
	if err == nil {
		t.Fatalf("a hanging disk was not noticed in %v", 5*stallSoon)
	}
	if st, reason := r.status("a"); st != Degraded || !strings.Contains(reason, "not answered") {
		t.Errorf("status %s, %q", st, reason)
	}
	// Elsewhere all goes on, and queries answer: what waits for this disk waits until it is thawed.
	began = time.Now()
	other := r.closed(newSource("k3f9x2ac", r.start), 10)
	if other.Volume != "b" || time.Since(began) > 5*time.Second {
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

// TestTheOnlyDiskIsWaitedForAndTriedAgainSoon: nothing is recorded without it.
func TestTheOnlyDiskIsWaitedForAndTriedAgainSoon(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(c *Config) { c.StallAfter, c.ProbeAfter = stallSoon, 300*time.Millisecond })
	a, b := loop(t, r, "a", "mkfs.xfs"), r.volume("b")
	r.use(a)
	src := newSource(camera, r.start)
	seg := r.record(src, 20)
	await(t, "frames are on disk", func() bool { return seg.Durable() == 20 })
	v := r.arch.present()[0]
	hangs := func() (longest time.Duration) {
		v.mu.Lock()
		defer v.mu.Unlock()
		for _, began := range v.ops {
			longest = max(longest, time.Since(began))
		}
		return longest
	}
	thaw := xfstest.Freeze(t, a.Path)
	n := 20
	// For longer than another disk would be waited for, by two looks of the archive.
	for began := time.Now(); hangs() < r.cfg.StallAfter+400*time.Millisecond; n++ {
		if time.Since(began) > 10*r.cfg.StallAfter {
			t.Fatal("the frozen disk does not hang")
		}
		if err := seg.Write(t.Context(), src.next()); err != nil {
			t.Fatalf("given up after %v: %v", hangs(), err)
		}
		time.Sleep(20 * time.Millisecond) // the camera's pace
	}
	thaw()
	await(t, "what waited in memory is on disk", func() bool { return seg.Durable() == n })
	if st, reason := r.status("a"); st != OK {
		t.Errorf("%s: %s", st, reason)
	}
	seg.Close()

	v.mu.Lock()
	v.penalty = time.Hour // it has failed often
	v.mu.Unlock()
	v.degrade(Degraded, "a test")
	await(t, "it is tried again", func() bool { st, _ := r.status("a"); return st == OK })
	r.use(a, b)
	if r.arch.isAlone(v) || r.arch.patience(v) != r.cfg.StallAfter {
		t.Errorf("with another volume it is waited for %v", r.arch.patience(v))
	}
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
	xfstest.GoDown(t, a.Path, xfstest.LogLost)
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
