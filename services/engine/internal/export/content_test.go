package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// whole writes a file and checks that it has the planned length and that its manifest holds.
func whole(t *testing.T, a Archive, c *content) []byte {
	t.Helper()
	var out bytes.Buffer
	document, err := c.write(t.Context(), a, &out, 0)
	if err != nil {
		t.Fatal(err)
	}
	if int64(out.Len()) != c.file.size() || !bytes.HasSuffix(out.Bytes(), document) {
		t.Fatalf("%d bytes, planned were %d", out.Len(), c.file.size())
	}
	if sum, _, known := c.total(); !known || sum != sha256.Sum256(out.Bytes()) {
		t.Error("the sum is wrong")
	}
	found, err := manifest.Find(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(found)
	if err != nil {
		t.Fatal(err)
	}
	if m.Key != key(t).Public() || m.Export.By != "ann" || m.Export.Note != "case 4711" || m.Camera.ID != cameraID || m.File.Name != c.file.name {
		t.Errorf("the manifest says %+v", m)
	}
	bad, err := manifest.Check(t.Context(), bytes.NewReader(out.Bytes()), int64(out.Len()-len(found)), m)
	if err != nil || len(bad) > 0 {
		t.Errorf("it is not genuine: %+v, %v", bad, err)
	}
	return out.Bytes()
}

// judge lets programs that nobody here wrote read a file.
func judge(t *testing.T, file []byte, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(program string, args ...string) []byte {
		var stderr bytes.Buffer
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || stderr.Len() > 0 {
			t.Errorf("%s: %v\n%s%s", program, err, stderr.String(), out)
		}
		return out
	}
	run("ffmpeg", "-v", "error", "-i", path, "-f", "null", "-")
	if !strings.HasSuffix(name, ".mkv") {
		return path
	}
	var identified struct {
		Warnings, Errors []string
		Attachments      []struct {
			FileName string `json:"file_name"`
			Size     int64
		}
		Chapters []struct {
			Entries int `json:"num_entries"`
		}
	}
	if err := json.Unmarshal(run("mkvmerge", "-J", path), &identified); err != nil {
		t.Fatal(err)
	}
	if len(identified.Warnings)+len(identified.Errors) > 0 || len(identified.Attachments) != 1 || identified.Attachments[0].FileName != attachment || len(identified.Chapters) != 1 {
		t.Errorf("mkvmerge says %+v", identified)
	}
	home := t.TempDir() // mediaconch keeps a database in it, and two at a time wait for each other
	cmd := exec.CommandContext(t.Context(), "mediaconch", "-mc", "-fs", path)
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.HasPrefix(out, []byte("pass!")) {
		cmd := exec.CommandContext(t.Context(), "mediaconch", "-mc", "-ft", path)
		cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home, "XDG_CONFIG_HOME="+home)
		out, _ = cmd.CombinedOutput()
		t.Errorf("mediaconch: %v: %.4000s", err, out)
	}
	return path
}

// packet is a frame as ffprobe sees it.
type packet struct {
	Stream int    `json:"stream_index"`
	PTS    string `json:"pts_time"`
	Size   string `json:"size"`
	Hash   string `json:"data_hash"`
	Flags  string `json:"flags"`
}

func packets(t *testing.T, path string) (out []packet) {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-show_data_hash", "sha256", "-show_packets", "-of", "json", path).Output()
	if err != nil {
		t.Fatalf("ffprobe: %v", err)
	}
	var p struct{ Packets []packet }
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p.Packets
}

// held tells whether a file has exactly the frames of the film from one instant to another, bit by bit.
func held(t *testing.T, path string, frames []*media.Frame, from, to time.Duration) {
	t.Helper()
	var want []*media.Frame
	for _, f := range frames {
		if at := f.TimeNs() - epoch.UnixNano(); at >= int64(from) && (at < int64(to)) {
			want = append(want, f)
		}
	}
	byTrack := map[int][]packet{}
	for _, p := range packets(t, path) {
		byTrack[p.Stream] = append(byTrack[p.Stream], p)
	}
	at := map[int]int{}
	for _, f := range want {
		list := byTrack[f.Track]
		if at[f.Track] >= len(list) {
			if f.Track == 0 || f.TimeNs() < epoch.Add(to).UnixNano()-1e8 {
				t.Fatalf("track %d ends after %d packets", f.Track, at[f.Track])
			}
			continue // sound that comes after the last picture is with the next
		}
		p := list[at[f.Track]]
		at[f.Track]++
		if sum := manifest.Digest(sha256.Sum256(f.Payload)); !strings.EqualFold(p.Hash, "SHA256:"+sum.String()) {
			t.Fatalf("track %d, packet %d (%s) is not the camera's frame at %v", f.Track, at[f.Track], p.PTS, time.Duration(f.TimeNs()-epoch.UnixNano()))
		}
		seconds, err := time.ParseDuration(p.PTS + "s")
		if d := (seconds - time.Duration(f.TimeNs()-epoch.UnixNano()-int64(from))).Abs(); err != nil || d > time.Millisecond {
			t.Fatalf("track %d, packet %d is at %s, off by %v", f.Track, at[f.Track], p.PTS, d)
		}
	}
	if n := len(byTrack[0]); n != at[0] {
		t.Errorf("%d pictures, want %d", n, at[0])
	}
}

func TestAFileIsTheWholeGOPsOfARangeBitByBit(t *testing.T) {
	for _, c := range []struct {
		name  string
		video cameratest.VideoOptions
		audio media.Codec
	}{
		{"h264 aac", cameratest.VideoOptions{}, media.AAC},
		{"h265 pcma", cameratest.VideoOptions{Codec: media.H265}, media.PCMA},
		{"h264 b-frames", cameratest.VideoOptions{BFrames: 2}, ""},
		{"mjpeg", cameratest.VideoOptions{Codec: media.MJPEG}, media.PCMU},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newFolder(t)
			var audio *cameratest.Audio
			if c.audio != "" {
				audio = cameratest.EncodeAudio(t, c.audio)
			}
			frames := film(t, a, cameratest.EncodeVideo(t, c.video), audio, 12, 80)
			b := planOf(t, a, 2500*time.Millisecond, 8300*time.Millisecond, nil)
			if len(b.files) != 1 || len(b.plan.warnings) > 0 {
				t.Fatalf("%d files, %v", len(b.files), b.plan.warnings)
			}
			f := b.files[0].file
			from, to := time.Duration(f.startNs-epoch.UnixNano()), time.Duration(f.endNs-epoch.UnixNano())
			if from > 2500*time.Millisecond || from < 1400*time.Millisecond || to < 8300*time.Millisecond || to > 9400*time.Millisecond || len(f.parts) < 2 {
				t.Errorf("from %v to %v in %d parts", from, to, len(f.parts))
			}
			held(t, judge(t, whole(t, a, b.files[0]), "a.mkv"), frames, from, to)
		})
	}
}

func TestAnyPartOfAFileIsTheSameAgain(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.AAC), 8, 60)
	b := planOf(t, a, 0, 8*time.Second, nil)
	all := whole(t, a, b.files[0])
	for _, warm := range []bool{true, false} {
		for i := range 40 {
			from := rand.Int64N(int64(len(all)))
			if i < 4 {
				from = []int64{0, int64(len(all)) - 1, b.files[0].file.front, int64(len(all)) - b.files[0].file.manifest}[i]
			}
			c := b.files[0]
			if !warm {
				c = newContent(c.file, b.about, b.key)
				c.alone = i%2 == 0
			}
			var out bytes.Buffer
			if _, err := c.write(t.Context(), a, &out, from); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), all[from:]) {
				t.Fatalf("from %d on it is another (warm %v)", from, warm)
			}
		}
	}
	// One that is given up in the middle and gone on with behind that.
	c := newContent(b.files[0].file, b.about, b.key)
	if _, err := c.write(t.Context(), a, &failing{after: 100_000}, 0); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := c.write(t.Context(), a, &out, 150_000); err != nil || !bytes.Equal(out.Bytes(), all[150_000:]) {
		t.Errorf("gone on with it is another: %v", err)
	}
	// One that is given up, and gone on with from before that.
	c = newContent(b.files[0].file, b.about, b.key)
	if _, err := c.write(t.Context(), a, &failing{after: 150_000}, 0); !errors.Is(err, errDisk) {
		t.Fatal(err)
	}
	out.Reset()
	if _, err := c.write(t.Context(), a, &out, 60_000); err != nil || !bytes.Equal(out.Bytes(), all[60_000:]) {
		t.Errorf("gone on with from before it is another: %v", err)
	}
}

var errDisk = errors.New("disk")

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after -= len(b); f.after < 0 {
		return 0, errDisk
	}
	return len(b), nil
}

func TestGapsFormatsAndSplitsBeginNewFiles(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	other := cameratest.EncodeVideo(t, cameratest.VideoOptions{Size: "160x120"})
	a := newFolder(t)
	a.add(t, cameratest.Frames(epoch, v, nil, 100), false)                                           // 0 to 4 s
	a.add(t, cameratest.Frames(epoch.Add(4*time.Second), v, nil, 50), false)                         // 4 to 6 s
	a.add(t, cameratest.Frames(epoch.Add(8*time.Second), v, nil, 50), false)                         // 8 to 10 s
	a.add(t, cameratest.Frames(epoch.Add(10*time.Second), other, nil, 50), false)                    // 10 to 12 s
	a.add(t, cameratest.Frames(epoch.Add(5*time.Second), v, nil, 20), false)                         // on alarm, within another
	a.add(t, cameratest.Frames(epoch.Add(12*time.Second-20*time.Millisecond), other, nil, 75), true) // growing, 2 whole GOPs
	type got struct {
		because  manifest.Because
		from, to time.Duration
	}
	files := func(b *bundle) (out []got) {
		for _, c := range b.files {
			f := c.file
			out = append(out, got{f.because, time.Duration(f.startNs - epoch.UnixNano()).Round(10 * time.Millisecond), time.Duration(f.endNs - epoch.UnixNano()).Round(10 * time.Millisecond)})
			judge(t, whole(t, a, c), "a.mkv")
		}
		return out
	}
	s := time.Second
	same := func(what string, g []got, want ...got) {
		t.Helper()
		if len(g) != len(want) {
			t.Fatalf("%s: %+v, want %+v", what, g, want)
		}
		for i := range g {
			if g[i] != want[i] {
				t.Errorf("%s: file %d is %+v, want %+v", what, i, g[i], want[i])
			}
		}
	}
	end := 14*s - 20*time.Millisecond
	all := planOf(t, a, 0, 30*s, nil)
	same("all", files(all), got{manifest.Start, 0, 6 * s}, got{manifest.Gap, 8 * s, 10 * s}, got{manifest.Format, 10 * s, end})
	same("by time", files(planOf(t, a, 1*s, 7*s, func(w *wish) { w.splitMs = 2000 })), got{manifest.Start, 1 * s, 3 * s}, got{manifest.Split, 3 * s, 5 * s}, got{manifest.Split, 5 * s, 6 * s})
	for _, f := range planOf(t, a, 0, 6*s, func(w *wish) { w.splitBytes = 150_000 }).files {
		if f.file.size() > 150_000 || f.file.because != manifest.Split && f.file.because != manifest.Start {
			t.Errorf("%+v has %d bytes", f.file.because, f.file.size())
		}
	}
	if n := len(planOf(t, a, 0, 6*s, func(w *wish) { w.splitBytes = 150_000 }).files); n < 2 {
		t.Errorf("%d files by size", n)
	}
	same("in a gap", files(planOf(t, a, 6500*time.Millisecond, 7*s, nil)))

	// What was planned stays although recording goes on.
	w := all.plan.wish
	w.cameras = all.plan.until()
	a.sizes[a.list[len(a.list)-1].ID] = 0
	a.list = a.list[:len(a.list)-1]
	a.add(t, cameratest.Frames(epoch.Add(12*time.Second-20*time.Millisecond), other, nil, 200), true)
	again, err := makePlan(t.Context(), a, w)
	if err != nil || len(again.files) != 3 || again.files[2].endNs != all.plan.files[2].endNs || again.files[2].clusters != all.plan.files[2].clusters {
		t.Errorf("planned again: %v %+v", err, again.files)
	}
}

func TestWhatTheDiskHasChangedIsExportedAndSaid(t *testing.T) {
	a := newFolder(t)
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	id := a.add(t, cameratest.Frames(epoch, v, nil, 150), false)
	path := filepath.Join(a.dir, id)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-500] ^= 1 // in the last cluster's payload
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := whole(t, a, planOf(t, a, 0, 10*time.Second, nil).files[0])
	doc, err := manifest.Find(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(doc)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range m.Seconds {
		if (s.Damaged > 0) != (i == 5) {
			t.Errorf("second %d: %d clusters are damaged", i, s.Damaged)
		}
	}

	if err := os.Truncate(path, int64(len(b)-2000)); err != nil { // and one that is not there any more
		t.Fatal(err)
	}
	c := newContent(planOf(t, a, 0, 10*time.Second, nil).files[0].file, manifest.About{}, key(t))
	if _, err := c.write(t.Context(), a, io.Discard, 0); !errors.Is(err, errPlan) {
		t.Errorf("got %v", err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	p := planOf(t, a, 0, 10*time.Second, nil).plan
	if len(p.files) != 0 || len(p.warnings) != 1 || !strings.Contains(p.warnings[0], "2026-03-04 05:06:07 UTC") {
		t.Errorf("a file that is gone: %+v", p)
	}
}

// TestRecordingComesFirst: nothing is read while frames wait for their disk.
func TestRecordingComesFirst(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 4, 60)
	c := planOf(t, a, 0, 4*time.Second, nil).files[0]
	a.behind = time.Second
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	if _, err := c.write(ctx, a, &out, 0); !errors.Is(err, context.DeadlineExceeded) || int64(out.Len()) > c.file.front {
		t.Errorf("%d bytes, %v", out.Len(), err)
	}
}

// TestSoundFromBeforeTheFirstPictureIsVoid: a part that begins in mid-recording has sound that is older than its picture.
func TestSoundFromBeforeTheFirstPictureIsVoid(t *testing.T) {
	a := newFolder(t)
	frames := cameratest.Frames(epoch, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.PCMA), 100)
	for _, f := range frames {
		if f.Track == 1 { // as of a camera whose sound takes longer
			f.PTSTicks -= 400
			f.DTSTicks -= 400
		}
	}
	a.add(t, frames, false)
	b := planOf(t, a, 1500*time.Millisecond, 3*time.Second, nil)
	path := judge(t, whole(t, a, b.files[0]), "a.mkv")
	for _, p := range packets(t, path) {
		if strings.HasPrefix(p.PTS, "-") {
			t.Errorf("stream %d has a packet at %s", p.Stream, p.PTS)
		}
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := mkv.Open(f, 0); err == nil { // our reader of segments knows only these
		t.Error("an export passes for a segment")
	}
}
