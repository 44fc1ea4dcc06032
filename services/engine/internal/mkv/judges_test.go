package mkv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
	"github.com/google/go-cmp/cmp"

	"vigie/internal/filesys"
)

// judge lets programs that nobody here wrote read a file: none may find a fault, and the frames must be there.
func judge(t *testing.T, c *clip, path string, closed bool, frames int) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "warning", "-count_frames", "-show_entries", "stream=codec_type,nb_read_frames,width:format=duration", "-of", "json", path).CombinedOutput()
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, out)
	}
	var probe struct {
		Streams []struct {
			CodecType string `json:"codec_type"`
			Frames    string `json:"nb_read_frames"`
		}
		Format struct{ Duration string }
	}
	if err := json.Unmarshal(out, &probe); err != nil {
		t.Fatalf("ffprobe complains: %s", out)
	}
	video := videoOf(c.frames[:frames])
	if len(probe.Streams) != len(c.run.Tracks) || probe.Streams[0].Frames != fmt.Sprint(video) {
		t.Errorf("ffprobe sees %+v; want %d pictures", probe, video)
	}
	if closed && probe.Format.Duration == "" {
		t.Error("ffprobe sees no duration")
	}
	out, err = exec.Command("ffmpeg", "-v", "warning", "-xerror", "-i", path, "-f", "null", "-").CombinedOutput()
	// G.711 says how many channels there are, not where the loudspeakers stand.
	out = regexp.MustCompile(`Guessed Channel Layout .* : mono\n`).ReplaceAll(out, nil)
	if err != nil || len(out) > 0 {
		t.Errorf("ffmpeg: %v: %s", err, out)
	}
	if out, err := exec.Command("mkvmerge", "-o", filepath.Join(t.TempDir(), "out.mkv"), path).CombinedOutput(); err != nil || bytes.Contains(bytes.ToLower(out), []byte("warning")) {
		t.Errorf("mkvmerge: %v: %s", err, out)
	}
	if out, err := exec.Command("mkvinfo", "--all", path).CombinedOutput(); err != nil || bytes.Contains(bytes.ToLower(out), []byte("error")) || bytes.Contains(out, []byte("Unknown")) {
		t.Errorf("mkvinfo: %v: %.2000s", err, out)
	}
	home := t.TempDir() // mediaconch keeps a database in it, and two at a time wait for each other
	mediaconch := func(as string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "mediaconch", "-mc", as, path)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		return cmd.CombinedOutput()
	}
	if out, err := mediaconch("-fs"); err != nil || !bytes.HasPrefix(out, []byte("pass!")) {
		out, _ = mediaconch("-ft")
		t.Errorf("mediaconch: %v: %.6000s", err, out)
	}
	if closed {
		strict(t, path, len(c.run.Tracks))
	}
	if len(c.run.Tracks) > 1 {
		audible(t, path, c.run.Tracks[1].SampleRate)
	}
}

// strict decodes a closed file with another implementation's schema.
func strict(t *testing.T, path string, tracks int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var doc struct {
		Header  webm.EBMLHeader `ebml:"EBML"`
		Segment struct {
			SeekHead *webm.SeekHead `ebml:"SeekHead"`
			Info     webm.Info      `ebml:"Info"`
			Tracks   webm.Tracks    `ebml:"Tracks"`
			Cues     *webm.Cues     `ebml:"Cues"`
			Cluster  []struct {
				Timecode    uint64       `ebml:"Timecode"`
				SimpleBlock []ebml.Block `ebml:"SimpleBlock"`
			} `ebml:"Cluster"`
		} `ebml:"Segment"`
	}
	if err := ebml.Unmarshal(f, &doc, ebml.WithIgnoreUnknown(true)); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("ebml-go: %v", err)
	}
	s := doc.Segment
	if len(s.Tracks.TrackEntry) != tracks || s.Cues == nil || s.SeekHead == nil || len(s.Cluster) == 0 || s.Info.Duration == 0 {
		t.Fatalf("ebml-go sees %d tracks, cues %v, seek head %v, %d clusters, duration %v", len(s.Tracks.TrackEntry), s.Cues, s.SeekHead, len(s.Cluster), s.Info.Duration)
	}
	for _, c := range s.Cluster {
		if span := c.SimpleBlock[len(c.SimpleBlock)-1].Timecode; span > clusterTicks+1000 {
			t.Errorf("cluster at %d spans %d ticks", c.Timecode, span)
		}
	}
}

func TestEveryJudgeAcceptsOpenClosedTornAndRepairedFiles(t *testing.T) {
	for _, c := range clips(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			open := filepath.Join(dir, "a.open.mkv")
			w := c.write(t, open)
			judge(t, c, open, false, len(c.frames))
			video := videoOf(c.frames)
			manyStates := c.name == "h264 aac" || c.name == "mjpeg g726-16" // VLC's demuxer is the same for all codecs: each is tried once
			if manyStates {
				vlcSees(t, open, video, video, len(c.frames)-video)
			}
			f, got := read(t, open, -1, 0)
			same(t, c, got, c.stored())
			if f.Closed() {
				t.Error("open file passes for closed")
			}

			torn := filepath.Join(dir, "torn.open.mkv")
			whole, err := os.ReadFile(open)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(torn, whole[:len(whole)-100], 0o600); err != nil {
				t.Fatal(err)
			}
			if manyStates {
				vlcSees(t, torn, video*3/4, video, 0)
			}

			patch(t, open, w.Close())
			judge(t, c, open, true, len(c.frames))
			vlcSees(t, open, video, video, len(c.frames)-video)
			f, got = read(t, open, -1, 0)
			same(t, c, got, c.stored())
			if !f.Closed() || f.EndNs() < w.EndNs() {
				t.Errorf("closed %v, end %d, want %d", f.Closed(), f.EndNs(), w.EndNs())
			}
			want := c.meta()
			if diff := cmp.Diff(want, f.Meta()); diff != "" {
				t.Errorf("meta: %s", diff)
			}
			run := *c.run
			run.StartNs = want.StartNs
			if diff := cmp.Diff(&run, f.Run()); diff != "" {
				t.Errorf("run: %s", diff)
			}

			r, err := repairFile(filesys.OS, torn)
			if err != nil || r.CutBytes == 0 || r.Clusters == 0 {
				t.Fatalf("repair: %+v, %v", r, err)
			}
			f, got = read(t, torn, -1, 0)
			if !f.Closed() || f.EndNs() != r.EndNs {
				t.Errorf("repaired file: closed %v, end %d, want %d", f.Closed(), f.EndNs(), r.EndNs)
			}
			// Found again up to the last whole cluster.
			all := c.stored()
			same(t, c, got, all[:len(got)])
			if lost := time.Duration(all[len(all)-1].TimeNs() - got[len(got)-1].TimeNs()); lost > time.Second {
				t.Errorf("lost %v", lost)
			}
			left := len(c.frames) - len(all) + len(got)
			judge(t, c, torn, true, left)
			if manyStates {
				video := videoOf(c.frames[:left])
				vlcSees(t, torn, video, video, left-video)
			}
			again, err := repairFile(filesys.OS, torn)
			if err != nil || again.CutBytes != 0 || again.EndNs != r.EndNs {
				t.Errorf("second repair: %+v, %v", again, err)
			}
		})
	}
}

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
// pictures and sounds came out. What it says against the file fails the test.
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
