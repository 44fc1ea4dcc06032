package export

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

func asMP4(w *wish) { w.container = mp4File }

// TestAnMP4FileIsTheMatroskaFileBitByBit: the same range as MP4 has the same packets at the same times, and sound that
// became FLAC is the same samples.
func TestAnMP4FileIsTheMatroskaFileBitByBit(t *testing.T) {
	for _, c := range []struct {
		name  string
		video cameratest.VideoOptions
		audio media.Codec
		flac  bool
	}{
		{"h264 aac", cameratest.VideoOptions{}, media.AAC, false},
		{"h265 opus", cameratest.VideoOptions{Codec: media.H265}, media.Opus, false},
		{"b-frames pcma", cameratest.VideoOptions{BFrames: 2}, media.PCMA, true},
		{"open gop pcmu", cameratest.VideoOptions{BFrames: 3, OpenGOP: true}, media.PCMU, true},
		{"mpeg4 g726", cameratest.VideoOptions{Codec: media.MPEG4}, media.G726x32, true},
		{"mjpeg", cameratest.VideoOptions{Codec: media.MJPEG}, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newFolder(t)
			var audio *cameratest.Audio
			if c.audio != "" {
				audio = cameratest.EncodeAudio(t, c.audio)
			}
			film(t, a, cameratest.EncodeVideo(t, c.video), audio, 12, 80)
			var paths []string
			for _, change := range []func(*wish){nil, asMP4} {
				b := planOf(t, a, 2500*time.Millisecond, 8300*time.Millisecond, change)
				if len(b.files) != 1 || len(b.plan.warnings) > 0 || len(b.files[0].file.parts) < 2 {
					t.Fatalf("%d files, %v", len(b.files), b.plan.warnings)
				}
				paths = append(paths, judge(t, whole(t, a, b.files[0]), b.files[0].file.name))
			}
			if filepath.Ext(paths[1]) != ".mp4" {
				t.Error(paths[1])
			}
			want, got := packets(t, paths[0]), packets(t, paths[1])
			for track := range 2 {
				if track == 1 && c.flac {
					if w, g := pcm(t, paths[0]), pcm(t, paths[1]); c.audio != media.G726x32 && !bytes.Equal(w, g) || len(w) == 0 || len(w) != len(g) {
						t.Errorf("%d bytes of sound, want %d, or others", len(g), len(w))
					}
					continue
				}
				w, g := of(want, track), of(got, track)
				if len(w) != len(g) {
					t.Fatalf("track %d has %d packets, want %d", track, len(g), len(w))
				}
				for i := range w {
					ws, _ := time.ParseDuration(w[i].PTS + "s")
					gs, err := time.ParseDuration(g[i].PTS + "s")
					if d := (ws - gs).Abs(); w[i].Hash != g[i].Hash || d > time.Millisecond || err != nil || w[i].Flags[:1] != g[i].Flags[:1] {
						t.Fatalf("track %d, packet %d is %+v, want %+v", track, i, g[i], w[i])
					}
				}
			}
			about := string(output(t, "ffprobe", "-v", "error", "-show_entries", "format=duration:format_tags:chapter=start_time:chapter_tags:stream=width,height", "-show_chapters", "-of", "flat", paths[1]))
			for _, want := range []string{`tags.title="Door/1"`, `tags.creation_time="2026-03-04T05:06:0`, `The range asked for`, `width=320`, `height=240`} {
				if !strings.Contains(about, want) {
					t.Errorf("ffprobe says\n%s\nwant %s", about, want)
				}
			}
			// GStreamer's demuxer is another one.
			out, err := exec.CommandContext(t.Context(), "gst-launch-1.0", "-q", "filesrc", "location="+paths[1], "!", "qtdemux", "name=d", "d.video_0", "!", "fakesink").CombinedOutput()
			if err != nil || len(out) > 0 {
				t.Errorf("gst-launch: %v\n%s", err, out)
			}
		})
	}
}

func of(list []packet, track int) []packet {
	return slices.DeleteFunc(slices.Clone(list), func(p packet) bool { return p.Stream != track })
}

func pcm(t *testing.T, path string) []byte {
	t.Helper()
	return output(t, "ffmpeg", "-v", "error", "-i", path, "-map", "0:a", "-f", "s16le", "-")
}

func output(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return out
}

// TestAnyPartOfAnMP4FileIsTheSameAgain: also when its front is not held, and with sound whose bytes depend on all before.
func TestAnyPartOfAnMP4FileIsTheSameAgain(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.G726x40), 8, 60)
	b := planOf(t, a, 1100*time.Millisecond, 8*time.Second, asMP4)
	all := whole(t, a, b.files[0])
	f := *b.files[0].file
	f.head = nil
	for i := range 20 {
		from := rand.Int64N(int64(len(all)))
		if i < 4 {
			from = []int64{0, int64(len(all)) - 1, f.front, int64(len(all)) - f.manifest}[i]
		}
		c := b.files[0]
		if i%2 == 0 {
			c = newContent(&f, b.about, b.key)
		}
		var out bytes.Buffer
		if _, err := c.write(t.Context(), a, &out, from); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), all[from:]) {
			t.Fatalf("from %d on it is another", from)
		}
	}
}

func TestMP4FilesAreSplit(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.PCMU), 20, 80)
	const limit = 400_000
	b := planOf(t, a, 0, 20*time.Second, func(w *wish) { w.container, w.splitBytes = mp4File, limit })
	if len(b.files) < 2 {
		t.Fatalf("%d files", len(b.files))
	}
	end := b.files[0].file.startNs
	for _, c := range b.files {
		if c.file.startNs != end || c.file.size() > limit || int64(len(whole(t, a, c))) != c.file.size() {
			t.Errorf("%+v has %d bytes", c.file.because, c.file.size())
		}
		end = c.file.endNs
	}
}

// TestAChangedMP4FileIsTold: to the second.
func TestAChangedMP4FileIsTold(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{Frames: 150}), nil, 6, 80) // no two seconds alike
	b := planOf(t, a, 0, 6*time.Second, asMP4)
	out := whole(t, a, b.files[0])
	document, err := manifest.Find(bytes.NewReader(out), int64(len(out)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Read(document)
	if err != nil {
		t.Fatal(err)
	}
	body := out[:len(out)-len(document)]
	at := m.Front.Bytes + m.Seconds[0].Bytes + m.Seconds[1].Bytes + 20
	body[at] ^= 1
	found, err := manifest.Check(t.Context(), bytes.NewReader(body), int64(len(body)), m)
	if err != nil || len(found) != 1 || found[0].Kind != manifest.Changed || found[0].FromMs != m.File.StartMs+2000 || found[0].ToMs != m.File.StartMs+3000 {
		t.Errorf("%+v, %v", found, err)
	}
}

// FuzzCoder: whatever a disk makes of a cluster, measuring and making agree on its length.
func FuzzCoder(f *testing.F) {
	a := newFolder(f)
	v := cameratest.EncodeVideo(f, cameratest.VideoOptions{Frames: 25})
	id := a.add(f, cameratest.Frames(epoch, v, cameratest.EncodeAudio(f, media.G726x32), 25), false)
	segment, err := a.Open(id)
	if err != nil {
		f.Fatal(err)
	}
	defer segment.Close()
	file, err := mkv.Open(segment, segment.Size())
	if err != nil {
		f.Fatal(err)
	}
	cut, err := file.Cut(0, epoch.Add(time.Hour).UnixNano(), false)
	if err != nil {
		f.Fatal(err)
	}
	cluster := make([]byte, cut.To-cut.From)
	if err := readAll(segment, cluster, cut.From); err != nil {
		f.Fatal(err)
	}
	n, err := mkv.ClusterSize(cluster)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cluster[:n], int64(0))
	f.Add(cluster[:n], int64(-1000))
	f.Fuzz(func(t *testing.T, b []byte, delta int64) {
		var made [2][]byte
		var errs [2]error
		for i := range made {
			c := newCoder(file.Run(), nil)
			if err := c.begin(); err != nil {
				t.Fatal(err)
			}
			made[i], _, _, errs[i] = c.append(nil, slices.Clone(b), delta)
		}
		if !bytes.Equal(made[0], made[1]) || (errs[0] == nil) != (errs[1] == nil) {
			t.Errorf("%d and %d bytes, %v and %v", len(made[0]), len(made[1]), errs[0], errs[1])
		}
	})
}

func TestMeasuringStopsWhenItIsAskedTo(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), nil, 4, 60)
	a.behind = time.Hour
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	w := wish{cameras: []camera{{Camera: manifest.Camera{ID: cameraID, Stream: "main"}}}, toMs: epoch.Add(time.Hour).UnixMilli(), container: mp4File}
	if _, err := makePlan(ctx, a, w); err == nil {
		t.Error("it went on")
	}
}

// TestVLCOpensBothKinds: VLC, which refuses to run as root, passes on every picture.
func TestVLCOpensBothKinds(t *testing.T) {
	a := newFolder(t)
	film(t, a, cameratest.EncodeVideo(t, cameratest.VideoOptions{}), cameratest.EncodeAudio(t, media.AAC), 4, 60)
	for _, change := range []func(*wish){nil, asMP4} {
		c := planOf(t, a, 0, 4*time.Second, change).files[0]
		dir, err := os.MkdirTemp("", "vlc") // of the user that VLC runs as
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		in, out := filepath.Join(dir, c.file.name), filepath.Join(dir, "out.ts")
		if err := errors.Join(os.WriteFile(in, whole(t, a, c), 0o644), os.Chown(dir, 65534, 65534)); err != nil {
			t.Fatal(err)
		}
		if b, err := exec.CommandContext(t.Context(), "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "HOME="+dir,
			"cvlc", "-I", "dummy", "--sout", "#std{access=file,mux=ts,dst="+out+"}", in, "vlc://quit").CombinedOutput(); err != nil {
			t.Fatalf("vlc: %v: %s", err, b)
		}
		got := string(output(t, "ffprobe", "-v", "error", "-count_packets", "-select_streams", "v", "-show_entries", "stream=codec_name,nb_read_packets", "-of", "csv=p=0", out))
		if n, _ := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(strings.SplitN(got, "\n", 2)[0], "h264,"))); n < 95 {
			t.Errorf("%s: VLC passes on %q, want 100 pictures", c.file.name, got)
		}
	}
}
