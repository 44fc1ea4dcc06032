package rtspcam

import (
	"bytes"
	"context"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
)

func video(codec string) *content.Video {
	return &content.Video{Codec: codec, Width: 192, Height: 120, FPS: 10, GOP: 10, Bitrate: 400_000, Label: "CAM 1", Camera: 1}
}

func serve(t *testing.T, cameras ...Config) (*Server, *ledger.Book) {
	t.Helper()
	store, err := content.NewStore("")
	if err != nil {
		t.Fatal(err)
	}
	book := ledger.New(nil)
	s, err := New(t.Context(), slog.New(slog.NewTextHandler(t.Output(), nil)), store, book, cameras...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Open("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, book
}

// play has ffmpeg take some seconds of a camera into a file, and returns its diagnostics. more are options of the output.
func play(t *testing.T, url, seconds, file string, more ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	args := []string{"-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-timeout", "2000000", "-analyzeduration", "500000",
		"-fpsprobesize", "0", "-i", url, "-t", seconds, "-c", "copy"}
	cmd := exec.CommandContext(ctx, "ffmpeg", append(append(args, more...), "-y", file)...)
	out, err := cmd.CombinedOutput()
	return string(bytes.TrimSpace(out)), err
}

func TestWhatFfmpegRecordsIsWhatTheLedgerSays(t *testing.T) {
	t.Parallel()
	for name, cfg := range map[string]Config{
		"h264 and aac":   {ID: "cam1", Video: video(content.H264), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		"h265 and pcma":  {ID: "cam1", Video: video(content.H265), Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}},
		"mpeg4 and opus": {ID: "cam1", Video: video(content.MPEG4), Audio: &content.Audio{Codec: content.Opus, SampleRate: 48000, Channels: 1}},
		"mjpeg and g726": {ID: "cam1", Video: video(content.MJPEG), Audio: &content.Audio{Codec: content.G726x32, SampleRate: 8000, Channels: 1}},
		"mpeg4 and latm": {ID: "cam1", Video: video(content.MPEG4), Audio: &content.Audio{Codec: content.LATM, SampleRate: 48000, Channels: 1}},
		"h264 and pcmu":  {ID: "cam1", Video: video(content.H264), Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, _ := serve(t, cfg)
			file := filepath.Join(t.TempDir(), "a.mkv")
			var more []string
			if cfg.Audio.Codec == content.G726x32 { // it reads that, but does not write it into Matroska
				more = []string{"-c:a", "pcm_s16le"}
			}
			if out, err := play(t, s.URL(s.Camera("cam1")), "3", file, more...); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			stamps, frames, err := recorded.Stamps(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			if len(stamps) != frames || frames < 15 {
				t.Errorf("%d stamps in %d frames", len(stamps), frames)
			}
			if err := ledger.Compare(s.Camera("cam1").Sent(), stamps).Err(); err != nil {
				t.Error(err)
			}
			tracks, err := recorded.Tracks(t.Context(), file)
			if err != nil {
				t.Fatal(err)
			}
			if len(tracks) != 2 || tracks[1].Kind != "audio" || tracks[1].Packets < 50 {
				t.Errorf("tracks %+v", tracks)
			}
		})
	}
}

func TestFramesAreSentAtTheirInstant(t *testing.T) {
	t.Parallel()
	s, book := serve(t, Config{ID: "cam1", Video: video(content.H264)})
	const each = 100 * time.Millisecond
	time.Sleep(10 * each) // the time that is measured
	var frames []ledger.Frame
	// A busy machine sends late, but then all that is due.
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(each / 10) {
		now := time.Now()
		if frames = book.Frames("cam1"); len(frames) >= 10 && len(frames) >= int(now.Sub(frames[0].Capture())/each) {
			break
		}
		if now.After(limit) {
			t.Fatalf("%d frames by now, want 10 a second", len(frames))
		}
	}
	now := time.Now()
	for i, f := range frames {
		if i > 0 && (f.Number != frames[i-1].Number+1 || f.Capture().Sub(frames[i-1].Capture()) != each) {
			t.Errorf("frame %d of %v follows %d of %v", f.Number, f.Capture(), frames[i-1].Number, frames[i-1].Capture())
		}
		if f.Capture().After(now) {
			t.Errorf("frame %d of %v was sent before it was taken", f.Number, f.Capture())
		}
		if f.Readers != 0 {
			t.Errorf("frame %d has %d readers, nobody is connected", f.Number, f.Readers)
		}
	}
	last := frames[len(frames)-1]
	if got, want := s.Camera("cam1").VisibleFrame(last.Capture()), int(last.Number%600); got != want {
		t.Errorf("frame %d shows %d, want %d", last.Number, got, want)
	}
}

func TestLoginIsWanted(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, Config{ID: "cam1", Video: video(content.H264), User: "admin", Pass: "secret"})
	url := s.URL(s.Camera("cam1"))
	file := filepath.Join(t.TempDir(), "a.mkv")
	for login, good := range map[string]bool{"": false, "admin:wrong@": false, "admin:secret@": true} {
		out, err := play(t, strings.Replace(url, "rtsp://", "rtsp://"+login, 1), "1", file)
		if (err == nil) != good {
			t.Errorf("login %q: %v %s", login, err, out)
		}
		if !good && !strings.Contains(out, "401") {
			t.Errorf("login %q: %s, want 401", login, out)
		}
	}
}

func TestFaultsActAndEnd(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, Config{ID: "cam1", Video: video(content.H264)})
	cam := s.Camera("cam1")
	file := filepath.Join(t.TempDir(), "a.mkv")
	for fault, want := range map[Fault]string{NotFound: "404", Unauthorized: "401"} {
		cam.SetFault(fault)
		if out, err := play(t, s.URL(cam), "1", file); err == nil || !strings.Contains(out, want) {
			t.Errorf("fault %d: %v %s, want %s", fault, err, out, want)
		}
	}
	cam.SetFault(Hang)
	start := time.Now()
	if out, err := play(t, s.URL(cam), "1", file); err == nil || time.Since(start) < 2*time.Second {
		t.Errorf("hanging camera: %v %s after %v, want an error after ffmpeg's 2 s", err, out, time.Since(start))
	}
	cam.SetFault(NoFault)
	if out, err := play(t, s.URL(cam), "1", file); err != nil {
		t.Errorf("fault ended: %v %s", err, out)
	}
}

func TestSilentCameraKeepsItsConnectionAndSendsNothing(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, Config{ID: "cam1", Video: video(content.H264)})
	cam := s.Camera("cam1")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-rtsp_transport", "tcp", "-i", s.URL(cam), "-c", "copy", "-f", "null", "-")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cancel(); _ = cmd.Wait() }()
	wait, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	if err := cam.WaitReaders(wait, 1); err != nil {
		t.Fatal(err)
	}
	cam.SetFault(Silent)
	mark := len(cam.Sent())
	for len(cam.Sent()) < mark+10 {
		time.Sleep(50 * time.Millisecond)
	}
	for _, f := range cam.Sent()[mark+1:] {
		if f.Readers != 0 {
			t.Errorf("frame %d was sent", f.Number)
		}
	}
	if cam.Readers() != 1 {
		t.Errorf("%d connections, want the one to stay", cam.Readers())
	}
	cam.Drop()
	for end := time.Now().Add(5 * time.Second); cam.Readers() > 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("dropped connection is still there")
		}
	}
}

func TestCodecsToRefuseAreAnnounced(t *testing.T) {
	t.Parallel()
	s, _ := serve(t, Config{ID: "vp8", Video: video(content.VP8)})
	for _, cam := range s.Cameras() {
		file := filepath.Join(t.TempDir(), "a.mkv")
		if out, err := play(t, s.URL(cam), "1", file); err != nil {
			t.Errorf("%s: %v %s", cam.ID(), err, out)
			continue
		}
		tracks, err := recorded.Tracks(t.Context(), file)
		if err != nil || len(tracks) != 1 || tracks[0].Codec != cam.ID() {
			t.Errorf("%s: ffmpeg sees %+v, %v", cam.ID(), tracks, err)
		}
	}
}
