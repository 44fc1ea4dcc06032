package mkv

import (
	"bytes"
	"fmt"
	"math"
	"os/exec"
	"path/filepath"
	"testing"
)

// audible lets ffmpeg decode the sound, which must be the rising tone of package cameratest. Coders delay it by some
// samples and add noise.
func audible(t *testing.T, path string, rate int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-f", "s16le", "-ac", "1", "-")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("ffmpeg: %v", err)
	}
	pcm := make([]float64, len(out)/2)
	for i := range pcm {
		pcm[i] = float64(int16(uint16(out[2*i]) | uint16(out[2*i+1])<<8))
	}
	n, step := rate/2, max(1, rate/8000)
	if len(pcm) < 3*n {
		t.Fatalf("%d samples of sound", len(pcm))
	}
	best, at := 0.0, 0
	for lag := 0; lag < rate/10; lag += step { // up to 100 ms
		var both, a, b float64
		for i := 0; i < n; i += step {
			s := float64(i) / float64(rate)
			want, got := math.Sin(2*math.Pi*(300+200*s)*s), pcm[i+lag]
			both, a, b = both+want*got, a+want*want, b+got*got
		}
		if r := both / math.Sqrt(a*b+1); r > best {
			best, at = r, lag
		}
	}
	if best < 0.8 {
		t.Errorf("the sound is like what was sent by %.2f (%d samples late)", best, at)
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
