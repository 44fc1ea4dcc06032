package mkv

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/services/engine/internal/media"
)

func TestMoreKeyframesThanRoomForCuesAreThinnedOut(t *testing.T) {
	c := synthetic(3000)
	for _, f := range c.frames {
		f.Keyframe = f.Track == 0
		f.Payload = f.Payload[:min(len(f.Payload), 8)]
	}
	path := filepath.Join(t.TempDir(), "a.mkv")
	w := c.write(t, path)
	patch(t, path, w.Close())
	f, _ := read(t, path, -1, 0)
	if len(f.cues) < 300 || len(f.cues) >= 3000 {
		t.Fatalf("%d cues", len(f.cues))
	}
	_, got := read(t, path, -1, c.meta().StartNs+250e9)
	if at := got[0].TimeNs() - c.meta().StartNs; at != 250e9 {
		t.Fatalf("seek ends at %v", time.Duration(at))
	}
}

func TestWriterAllocatesNothingPerFrame(t *testing.T) {
	c := synthetic(4000)
	w, err := NewWriter(c.run, c.meta())
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	add := func() {
		if err := w.Add(c.frames[i]); err != nil {
			t.Fatal(err)
		}
		if i++; w.Ready() > 0 {
			w.Recycle(w.Take())
		}
	}
	for range 500 {
		add()
	}
	if n := testing.AllocsPerRun(3000, add); n > 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func TestWriterRefusesWhatItCannotStore(t *testing.T) {
	c := synthetic(3)
	w, err := NewWriter(c.run, c.meta())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Add(c.frames[2]); !errors.Is(err, ErrNotKeyframe) {
		t.Errorf("begins with any frame: %v", err)
	}
	for name, tracks := range map[string][]media.Track{
		"no tracks":     nil,
		"no parameters": {{Codec: media.H264, ClockRate: 90000, Width: 1, Height: 1}},
		"no size":       {{Codec: media.H264, ClockRate: 90000, SPS: []byte{1, 2, 3, 4}, PPS: []byte{1}}},
		"no VPS":        {{Codec: media.H265, ClockRate: 90000, SPS: []byte{1, 2, 3, 4}, PPS: []byte{1}, Width: 1, Height: 1}},
		"no rate":       {{Codec: media.PCMA}},
		"codec":         {{Codec: "VP8"}},
		"no VOL":        {{Codec: media.MPEG4, ClockRate: 90000, Width: 1, Height: 1}},
	} {
		if _, err := NewWriter(&media.Run{Tracks: tracks}, Meta{}); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestEveryParameterSetIsKept: of a camera that uses several, in the order of their kinds.
func TestEveryParameterSetIsKept(t *testing.T) {
	c := synthetic(3)
	tr := &c.run.Tracks[0]
	tr.MoreSets = [][]byte{{0x67, 0x42, 0xc0, 0x1e, 2}, {0x68, 3}, {0x68, 4, 5}}
	path := filepath.Join(t.TempDir(), "a.mkv")
	c.write(t, path)
	f, _ := read(t, path, -1, 0)
	got := f.Run().Tracks[0]
	if !bytes.Equal(got.SPS, tr.SPS) || !bytes.Equal(got.PPS, tr.PPS) || fmt.Sprint(got.MoreSets) != fmt.Sprint(tr.MoreSets) {
		t.Errorf("%+v comes back as %+v", tr, got)
	}
	if !f.Run().SameFormat(f.Run()) {
		t.Error("is not like itself")
	}
	other := *c.run
	other.Tracks = append(other.Tracks[:0:0], other.Tracks...)
	other.Tracks[0].MoreSets = tr.MoreSets[:2]
	if other.SameFormat(c.run) {
		t.Error("a set less is the same format")
	}
}
