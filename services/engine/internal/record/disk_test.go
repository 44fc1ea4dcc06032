package record

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"vigie/internal/mirror"
	"vigie/internal/xfstest"
	"vigie/services/engine/internal/archive"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/ring"
)

// onDisk is the real archive as a recorder sees it.
type onDisk struct{ *archive.Archive }

func (a onDisk) Create(run *media.Run, kind index.Kind, startNs int64) (Segment, error) {
	s, err := a.Archive.Create(run, kind, startNs)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// TestRecordingGoesOnWithoutALossWhenADiskFails lets a real file system shut down under a recorder: XFS does the same
// after an I/O error. Every frame must be found on one volume or the other.
func TestRecordingGoesOnWithoutALossWhenADiskFails(t *testing.T) {
	dir := t.TempDir()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	bad, good := filepath.Join(dir, "bad"), filepath.Join(dir, "good")
	xfs(t, filepath.Join(dir, "bad.img"), bad)
	for _, v := range []string{bad, good} {
		if err := os.MkdirAll(filepath.Join(v, "vigie/rec"), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(dir, "engine.db"), Name: "engine", Log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	idx, err := index.Open(db)
	if err != nil {
		t.Fatal(err)
	}
	arch, err := archive.New(archive.Config{Index: idx, DB: db, App: "Vigie test", Log: log, StallAfter: time.Second, ProbeAfter: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stopArchive := context.WithCancel(context.Background())
	archived := make(chan error, 1)
	go func() { archived <- arch.Run(ctx) }()
	defer func() {
		stopArchive()
		if err := <-archived; err != nil {
			t.Error(err)
		}
	}()
	arch.SetVolumes([]archive.Volume{{ID: "bad", Name: "bad", Path: bad}})

	rg := ring.New(ring.Config{MaxBytes: 1 << 20, BudgetBytes: 16 << 20, MaxAge: time.Minute})
	var written atomic.Uint64
	rec := New(Config{Camera: "k3f9x2ab", Stream: "main", Kind: index.Standard, Archive: onDisk{arch}, Log: log, Written: &written,
		Lost: func() int64 { return 0 }, Open: reads(rg), Ended: make(chan struct{}), Schedule: always, Limits: usual})
	recorded := make(chan error, 1)
	go func() { recorded <- rec.Run(context.Background()) }()

	start := time.Now().Add(-time.Hour).Truncate(time.Second)
	run := &media.Run{Camera: "k3f9x2ab", Stream: "main", StartNs: start.UnixNano(), Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, Width: 640, Height: 360}}}
	pushed := int64(0)
	push := func(n int) {
		for range n {
			p := make([]byte, 3000)
			copy(p, fmt.Sprintf("frame %d ", pushed))
			rg.Push(&media.Frame{Run: run, Keyframe: pushed%10 == 0, PTSTicks: pushed * 9000, DTSTicks: pushed * 9000, Payload: p})
			pushed++
		}
	}
	push(95)
	await(t, "frames are on the first disk", func() bool {
		_, last, _, err := arch.Bounds("k3f9x2ab")
		return err == nil && last >= start.UnixMilli()+8000
	})
	arch.SetVolumes([]archive.Volume{{ID: "bad", Name: "bad", Path: bad}, {ID: "good", Name: "good", Path: good}})
	xfstest.GoDown(t, bad, xfstest.LogLost)
	for range 40 { // at a camera's pace, so that the failure comes in between
		push(3)
		time.Sleep(5 * time.Millisecond)
	}
	await(t, "recording goes on on the other disk", func() bool { s := rec.State(); push(1); return s.Recording && s.Volume == "good" })
	push(20)
	rg.Close()
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	await(t, "the last segment is closed", func() bool {
		list, err := arch.Segments("k3f9x2ab", 0, 1<<50)
		return err == nil && len(list) == 2 && !list[0].Open && !list[1].Open
	})

	// The disk comes back, as after a reboot.
	arch.SetVolumes([]archive.Volume{{ID: "good", Name: "good", Path: good}})
	await(t, "the volume is let go of", func() bool { return exec.Command("umount", bad).Run() == nil })
	command(t, "mount", "-o", "loop", filepath.Join(dir, "bad.img"), bad)
	arch.SetVolumes([]archive.Volume{{ID: "bad", Name: "bad", Path: bad}, {ID: "good", Name: "good", Path: good}})
	await(t, "what was on the failed disk is repaired", func() bool {
		s, found, err := idx.Get(index.Key{Camera: "k3f9x2ab", Stream: "main", Kind: index.Standard, StartMs: start.UnixMilli()})
		return err == nil && found && !s.Suspect
	})
	list, err := arch.Segments("k3f9x2ab", 0, 1<<50)
	if err != nil || len(list) != 2 || list[0].Volume != "bad" || list[1].Volume != "good" {
		t.Fatalf("%+v, %v", list, err)
	}
	seen := map[int64]int{}
	for _, s := range list {
		for _, n := range numbers(t, arch, s.ID()) {
			seen[n]++
		}
	}
	twice := 0
	for n := range pushed {
		if seen[n] == 0 {
			t.Errorf("frame %d is lost", n)
		}
		if seen[n] > 1 {
			twice++
		}
	}
	// What was not confirmed is written again from the keyframe before it on: a GOP, and what waited for the disk.
	if twice > 40 {
		t.Errorf("%d frames were written twice", twice)
	}
	gaps, err := idx.Gaps("k3f9x2ab", 0, 1<<50)
	if err != nil || len(gaps) != 0 {
		t.Errorf("gaps %+v, %v", gaps, err)
	}
}

func numbers(t *testing.T, arch *archive.Archive, id string) (out []int64) {
	t.Helper()
	f, err := arch.Open(id)
	if err != nil {
		t.Fatal(err)
	}
	defer f.File.Close()
	m, err := mkv.Open(f.File, f.Size)
	if err != nil {
		t.Fatal(err)
	}
	it, err := m.Frames(0)
	if err != nil {
		t.Fatal(err)
	}
	for {
		fr, err := it.Next()
		if err == io.EOF {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		var n int64
		if _, err := fmt.Sscanf(string(bytes.TrimRight(fr.Payload, "\x00")), "frame %d ", &n); err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
}

func await(t *testing.T, what string, cond func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func xfs(t *testing.T, img, mnt string) {
	t.Helper()
	if err := os.WriteFile(img, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(img, 320<<20); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(mnt, 0o755); err != nil {
		t.Fatal(err)
	}
	command(t, "mkfs.xfs", "-q", img)
	command(t, "mount", "-o", "loop", img, mnt)
	t.Cleanup(func() {
		await(t, "unmounted", func() bool { return exec.Command("umount", mnt).Run() == nil })
	})
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}
