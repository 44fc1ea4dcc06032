//go:build whole

package native

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
)

func TestEveryFrameSentIsRecordedOnceAndInOrder(t *testing.T) {
	t.Parallel()
	aac := &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}
	pcma := &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}
	pcmu := &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}
	s := cameras(t,
		rtspcam.Config{ID: "avc-aac", Video: video(content.H264, 1), Audio: aac},
		rtspcam.Config{ID: "hevc-pcma", Video: video(content.H265, 2), Audio: pcma},
		rtspcam.Config{ID: "avc-pcmu", Video: video(content.H264, 3), Audio: pcmu, User: "viewer", Pass: "geheim"},
		rtspcam.Config{ID: "hevc", Video: video(content.H265, 4)},
	)
	everyFrameOnce(t, s)
}

func TestEveryCodecIsRecordedOnceAndInOrder(t *testing.T) {
	sound := func(codec string) *content.Audio {
		a := &content.Audio{Codec: codec, SampleRate: 8000, Channels: 1}
		if codec == content.Opus || codec == content.LATM {
			a.SampleRate = 48000
		}
		return a
	}
	fast := video(content.H264, 3)
	fast.FPS, fast.GOP = 100, 100
	everyFrameOnce(t, cameras(t,
		rtspcam.Config{ID: "mpeg4-opus", Video: video(content.MPEG4, 1), Audio: sound(content.Opus)},
		rtspcam.Config{ID: "mjpeg-latm", Video: video(content.MJPEG, 2), Audio: sound(content.LATM)},
		rtspcam.Config{ID: "fast-g726-16", Video: fast, Audio: sound(content.G726x16)},
		rtspcam.Config{ID: "mjpeg-g726-24", Video: video(content.MJPEG, 4), Audio: sound(content.G726x24)},
		rtspcam.Config{ID: "mpeg4-g726-32", Video: video(content.MPEG4, 5), Audio: sound(content.G726x32)},
		rtspcam.Config{ID: "mjpeg-g726-40", Video: video(content.MJPEG, 6), Audio: sound(content.G726x40)},
	))
}

// ffmpegNames are what ffmpeg calls the cameras' audio codecs.
var ffmpegNames = map[string]string{content.AAC: "aac", content.LATM: "aac", content.Opus: "opus", content.PCMA: "pcm_alaw", content.PCMU: "pcm_mulaw",
	content.G726x16: "adpcm_g726", content.G726x24: "adpcm_g726", content.G726x32: "adpcm_g726", content.G726x40: "adpcm_g726"}

// everyFrameOnce records some seconds of each camera of a server, and holds the files against what was sent.
func everyFrameOnce(t *testing.T, s *rtspcam.Server) {
	r := record(t, 1)
	added := make(map[string]api.Camera)
	for _, c := range s.Cameras() {
		added[c.ID()] = r.add(t, s, c.ID())
	}
	for _, c := range added {
		r.untilLong(t, c.ID, 7*time.Second)
	}
	for id, c := range added {
		state, err := r.state(t.Context(), c.ID)
		if err != nil || state.Status != api.CameraStateStatusLive || !state.Recording || state.LostFrames != 0 {
			t.Errorf("%s: state %+v, %v", id, state, err)
		}
		r.disable(t, c)
		files := r.files(t, c.ID)
		if len(files) == 0 {
			t.Errorf("%s: no file", id)
			continue
		}
		report := ledger.Compare(s.Camera(id).Sent(), judged(t, files))
		if err := report.Err(); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		if report.Recorded < 6*15 {
			t.Errorf("%s: %d frames of 7 s recorded", id, report.Recorded)
		}
		tracks, err := recorded.Tracks(t.Context(), files[0])
		if err != nil {
			t.Error(err)
			continue
		}
		if audio := s.Camera(id).Config().Audio; audio != nil {
			want := ffmpegNames[audio.Codec]
			if len(tracks) != 2 || tracks[1].Codec != want || tracks[1].Packets < 100 {
				t.Errorf("%s: tracks %+v, want sound as %s", id, tracks, want)
			}
		} else if len(tracks) != 1 {
			t.Errorf("%s: tracks %+v, want one", id, tracks)
		}
	}
}

// gstCamera starts a GStreamer server and returns its URL.
func gstCamera(t *testing.T, pipeline string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "gstserver.py", pipeline) // Debian's, for which its gi is made
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close() // tells it to end
		timer := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("GStreamer's server says no port: %v", err)
	}
	port, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("rtsp://127.0.0.1:%d/cam", port)
}

func TestGStreamerCameraIsRecordedWithoutAGap(t *testing.T) {
	t.Parallel()
	for name, pipeline := range map[string]string{
		"h264 and aac":  "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=20/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 ! rtph264pay name=pay0 pt=96 audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=1 ! voaacenc ! rtpmp4gpay name=pay1 pt=97 )",
		"h265 and pcmu": "( videotestsrc is-live=true ! video/x-raw,width=320,height=240,framerate=20/1 ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=20 ! rtph265pay name=pay0 pt=96 audiotestsrc is-live=true ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay name=pay1 pt=0 )",
	} {
		t.Run(name, func(t *testing.T) {
			url := gstCamera(t, pipeline)
			r := record(t, 1)
			c, err := r.AddCamera(t.Context(), api.CameraRequest{Name: "gst", URL: url, Enabled: true})
			if err != nil {
				t.Fatal(err)
			}
			r.untilLong(t, c.ID, 6*time.Second)
			r.disable(t, c)
			files := r.files(t, c.ID)
			if len(files) == 0 {
				t.Fatal("no file")
			}
			for _, f := range files {
				complaints, err := recorded.Complaints(t.Context(), f)
				if err != nil || complaints != "" {
					t.Errorf("%s: %v %s", f, err, complaints)
				}
				// the source is live at 20 frames per second: a lost frame shows as a step of two
				times := frameTimes(t, f)
				if len(times) < 60 {
					t.Errorf("%s: %d frames", f, len(times))
				}
				for i := 1; i < len(times); i++ {
					if step := times[i] - times[i-1]; math.Abs(step-0.05) > 0.03 {
						t.Errorf("%s: frame %d comes %.3f s after the one before, want 0.05", f, i, step)
					}
				}
			}
		})
	}
}

// frameTimes are the presentation times in seconds of a file's video packets, in the order of the file.
func frameTimes(t *testing.T, file string) []float64 {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time", "-of", "json", file).Output()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Packets []struct {
			PTS string `json:"pts_time"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		t.Fatal(err)
	}
	var times []float64
	for _, p := range doc.Packets {
		v, err := strconv.ParseFloat(p.PTS, 64)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, v)
	}
	return times
}

func TestBadCamerasSayWhyAndCostTheGoodOneNothing(t *testing.T) {
	s := cameras(t,
		rtspcam.Config{ID: "good", Video: video(content.H264, 1)},
		rtspcam.Config{ID: "locked", Video: video(content.H264, 1), User: "viewer", Pass: "geheim"},
		rtspcam.Config{ID: "vp8", Video: video(content.VP8, 1)},
		rtspcam.Config{ID: "sound", Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}},
		rtspcam.Config{ID: "hung", Video: video(content.H264, 1)},
	)
	s.Camera("hung").SetFault(rtspcam.Hang)
	closed := cameras(t, rtspcam.Config{ID: "gone", Video: video(content.H264, 1)})
	goneURL := closed.URL(closed.Camera("gone"))
	closed.Close()
	r := record(t, 1)
	good := r.add(t, s, "good")
	start := time.Now()
	secret := "not-the-password"
	bad := map[string]api.CameraRequest{ // by code
		"unauthorized": {URL: s.URL(s.Camera("locked")), Username: "viewer", Password: &secret},
		"bad_codec":    {URL: s.URL(s.Camera("vp8"))},
		"no_video":     {URL: s.URL(s.Camera("sound"))},
		"timeout":      {URL: s.URL(s.Camera("hung"))},
		"refused":      {URL: goneURL},
		"not_found":    {URL: strings.Replace(s.URL(s.Camera("good")), "good", "nothing", 1)},
	}
	for want, req := range bad {
		req.Name, req.Enabled = "bad "+want, true
		c, err := r.AddCamera(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		until(t, 20*time.Second, req.Name+" is offline with that reason", func(ctx context.Context) (bool, error) {
			state, err := r.state(ctx, c.ID)
			if err == nil && state.Status == api.CameraStateStatusOffline && state.Code != want {
				err = fmt.Errorf("code %q, reason %q", state.Code, state.Reason)
			}
			if err == nil && strings.Contains(state.Reason, secret) {
				t.Errorf("the reason gives the password away: %s", state.Reason)
			}
			return state.Status == api.CameraStateStatusOffline && state.Code == want && state.Reason != "", err
		})
	}
	r.untilRecorded(t, good.ID, start.Add(5*time.Second))
	r.disable(t, good)
	if err := ledger.Compare(s.Camera("good").Sent(), judged(t, r.files(t, good.ID))).Err(); err != nil {
		t.Errorf("the good camera: %v", err)
	}
}

func TestCameraThatBreaksOffIsRecordedAgain(t *testing.T) {
	t.Parallel()
	s := cameras(t, rtspcam.Config{ID: "cam", Video: video(content.H264, 1)})
	r := record(t, 1)
	c := r.add(t, s, "cam")
	r.untilRecorded(t, c.ID, time.Now().Add(2*time.Second))
	dropped := time.Now()
	s.Camera("cam").SetFault(rtspcam.NotFound)
	s.Camera("cam").Drop()
	until(t, 10*time.Second, "the camera is offline", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		return state.Status == api.CameraStateStatusOffline && time.Since(dropped) > 2500*time.Millisecond, err
	})
	s.Camera("cam").SetFault(rtspcam.NoFault)
	r.untilRecorded(t, c.ID, time.Now().Add(3*time.Second))
	r.disable(t, c)
	for _, f := range r.files(t, c.ID) {
		if err := ledger.Compare(s.Camera("cam").Sent(), judged(t, []string{f})).Err(); err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	line, err := r.Timeline(t.Context(), c.ID, dropped.Add(-time.Minute).UnixMilli(), dropped.Add(time.Minute).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	// That it is switched off now may be in the ledger already, or not.
	line.Gaps = slices.DeleteFunc(line.Gaps, func(g api.Gap) bool { return g.Cause == api.GapCauseCameraDisabled })
	if len(line.Gaps) != 1 {
		t.Errorf("timeline %+v, want one gap, for the break", line)
	}
	for _, g := range line.Gaps {
		if g.Cause != api.GapCauseCameraOffline || g.Message == "" {
			t.Errorf("gap %+v, want the camera as its cause", g)
		}
		if g.StartMs > dropped.UnixMilli()+2000 || g.EndMs < dropped.UnixMilli() {
			t.Errorf("gap %+v is not where the camera broke off (%d)", g, dropped.UnixMilli())
		}
	}
}
