package archive

import (
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/services/engine/internal/index"
)

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
