//go:build whole

package machine

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/blockserver"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/site"
)

var (
	powerCuts = flag.Int("cuts", 3, "how many times the recording machine's power is cut")
	cutSeed   = flag.Uint64("seed", 0, "of what survives the power cuts; 0: by chance")
)

// lossBound is the most that a power cut may take of what a camera has sent: a second until it is synced, and a GOP that
// is under way.
const lossBound = time.Second + gop

// TestMachineLosesNothingAcknowledgedToPowerCuts cuts the power of a recording machine again and again. Its disks have
// volatile caches, of which a cut leaves any part on the medium. Whatever a timeline had shown before a cut is in the
// timeline after it, and plays, frame by frame as the camera sent it. The gap ledger tells to the second how long the machine was off.
func TestMachineLosesNothingAcknowledgedToPowerCuts(t *testing.T) {
	seed := *cutSeed
	if seed == 0 {
		seed = rand.Uint64N(1 << 32)
	}
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	disks := []*blockserver.Disk{disk(t, "a"), disk(t, "b")}
	var sockets []string
	for i, d := range disks {
		socket := filepath.Join(shortDir(t), fmt.Sprint(i))
		s, err := blockserver.Listen(socket, d)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		sockets = append(sockets, socket)
	}
	// Without a boot loader, which a power cut does not concern: most of the time goes into booting.
	b := open(t, site.Config{Kernel: "../../build/vmlinuz", Initrd: "../../build/initrd.img", Sockets: sockets, Cameras: []rtspcam.Config{
		{ID: "avc", Video: video(content.H264, 1, 500_000)},
		{ID: "hevc", Video: video(content.H265, 2, 1_500_000)},
	}})
	b.boot(t)
	b.setUp(t)
	p := &powerCutter{bench: b, disks: disks, shown: map[string]map[string]int64{}, checked: map[string]bool{}, off: map[string]time.Duration{}}
	b.recording(t)
	for i := range *powerCuts {
		p.cut(t, r)
		b.boot(t)
		if err := b.Login(t.Context(), owner, password); err != nil {
			t.Fatalf("log in after power cut %d: %v", i+1, err)
		}
		p.check(t)
		b.recording(t)
		p.accounts(t, i+1)
		if t.Failed() {
			t.Fatalf("after power cut %d", i+1)
		}
	}
	b.powerOff(t)
	t.Logf("%d power cuts; %d bytes were not flushed, %d of them lost; of what the cameras had sent at most %v was lost, %v on average",
		*powerCuts, p.unflushed, p.lost, p.worst.Round(time.Millisecond), (p.sum / time.Duration(max(p.losses, 1))).Round(time.Millisecond))
}

// shortDir is a folder whose path is short enough for a socket's.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "vigie")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// disk makes a disk with a cache; where there is memory for it, in memory.
func disk(t *testing.T, name string) *blockserver.Disk {
	dir := t.TempDir()
	if _, err := os.Stat("/dev/shm"); err == nil {
		if dir, err = os.MkdirTemp("/dev/shm", "vigie-test-"); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
	}
	d, err := blockserver.OpenDisk(filepath.Join(dir, name), 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// powerCutter remembers what was shown before the power cuts.
type powerCutter struct {
	*bench
	disks   []*blockserver.Disk
	shown   map[string]map[string]int64 // camera's own id → segment → its end
	checked map[string]bool             // segments that were held against the ledger
	at      time.Time                   // of the last cut
	last    map[string]time.Time        // camera's own id → capture of its last frame before that
	off     map[string]time.Duration    // camera's own id → how long nothing was recorded for the cuts

	unflushed, lost int64 // bytes
	worst, sum      time.Duration
	losses          int
}

// cut waits for footage, looks at the timelines for a while, and cuts the power in mid-recording.
func (p *powerCutter) cut(t *testing.T, r *rand.Rand) {
	t.Helper()
	now := time.Now()
	for _, id := range p.cameras {
		p.footage(t, id, now.Add(time.Second))
	}
	for end := time.Now().Add(time.Duration(r.IntN(4000)) * time.Millisecond); ; {
		for own, id := range p.cameras {
			line, err := p.timeline(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			if p.shown[own] == nil {
				p.shown[own] = map[string]int64{}
			}
			for _, s := range line.Segments {
				p.shown[own][s.ID] = s.EndMs
			}
		}
		if time.Now().After(end) {
			break
		}
	}
	if r.IntN(4) != 0 { // at a moment when something is not flushed, which by chance is rare
		select {
		case <-p.disks[r.IntN(len(p.disks))].Arm(1 + r.IntN(30)):
		case <-time.After(time.Minute):
			t.Fatal("a recording machine writes nothing")
		}
	}
	p.at = time.Now()
	for _, d := range p.disks {
		unflushed, lost, err := d.Cut(r)
		if err != nil {
			t.Fatal(err)
		}
		p.unflushed, p.lost = p.unflushed+unflushed, p.lost+lost
	}
	if err := p.Cut(); err != nil {
		t.Fatal(err)
	}
	for _, d := range p.disks {
		d.On()
	}
}

// check holds what the machine has after a power cut against what it had shown, and against what the cameras sent.
func (p *powerCutter) check(t *testing.T) {
	t.Helper()
	p.last = map[string]time.Time{}
	for own, id := range p.cameras {
		line, err := p.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		ends, newest := map[string]int64{}, time.Time{}
		for _, s := range line.Segments {
			if s.StartMs >= p.at.UnixMilli() { // from after the cut
				continue
			}
			ends[s.ID] = s.EndMs
			if p.checked[s.ID] {
				continue
			}
			p.checked[s.ID] = true
			stamps := p.stamps(t, s.ID)
			if err := ledger.Compare(p.Site.Cameras.Camera(own).Sent(), stamps).Err(); err != nil || len(stamps) == 0 {
				t.Errorf("%s: segment %s, %d frames: %v", own, s.ID, len(stamps), err)
				continue
			}
			last := stamps[len(stamps)-1].Capture
			// The end in the timeline is the end of the last frame; one frame of doubt.
			if shown := time.UnixMilli(p.shown[own][s.ID]); last.Before(shown.Add(-100 * time.Millisecond)) {
				t.Errorf("%s: segment %s has frames up to %v, and had been shown up to %v", own, s.ID, last.UTC(), shown.UTC())
			}
			if last.After(newest) {
				newest = last
			}
		}
		for segment, end := range p.shown[own] {
			if got, there := ends[segment]; !there || got < end {
				t.Errorf("%s: segment %s had been shown up to %d, now it is there: %v, up to %d", own, segment, end, there, got)
			}
		}
		p.last[own] = newest
		loss := p.at.Sub(newest)
		p.worst, p.sum, p.losses = max(p.worst, loss), p.sum+loss, p.losses+1
		t.Logf("%s: %v of what was sent before the cut is lost", own, loss.Round(time.Millisecond))
		if loss > lossBound {
			t.Errorf("%s: %v of what was sent before the cut is lost, want %v at most", own, loss, lossBound)
		}
	}
}

// accounts holds the gap ledger against the time between the last frame before each cut, by the camera's stamp, and the
// first footage after it.
func (p *powerCutter) accounts(t *testing.T, cuts int) {
	t.Helper()
	now := time.Now()
	for own, id := range p.cameras {
		p.footage(t, id, now)
		line, err := p.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range line.Segments {
			if s.StartMs > p.last[own].UnixMilli() { // the first one after
				p.off[own] += time.UnixMilli(s.StartMs).Sub(p.last[own])
				break
			}
		}
		var c api.Coverage
		if err := p.Call(t.Context(), "GET", fmt.Sprintf("/cameras/%s/coverage?fromMs=%d&toMs=%d", id, now.Add(-24*time.Hour).UnixMilli(), now.UnixMilli()), nil, &c); err != nil {
			t.Fatal(err)
		}
		var off time.Duration
		for _, d := range c.Days {
			sum := d.RecordedMs
			for _, k := range d.Causes {
				sum += k.Ms
				if k.Cause == api.GapCausePower {
					off += time.Duration(k.Ms) * time.Millisecond
				} else {
					t.Errorf("%s: %d ms of %s, for which there is no reason", own, k.Ms, k.Cause)
				}
			}
			if sum != d.ScheduledMs || d.ScheduledMs+d.UnscheduledMs != d.EndMs-d.StartMs {
				t.Errorf("%s: %+v does not sum up", own, d)
			}
		}
		if d := (off - p.off[own]).Abs(); d > time.Duration(cuts)*time.Second {
			t.Errorf("%s: the ledger says that the machine was off for %v, it was %v", own, off, p.off[own])
		}
		t.Logf("%s: off for %v by the ledger, %v by the camera", own, off.Round(time.Millisecond), p.off[own].Round(time.Millisecond))
	}
}

// stamps downloads a segment and returns the stamps of its frames.
func (p *powerCutter) stamps(t *testing.T, segment string) []stamp.Stamp {
	t.Helper()
	file := filepath.Join(t.TempDir(), segment+".mkv")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Download(t.Context(), segment, f), f.Close()); err != nil {
		t.Errorf("segment %s: %v", segment, err)
		return nil
	}
	stamps, frames, err := recorded.Stamps(t.Context(), file)
	if err != nil || frames != len(stamps) {
		t.Errorf("segment %s: %d frames, %d stamps, %v", segment, frames, len(stamps), err)
	}
	return stamps
}
