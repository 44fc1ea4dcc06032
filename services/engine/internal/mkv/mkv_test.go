package mkv

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/at-wat/ebml-go/webm"
	"github.com/google/go-cmp/cmp"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// clip is a run's frames, interleaved as a camera sends them.
type clip struct {
	name   string
	run    *media.Run
	frames []*media.Frame
}

var startNs = time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.UTC).UnixNano()

// interleave repeats both clips until seconds are covered.
func interleave(name string, v *cameratest.Video, a *cameratest.Audio, seconds int) *clip {
	c := &clip{name: name, run: &media.Run{Camera: "k3f9x2ab", Stream: "main", StartNs: startNs, Tracks: []media.Track{v.Track()}}}
	if a != nil {
		c.run.Tracks = append(c.run.Tracks, a.Track())
	}
	step := int64(90000 / v.Rate)
	audio, samples := 0, int64(0)
	first := v.Units[0].PTS
	for i := range seconds * v.Rate {
		u := v.Units[i%len(v.Units)]
		dts := int64(i) * step
		for a != nil && samples*90000 < dts*int64(a.SampleRate) {
			c.frames = append(c.frames, &media.Frame{Run: c.run, Track: 1, Keyframe: false, PTSTicks: samples, DTSTicks: samples, DurationTicks: int64(a.Samples), Payload: a.Units[audio%len(a.Units)]})
			audio++
			samples += int64(a.Samples)
		}
		pts := int64(i/len(v.Units))*v.Duration() + u.PTS
		c.frames = append(c.frames, &media.Frame{Run: c.run, Track: 0, Keyframe: u.Key, PTSTicks: pts, DTSTicks: dts - first, Payload: v.Payload(u)})
	}
	return c
}

func (c *clip) meta() Meta {
	start := int64(0)
	for _, f := range c.frames {
		if f.Track == 0 {
			start = f.TimeNs()
			break
		}
	}
	return Meta{App: "Vigie test", Appliance: "vigie-1", CameraName: "Gate <east> & ü", Kind: "standard", Clock: "synchronised",
		UUID: [16]byte{1, 2, 3}, PrevUUID: [16]byte{9}, StartNs: start}
}

func clips(t testing.TB) []*clip {
	h264 := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	mjpeg := cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MJPEG})
	return []*clip{
		interleave("h264", h264, nil, 3),
		interleave("h264 aac", h264, cameratest.EncodeAudio(t, media.AAC), 3),
		interleave("h264 pcma", h264, cameratest.EncodeAudio(t, media.PCMA), 3),
		interleave("h264 pcmu", h264, cameratest.EncodeAudio(t, media.PCMU), 3),
		interleave("h264 b-frames", cameratest.EncodeVideo(t, cameratest.VideoOptions{BFrames: 2}), nil, 2),
		interleave("mpeg4 opus", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4}), cameratest.EncodeAudio(t, media.Opus), 3),
		interleave("mpeg4 b-vops", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.MPEG4, BFrames: 1}), nil, 2),
		interleave("mjpeg g726-16", mjpeg, cameratest.EncodeAudio(t, media.G726x16), 3),
		interleave("mjpeg g726-24", mjpeg, cameratest.EncodeAudio(t, media.G726x24), 3),
		interleave("h264 g726-32", h264, cameratest.EncodeAudio(t, media.G726x32), 3),
		interleave("h264 g726-40", h264, cameratest.EncodeAudio(t, media.G726x40), 3),
		interleave("h264 at 100 frames a second", cameratest.EncodeVideo(t, cameratest.VideoOptions{Rate: 100}), nil, 3),
		interleave("h265 aac", cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265}), cameratest.EncodeAudio(t, media.AAC), 3),
	}
}

// write makes a file of a clip and leaves it open: all clusters are in it, nothing is patched.
func (c *clip) write(t testing.TB, path string) *Writer {
	t.Helper()
	w, err := NewWriter(c.run, c.meta())
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	take := func() {
		b := w.Take()
		if b.Offset != int64(file.Len()) {
			t.Fatalf("offset %d at length %d", b.Offset, file.Len())
		}
		for _, p := range b.Pieces {
			file.Write(p)
		}
		if int(b.Offset)+b.Size != file.Len() {
			t.Fatalf("%d bytes are said to be %d", file.Len()-int(b.Offset), b.Size)
		}
		w.Recycle(b)
	}
	for _, f := range c.frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
		take()
	}
	w.EndCluster()
	take()
	if err := os.WriteFile(path, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func patch(t testing.TB, path string, patches []Patch) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range patches {
		if _, err := f.WriteAt(p.Data, p.Offset); err != nil {
			t.Fatal(err)
		}
	}
}

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
	vlcSees(t, path, video, video, frames-video)
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

// stored leaves out what a writer drops: audio from before the first picture.
func (c *clip) stored() []*media.Frame {
	var list []*media.Frame
	for _, f := range c.frames {
		if len(list) == 0 && f.Track != 0 || f.TimeNs() < c.meta().StartNs-tickNs/2 {
			continue
		}
		list = append(list, f)
	}
	return list
}

func TestEveryJudgeAcceptsOpenClosedTornAndRepairedFiles(t *testing.T) {
	for _, c := range clips(t) {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			open := filepath.Join(dir, "a.open.mkv")
			w := c.write(t, open)
			judge(t, c, open, false, len(c.frames))
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

			vlcSees(t, torn, videoOf(c.frames)*3/4, videoOf(c.frames), 0)

			patch(t, open, w.Close())
			judge(t, c, open, true, len(c.frames))
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
			judge(t, c, torn, true, len(c.frames)-len(all)+len(got))
			again, err := repairFile(filesys.OS, torn)
			if err != nil || again.CutBytes != 0 || again.EndNs != r.EndNs {
				t.Errorf("second repair: %+v, %v", again, err)
			}
		})
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

// synthetic is a clip whose pictures nobody could decode, for what looks only at the container.
func synthetic(frames int) *clip {
	run := &media.Run{Camera: "k3f9x2ab", Stream: "sub", StartNs: startNs, Tracks: []media.Track{
		{Codec: media.H264, ClockRate: 90000, SPS: []byte{0x67, 0x42, 0xc0, 0x1e, 1}, PPS: []byte{0x68, 2}, Width: 640, Height: 360},
		{Codec: media.PCMU, ClockRate: 8000, SampleRate: 8000, Channels: 1},
	}}
	c := &clip{run: run}
	for i := range frames {
		c.frames = append(c.frames,
			&media.Frame{Run: run, Track: 0, Keyframe: i%10 == 0, PTSTicks: int64(i) * 9000, DTSTicks: int64(i) * 9000, Payload: bytes.Repeat([]byte{byte(i)}, 20)},
			&media.Frame{Run: run, Track: 1, PTSTicks: int64(i) * 800, DTSTicks: int64(i) * 800, DurationTicks: 800, Payload: bytes.Repeat([]byte{0x55}, 800)})
	}
	return c
}

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

func FuzzFile(f *testing.F) {
	c := synthetic(25)
	path := filepath.Join(f.TempDir(), "a.mkv")
	w := c.write(f, path)
	open, _ := os.ReadFile(path)
	f.Add(rounds(f, c, 3))
	f.Add(open)
	f.Add(open[:len(open)-30])
	patch(f, path, w.Close())
	closed, _ := os.ReadFile(path)
	f.Add(closed)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			if !errors.Is(err, ErrFormat) {
				t.Fatal(err)
			}
			return
		}
		x, err := file.Scan()
		y, ok, terr := file.tail()
		for _, x := range []Extent{x, y} {
			if x.Size != 0 && (x.Size > int64(len(data)) || x.Size < file.layout.clusters) {
				t.Fatalf("size %d of %d", x.Size, len(data))
			}
			for _, c := range x.cues {
				if c.cluster < file.layout.clusters || c.cluster >= x.Size {
					t.Fatalf("cue at %d of %d", c.cluster, x.Size)
				}
			}
		}
		if (err != nil || terr != nil) || ok && y.Clusters == 0 {
			t.Fatalf("%v, %v, %v", err, terr, ok)
		}
		it, err := file.Frames(startNs)
		if err != nil {
			t.Fatal(err)
		}
		for {
			fr, err := it.Next()
			if err != nil {
				break
			}
			if fr.Track >= len(file.Run().Tracks) || len(fr.Payload) > len(data) {
				t.Fatalf("frame %+v", fr)
			}
		}
	})
}
