package mkv

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"vigie/services/engine/internal/media"
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

// nobody is the user without rights that VLC runs as, which refuses to be root.
const nobody = 65534

// vlc lets VLC read a file through its own demuxer and packetizers, as for a stream that it passes on, and returns how many
// pictures and sounds came out. What it says against the file fails the test. Decoding adds nothing to that: its decoders are
// ffmpeg's. Its transcoder, and its display without a screen, leave out what comes late, so that a count of theirs says more
// of the machine's load than of the file.
func vlc(t *testing.T, path string, torn bool) (pictures, sounds int) {
	t.Helper()
	dir, err := os.MkdirTemp("", "vlc") // t.TempDir is closed to nobody
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	list := filepath.Join(dir, "blocks")
	cmd := exec.CommandContext(t.Context(), "cvlc", "-v", "--no-dbus", "--no-lua", "--play-and-exit", "--sout-all",
		"--sout", "#stats{output="+list+",prefix=x}", "fd://3")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "LANG=C"}
	cmd.ExtraFiles = []*os.File{file}
	if os.Getuid() == 0 {
		if err := os.Chown(dir, nobody, nobody); err != nil {
			t.Fatal(err)
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("vlc: %v: %s", err, out)
	}
	usual := regexp.MustCompile(`no cues/empty cues found|warning: EOF|cannot get block EOF`) // of a file that is open, and at its end
	if torn {
		usual = regexp.MustCompile(usual.String() + "|Error while reading SimpleBlock") // that which is torn
	}
	about := regexp.MustCompile(` (demux|packetizer|input|decoder|stream) (error|warning): `) // others miss a screen, a sound card ...
	for line := range strings.Lines(string(out)) {
		if about.MatchString(line) && !usual.MatchString(line) {
			t.Errorf("vlc: %s", line)
		}
	}
	blocks, err := os.ReadFile(list)
	if err != nil {
		t.Fatalf("vlc: %v: %s", err, out)
	}
	for line := range strings.Lines(string(blocks)) {
		switch fields := strings.Split(line, "\t"); {
		case len(fields) < 3 || fields[0] != "x":
		case fields[2] == "Video":
			pictures++
		case fields[2] == "Audio":
			sounds++
		}
	}
	return pictures, sounds
}

// vlcSees holds what VLC finds in a file against how many pictures there are, at least where it is torn and at most, and
// sounds. Where a codec has no packetizer of its own it keeps the last of a track to itself.
func vlcSees(t *testing.T, path string, least, most, sounds int) {
	t.Helper()
	seen, heard := vlc(t, path, least < most)
	if seen < max(1, least-1) || seen > most || heard < sounds*9/10-1 {
		t.Errorf("VLC sees %d pictures of %d to %d, and hears %d sounds of %d", seen, least, most, heard, sounds)
	}
}

func videoOf(frames []*media.Frame) (n int) {
	for _, f := range frames {
		if f.Track == 0 {
			n++
		}
	}
	return n
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
