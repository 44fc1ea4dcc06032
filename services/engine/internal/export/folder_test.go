package export

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

const cameraID = "k3f9x2ab"

var epoch = time.Date(2026, 3, 4, 5, 6, 7, 123_456_700, time.UTC)

// folder is an archive of files in one folder.
type folder struct {
	dir    string
	list   []Footage
	sizes  map[string]int64
	open   map[string]bool
	behind time.Duration
	held   atomic.Int32
}

func newFolder(t testing.TB) *folder {
	return &folder{dir: t.TempDir(), sizes: map[string]int64{}, open: map[string]bool{}}
}

type segmentFile struct {
	*os.File
	size int64
	open bool
}

func (f *segmentFile) Size() int64   { return f.size }
func (f *segmentFile) Growing() bool { return f.open }

func (a *folder) Footage(camera, stream string, fromMs, toMs int64) (out []Footage, err error) {
	for _, s := range a.list {
		if camera == cameraID && stream == "main" && s.EndMs > fromMs && s.StartMs < toMs {
			out = append(out, s)
		}
	}
	return out, nil
}

func (a *folder) Open(id string) (Segment, error) {
	f, err := os.Open(filepath.Join(a.dir, id))
	if err != nil {
		return nil, err
	}
	return &segmentFile{f, a.sizes[id], a.open[id]}, nil
}

func (a *folder) Nearest(camera, stream string, atMs int64) (fromMs, toMs int64, found bool, err error) {
	for _, s := range a.list {
		if camera == cameraID {
			return s.StartMs, s.EndMs, true, nil
		}
	}
	return 0, 0, false, nil
}

func (a *folder) Hold(camera string, fromMs, toMs int64) (release func()) {
	a.held.Add(1)
	return func() { a.held.Add(-1) }
}

func (a *folder) Behind() time.Duration { return a.behind }

// add writes frames as a segment, in rounds of some frames as an archive does. One that stays open lacks what closing
// adds, and has rubbish behind its durable end.
func (a *folder) add(t testing.TB, frames []*media.Frame, open bool) string {
	t.Helper()
	start := frames[0].TimeNs()
	w, err := mkv.NewWriter(frames[0].Run, mkv.Meta{App: "test", StartNs: start, Kind: "standard", CameraName: "Door", UUID: [16]byte{1}})
	if err != nil {
		t.Fatal(err)
	}
	id := fmt.Sprintf("%d-%d", len(a.list), start/1e6)
	f, err := os.Create(filepath.Join(a.dir, id))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	write := func(b []byte, at int64) {
		if _, err := f.WriteAt(b, at); err != nil {
			t.Fatal(err)
		}
	}
	for i, fr := range frames {
		if err := w.Add(fr); err != nil {
			t.Fatal(err)
		}
		if i%11 == 10 || i == len(frames)-1 {
			w.EndCluster()
			b := w.Take()
			write(slices.Concat(b.Pieces...), b.Offset)
			w.Recycle(b)
		}
	}
	size := w.Size()
	if open {
		write(bytes.Repeat([]byte{0xa5}, 1000), size)
	} else {
		for _, p := range w.Close() {
			write(p.Data, p.Offset)
		}
	}
	a.list = append(a.list, Footage{id, start / 1e6, ceil(w.EndNs(), 1e6)})
	slices.SortFunc(a.list, func(x, y Footage) int { return int(x.StartMs - y.StartMs) })
	a.sizes[id], a.open[id] = size, open
	return id
}

// film is a recording of so many seconds, cut into segments of some frames.
func film(t testing.TB, a *folder, v *cameratest.Video, audio *cameratest.Audio, seconds, perSegment int) []*media.Frame {
	t.Helper()
	frames := cameratest.Frames(epoch, v, audio, seconds*v.Rate)
	var segment []*media.Frame
	pictures := 0
	for _, f := range frames {
		if f.Track == 0 {
			if f.Keyframe && pictures >= perSegment {
				a.add(t, segment, false)
				segment, pictures = nil, 0
			}
			pictures++
		}
		segment = append(segment, f)
	}
	a.add(t, segment, false)
	return frames
}

func key(t testing.TB) manifest.Key {
	k, err := manifest.NewKey(bytes.Repeat([]byte{9}, manifest.SeedSize))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// planOf plans an export of the camera from one offset after epoch to another.
func planOf(t testing.TB, a Archive, from, to time.Duration, change func(*wish)) *bundle {
	t.Helper()
	w := wish{cameras: []camera{{Camera: manifest.Camera{ID: cameraID, Name: "Door/1", Stream: "main"}}}, fromMs: epoch.Add(from).UnixMilli(), toMs: epoch.Add(to).UnixMilli()}
	if change != nil {
		change(&w)
	}
	p, err := makePlan(t.Context(), a, w)
	if err != nil {
		t.Fatal(err)
	}
	about := manifest.About{Software: "Vigie test", Appliance: "gate", Export: manifest.Export{ID: "x1", By: "ann", Note: "case 4711", CreatedMs: epoch.UnixMilli() + 1e6, FromMs: w.fromMs, ToMs: w.toMs}}
	if err := p.settle(about, time.UTC); err != nil {
		t.Fatal(err)
	}
	return newBundle(p, about, key(t), time.UTC)
}
