package mkv

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// read returns what a file holds from an instant on.
func read(t testing.TB, path string, size int64, fromNs int64) (*File, []*media.Frame) {
	t.Helper()
	fd, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { fd.Close() })
	if size < 0 {
		st, err := fd.Stat()
		if err != nil {
			t.Fatal(err)
		}
		size = st.Size()
	}
	f, err := Open(fd, size)
	if err != nil {
		t.Fatal(err)
	}
	it, err := f.Frames(fromNs)
	if err != nil {
		t.Fatal(err)
	}
	var got []*media.Frame
	for {
		fr, err := it.Next()
		if err == io.EOF {
			return f, got
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fr)
	}
}

// same compares frames as read with those written.
func same(t *testing.T, c *clip, got []*media.Frame, want []*media.Frame) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d frames, want %d", len(got), len(want))
	}
	lastDTS := map[int]int64{0: -1 << 62, 1: -1 << 62}
	for i, f := range got {
		w := want[i]
		if f.Track != w.Track || f.Keyframe != w.Keyframe || !bytes.Equal(f.Payload, w.Payload) {
			t.Fatalf("frame %d is another one", i)
		}
		if d := f.TimeNs() - w.TimeNs(); d > tickNs/2+20000 || d < -tickNs/2-20000 {
			t.Fatalf("frame %d is %d ns off", i, d)
		}
		if f.DTSTicks > f.PTSTicks && f.DTSTicks != lastDTS[f.Track]+1 || f.DTSTicks <= lastDTS[f.Track] {
			t.Fatalf("frame %d: DTS %d, PTS %d, DTS before %d", i, f.DTSTicks, f.PTSTicks, lastDTS[f.Track])
		}
		lastDTS[f.Track] = f.DTSTicks
		if f.Track == 1 && f.DurationTicks != w.DurationTicks {
			t.Fatalf("frame %d lasts %d, want %d", i, f.DurationTicks, w.DurationTicks)
		}
	}
	// Audio comes back exact to the sample.
	var first, prev *media.Frame
	for i, f := range got {
		if f.Track != 1 {
			continue
		}
		if first == nil {
			first = f
		} else if gap := f.PTSTicks - prev.PTSTicks - prev.DurationTicks; gap != want[i].PTSTicks-prevWant(want, i)-want[i].DurationTicks {
			t.Fatalf("audio frame %d begins %d samples off", i, gap)
		}
		prev = f
	}
}

func prevWant(want []*media.Frame, i int) int64 {
	for i--; ; i-- {
		if want[i].Track == 1 {
			return want[i].PTSTicks
		}
	}
}

func TestSeekStartsAtTheKeyframeBefore(t *testing.T) {
	c := interleave("h264", cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 8)
	path := filepath.Join(t.TempDir(), "a.mkv")
	w := c.write(t, path)
	for _, state := range []string{"open", "closed"} {
		if state == "closed" {
			patch(t, path, w.Close())
		}
		for ms := int64(-500); ms < 9000; ms += 130 {
			_, got := read(t, path, -1, c.meta().StartNs+ms*1e6)
			if len(got) == 0 {
				t.Fatalf("%s, %d ms: nothing", state, ms)
			}
			// A keyframe each second.
			want := min(max(ms, 0)/1000*1000, 7000)
			if at := (got[0].TimeNs() - c.meta().StartNs) / 1e6; at != want || !got[0].Keyframe {
				t.Fatalf("%s, %d ms: begins at %d ms, want %d", state, ms, at, want)
			}
		}
	}
}

// TestTornAtEveryByte: wherever a file ends, what was whole before is read, nothing else, and repairing never fails.
func TestEveryKeyframeHasACueWhereverClustersEnd(t *testing.T) {
	c := interleave("h264", cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 8)
	w, err := NewWriter(c.run, c.meta())
	if err != nil {
		t.Fatal(err)
	}
	keys := 0
	for i, f := range c.frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
		if f.Keyframe {
			keys++
		}
		if i+2 < len(c.frames) && c.frames[i+2].Keyframe { // a round of writing, one frame before the keyframe
			w.EndCluster()
		}
	}
	if len(w.cues) != keys || keys < 4 {
		t.Errorf("%d cues for %d keyframes", len(w.cues), keys)
	}
}

func TestTornAtEveryByte(t *testing.T) {
	c := synthetic(40)
	path := filepath.Join(t.TempDir(), "a.mkv")
	c.write(t, path)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	full, err := Open(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	x, err := full.Scan()
	if err != nil || x.Size != int64(len(whole)) {
		t.Fatalf("%+v, %v", x, err)
	}
	for n := range len(whole) {
		f, err := Open(bytes.NewReader(whole[:n]), int64(n))
		if int64(n) < full.layout.clusters {
			if err == nil && int64(n) < full.layout.clusters {
				t.Fatalf("header of %d bytes passes", n)
			}
			if !errors.Is(err, ErrFormat) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("cut at %d: %v", n, err)
		}
		if y, err := f.Scan(); err != nil || y.Size > int64(n) || y.Clusters > x.Clusters {
			t.Fatalf("cut at %d: %+v, %v", n, y, err)
		}
	}
	// A flipped bit in the last cluster: it does not count.
	for n := len(whole) - 60; n < len(whole); n++ {
		b := bytes.Clone(whole)
		b[n] ^= 4
		f, err := Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatal(err)
		}
		if y, err := f.Scan(); err != nil || y.Clusters != x.Clusters-1 {
			t.Fatalf("flip at %d: %+v, %v", n, y, err)
		}
	}
	// Bad sectors in the header while Cues were being written: what is behind is found all the same.
	b := bytes.Clone(whole)
	for i := 100; i < 8000; i++ {
		b[i] = byte(i)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := repairFile(filesys.OS, path); err != nil || r.Clusters != x.Clusters {
		t.Fatalf("repair of a half-written front: %+v, %v", r, err)
	}
}
