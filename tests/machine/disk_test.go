//go:build whole

package machine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

const (
	// said is how soon the appliance must say what happened to a disk. It takes a second or two; the rest is for a
	// machine in software emulation whose host has other work.
	said = 15 * time.Second
	// hole is the longest span that a camera's timeline may lack where one disk's recording ends and another's begins.
	hole = gop + time.Second
)

// TestRecordingGoesOnWhateverADiskDoes pulls one disk of two, fills the other, which is small, plugs the first in again
// and lets the other one fail. The cameras are recorded all the while, the web admin answers all the while, and nothing
// is restarted.
func TestRecordingGoesOnWhateverADiskDoes(t *testing.T) {
	const large, small = "data0", "data1"
	b := open(t, site.Config{Firmware: vm.BIOS, Medium: vm.CD, DiskBytes: []int64{2 << 30, 320 << 20}, Cameras: []rtspcam.Config{
		{ID: "steady", Video: video(content.H264, 3, 500_000)},
		{ID: "busy", Video: video(content.H265, 4, 6_000_000)},
	}})
	b.boot(t)
	b.makeOwner(t)
	b.onTime(t)
	b.addCameras(t)
	b.recording(t)
	first, second := b.volumeOn(t, "DATA0"), b.volumeOn(t, "DATA1")
	before, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.on(t, first) // by their sizes, both cameras belong there
	b.goesOn(t, 4*time.Second)
	firstMs := b.firstMs(t)
	answers := b.watch(t)

	// Pulled.
	pulled := time.Now()
	if err := b.VM.RemoveDisk(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	b.until(t, said, "the pulled disk is said", func(ctx context.Context) (bool, error) {
		v, err := b.volume(ctx, first)
		return met(v.Status == api.VolumeStatusFailed && v.Reason != "", err, v)
	})
	b.until(t, said, "recording says it too", func(ctx context.Context) (bool, error) {
		v, r, err := b.recordingVolume(ctx, first)
		return met(v.Status == api.RecordingVolumeStatusAbsent && v.Reason != "" && v.Segments >= 2 && len(r.Warnings) > 0, err, r)
	})
	t.Logf("pulled disk said after %.1f s", time.Since(pulled).Seconds())
	b.guided(t, first, "DATA0")
	if s, err := b.Status(t.Context()); err != nil || slices.ContainsFunc(s.Disks, func(d api.Disk) bool { return d.Serial == "DATA0" }) {
		t.Errorf("the pulled disk is still in the list: %+v, %v", s.Disks, err)
	}
	b.on(t, second)
	b.goesOn(t, 3*time.Second)
	b.unbroken(t, "steady", "busy")
	for own, id := range b.cameras {
		line, err := b.timeline(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(line.Segments, func(s api.Segment) bool { return s.Volume == first }) {
			t.Errorf("%s: what is on the pulled disk is forgotten: %+v", own, line.Segments)
		}
	}

	// Full: a segment that has ended goes when its volume is over its limit.
	b.enable(t, "busy", false)
	b.enable(t, "busy", true)
	var oldest api.Segment
	b.until(t, time.Minute, "the busy camera has a closed segment on the small disk", func(ctx context.Context) (bool, error) {
		line, err := b.timeline(ctx, b.cameras["busy"])
		i := slices.IndexFunc(line.Segments, func(s api.Segment) bool { return s.Volume == second && !s.Open })
		if i < 0 {
			return false, err
		}
		oldest = line.Segments[i]
		return true, err
	})
	if err := b.Call(t.Context(), http.MethodPut, "/recording/volumes/"+second, api.RecordingVolumeRequest{LimitPercent: new(10)}, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, 2*time.Minute, "the oldest recording is deleted", func(ctx context.Context) (bool, error) {
		line, err := b.timeline(ctx, b.cameras["busy"])
		there := slices.ContainsFunc(line.Segments, func(s api.Segment) bool { return s.ID == oldest.ID })
		return err == nil && !there, err
	})
	// Else what both cameras leave there would go too, as soon as it is closed.
	if err := b.Call(t.Context(), http.MethodPut, "/recording/volumes/"+second, api.RecordingVolumeRequest{LimitPercent: new(90)}, nil); err != nil {
		t.Fatal(err)
	}
	b.goesOn(t, 2*time.Second)
	b.unbroken(t, "steady")

	// Back again.
	plugged := time.Now()
	if err := b.VM.InsertDisk(t.Context(), large); err != nil {
		t.Fatal(err)
	}
	b.until(t, said, "the disk shows", func(ctx context.Context) (bool, error) {
		s, err := b.Status(ctx)
		return slices.ContainsFunc(s.Disks, func(d api.Disk) bool { return d.Serial == "DATA0" }), err
	})
	t.Logf("the disk shows after %.1f s", time.Since(plugged).Seconds())
	b.usable(t, first, 30*time.Second)
	t.Logf("the disk is a volume again after %.1f s", time.Since(plugged).Seconds())
	b.on(t, second)

	// Failing.
	failing := time.Now()
	if err := b.VM.FailWrites(t.Context(), small, true); err != nil {
		t.Fatal(err)
	}
	b.until(t, said, "the failing disk is said", func(ctx context.Context) (bool, error) {
		v, r, err := b.recordingVolume(ctx, second)
		return met(v.Status == api.RecordingVolumeStatusDegraded && v.Reason != "" && len(r.Warnings) > 0, err, r)
	})
	t.Logf("failing disk said after %.1f s", time.Since(failing).Seconds())
	b.on(t, first)
	b.until(t, said, "the system page says it too", func(ctx context.Context) (bool, error) {
		v, err := b.volume(ctx, second)
		return met(v.Status == api.VolumeStatusFailed && v.Reason != "" && v.Disk != "", err, v)
	})
	// Whoever says it: a disk that is there is not called absent.
	if v, r, err := b.recordingVolume(t.Context(), second); err != nil || v.Status != api.RecordingVolumeStatusDegraded || v.Reason == "" {
		t.Errorf("%v: %+v", err, r)
	}
	b.goesOn(t, 3*time.Second)
	b.unbroken(t, "steady")

	// Well again.
	healed := time.Now()
	if err := b.VM.FailWrites(t.Context(), small, false); err != nil {
		t.Fatal(err)
	}
	b.usable(t, second, time.Minute)
	t.Logf("the disk is used again %.1f s after it was well", time.Since(healed).Seconds())

	// Checked, which takes it off for a while.
	b.on(t, first)
	checking := time.Now()
	if err := b.Call(t.Context(), http.MethodPost, "/volumes/"+first+"/change", api.VolumeChange{Action: api.VolumeChangeActionCheck}, nil); err != nil {
		t.Fatal(err)
	}
	b.on(t, second)
	t.Logf("the cameras are recorded elsewhere %.1f s after a check was asked for", time.Since(checking).Seconds())
	b.until(t, time.Minute, "the volume is checked", func(ctx context.Context) (bool, error) {
		v, err := b.volume(ctx, first)
		return met(v.Check.Result == api.VolumeCheckResultClean, err, v)
	})
	b.usable(t, first, time.Minute)
	t.Logf("checked and used again after %.1f s", time.Since(checking).Seconds())
	b.goesOn(t, 2*time.Second)
	b.unbroken(t, "steady")
	answers()

	for own, ms := range b.firstMs(t) {
		if ms != firstMs[own] {
			t.Errorf("%s: the oldest footage is of %d, want %d, from before the first disk was pulled", own, ms, firstMs[own])
		}
	}
	b.whole(t)
	after, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after.StartedMs != before.StartedMs {
		t.Errorf("the machine has started at %d, and again at %d", before.StartedMs, after.StartedMs)
	}
	servicesAreWell(t, after)
	b.powerOff(t)
}

// met is the answer to bench.until: whether a condition holds, and if not, what there is instead.
func met(holds bool, err error, instead any) (bool, error) {
	if holds {
		return true, err
	}
	return false, errors.Join(err, fmt.Errorf("%+v", instead))
}

// volumeOn returns the id of the volume on the disk with a serial number.
func (b *bench) volumeOn(t *testing.T, serial string) string {
	t.Helper()
	s, err := b.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range s.Disks {
		if d.Serial == serial && d.Volume != "" {
			return d.Volume
		}
	}
	t.Fatalf("no volume on disk %s: %+v", serial, s.Disks)
	return ""
}

// volume is what the system says of a volume.
func (b *bench) volume(ctx context.Context, id string) (api.Volume, error) {
	s, err := b.Status(ctx)
	for _, v := range s.Volumes {
		if v.ID == id {
			return v, err
		}
	}
	return api.Volume{}, err
}

// recordingVolume is what the engine says of a volume, and of all.
func (b *bench) recordingVolume(ctx context.Context, id string) (api.RecordingVolume, api.Recording, error) {
	r, err := b.Recording(ctx)
	for _, v := range r.Volumes {
		if v.ID == id {
			return v, r, err
		}
	}
	return api.RecordingVolume{}, r, err
}

// guided checks that people are told what to do about a volume whose disk is gone: on the page, and by an event.
func (b *bench) guided(t *testing.T, id, serial string) {
	t.Helper()
	v, err := b.volume(t.Context(), id)
	if err != nil || v.Failure.Cause != api.VolumeFailureCauseGone || v.Failure.Serial != serial || v.Failure.SinceMs == 0 || len(v.Failure.Steps) == 0 {
		t.Errorf("%+v, %v", v, err)
	}
	var events []api.DiskEvent
	if err := b.Call(t.Context(), http.MethodGet, "/disk-events", nil, &events); err != nil {
		t.Fatal(err)
	}
	if !slices.ContainsFunc(events, func(e api.DiskEvent) bool {
		return e.Serial == serial && e.Severity == api.DiskEventSeverityFailure && strings.Contains(e.Text, v.Name)
	}) {
		t.Errorf("events %+v", events)
	}
}

// usable waits until a volume takes recordings again, and the index.
func (b *bench) usable(t *testing.T, id string, limit time.Duration) {
	t.Helper()
	b.until(t, limit, "volume "+id+" is usable again", func(ctx context.Context) (bool, error) {
		v, err := b.volume(ctx, id)
		if v.Status != api.VolumeStatusMounted {
			return met(false, err, v)
		}
		rv, r, err := b.recordingVolume(ctx, id)
		indexed := slices.ContainsFunc(r.IndexCopies, func(c api.IndexCopy) bool { return c.Volume == id && c.Status == api.IndexCopyStatusOk })
		return met(rv.Status == api.RecordingVolumeStatusOk && indexed, err, r)
	})
}

// on waits until all cameras are recorded on a volume.
func (b *bench) on(t *testing.T, volume string) {
	t.Helper()
	b.until(t, time.Minute, "all cameras are recorded on volume "+volume, func(ctx context.Context) (bool, error) {
		list, err := b.Client.Cameras(ctx)
		for _, c := range list {
			if !c.State.Recording || c.State.Volume != volume {
				return false, fmt.Errorf("%s: %+v", c.Name, c.State)
			}
		}
		return len(list) == len(b.cameras), err
	})
}

// goesOn waits until all cameras have footage, for sure on disk, of some time after now.
func (b *bench) goesOn(t *testing.T, beyond time.Duration) {
	t.Helper()
	now := time.Now()
	for _, id := range b.cameras {
		b.footage(t, id, now.Add(beyond))
	}
}

// unbroken checks that cameras' timelines lack nothing.
func (b *bench) unbroken(t *testing.T, cameras ...string) {
	t.Helper()
	for _, own := range cameras {
		line, err := b.timeline(t.Context(), b.cameras[own])
		if err != nil || len(line.Segments) == 0 {
			t.Fatalf("%s: %+v, %v", own, line, err)
		}
		end := line.Segments[0].EndMs
		for _, s := range line.Segments {
			if lacks := time.Duration(s.StartMs-end) * time.Millisecond; lacks > hole {
				t.Errorf("%s: nothing for %v before %v", own, lacks, time.UnixMilli(s.StartMs).UTC())
			}
			end = max(end, s.EndMs)
		}
		if len(line.Gaps) != 0 {
			t.Errorf("%s: gaps %+v", own, line.Gaps)
		}
	}
}

// enable switches a camera on or off, and waits until it is.
func (b *bench) enable(t *testing.T, own string, on bool) {
	t.Helper()
	id := b.cameras[own]
	request := api.CameraRequest{Name: own, URL: b.Site.Cameras.URL(b.Site.Cameras.Camera(own)), Enabled: on}
	if err := b.Call(t.Context(), http.MethodPut, "/cameras/"+id, request, nil); err != nil {
		t.Fatal(err)
	}
	b.until(t, time.Minute, fmt.Sprintf("%s is recorded: %v", own, on), func(ctx context.Context) (bool, error) {
		var c api.Camera
		err := b.Call(ctx, http.MethodGet, "/cameras/"+id, nil, &c)
		return met(err == nil && c.State.Recording == on, err, c.State)
	})
}

// watch asks the web admin all the time until the returned function is called, which says what it did not answer.
func (b *bench) watch(t *testing.T) (stop func()) {
	t.Helper()
	const slow = 5 * time.Second
	ctx, cancel := context.WithCancel(t.Context())
	var slowest time.Duration
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(500 * time.Millisecond)
		defer tick.Stop()
		for {
			for _, path := range []string{"/session", "/status", "/recording", "/cameras"} {
				began := time.Now()
				err := b.Call(ctx, http.MethodGet, path, nil, nil)
				if ctx.Err() != nil {
					return
				}
				took := time.Since(began)
				slowest = max(slowest, took)
				if err != nil || took > slow {
					t.Errorf("%s answers after %v: %v", path, took, err)
				}
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	})
	end := sync.OnceFunc(func() {
		cancel()
		work.Wait()
		t.Logf("the slowest answer of the web admin took %v", slowest)
	})
	t.Cleanup(end)
	return end
}

// whole checks that every segment of every camera is there and as it was sent, and that of the steady one, whose disks
// were taken from it one by one, no frame is lost.
func (b *bench) whole(t *testing.T) {
	t.Helper()
	for own := range b.cameras {
		stamps := b.verify(t, own)
		if own != "steady" {
			continue
		}
		lost := ledger.Compare(b.Site.Cameras.Camera(own).Sent(), stamps).Missing
		if len(lost) != 0 {
			t.Errorf("%s: %d frames are lost, the first is %d", own, len(lost), lost[0])
		}
	}
}
