package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// run runs a program to its end, or so long, and returns what it printed.
func run(t *testing.T, within time.Duration, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	var out, diag bytes.Buffer
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stdout, cmd.Stderr = &out, &diag
	err = cmd.Run()
	return out.String(), diag.String(), err
}

// hashes has ffmpeg read a stream without decoding it, and returns the hash of each packet of a track.
func hashes(t *testing.T, track string, frames int, args ...string) []string {
	t.Helper()
	args = append([]string{"-nostdin", "-v", "error", "-analyzeduration", "500000", "-fpsprobesize", "0"}, args...)
	args = append(args, "-map", "0:"+track, "-c", "copy", "-frames:"+track, "50", "-f", "framehash", "-hash", "md5", "-")
	out, diag, err := run(t, 40*time.Second, "ffmpeg", args...)
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, diag)
	}
	var list []string
	for line := range strings.Lines(out) {
		if f := strings.Split(line, ","); len(f) >= 6 && strings.HasPrefix(line, "0,") {
			list = append(list, strings.TrimSpace(f[5]))
		}
	}
	if len(list) < frames {
		t.Fatalf("%d packets: %s", len(list), diag)
	}
	return list
}

func TestFfmpegGetsEveryPictureOnceAndInOrder(t *testing.T) {
	for _, c := range []struct {
		name string
		args []string
	}{{"tcp", []string{"-rtsp_transport", "tcp"}}, {"udp", []string{"-rtsp_transport", "udp"}}, {"http", []string{"-rtsp_transport", "http"}}} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 30})
			cams := newCameras()
			s := serve(t, cams)
			_, password := s.account("viewer", nil)
			pour(t, cams.ring, cameratest.Frames(time.Now(), v, cameratest.EncodeAudio(t, media.AAC), 1000))
			got := hashes(t, "v", 50, append(c.args, "-i", s.url("viewer:"+password))...)
			// The clip goes round after 30 pictures, each unlike the others.
			place := map[string]int{}
			for i, h := range got {
				if i < 30 {
					if _, twice := place[h]; twice {
						t.Fatalf("picture %d came twice", i)
					}
					place[h] = i
				} else if want := got[i-30]; h != want {
					t.Fatalf("picture %d is not what came a round before", i)
				}
			}
		})
	}
}

func TestFfprobeKnowsTheStreamAndGStreamerDecodesIt(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 30})
	cams := newCameras()
	s := serve(t, cams)
	_, password := s.account("viewer", nil)
	pour(t, cams.ring, cameratest.Frames(time.Now(), v, cameratest.EncodeAudio(t, media.PCMA), 3000))
	out, diag, err := run(t, 40*time.Second, "ffprobe", "-v", "error", "-rtsp_transport", "tcp", "-of", "json", "-show_entries", "stream=codec_name,width,sample_rate", s.url("viewer:"+password))
	if err != nil {
		t.Fatalf("ffprobe: %v: %s", err, diag)
	}
	var doc struct {
		Streams []struct {
			Codec string `json:"codec_name"`
			Width int    `json:"width"`
		} `json:"streams"`
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || len(doc.Streams) != 2 || doc.Streams[0].Codec != "h264" || doc.Streams[0].Width != 320 || doc.Streams[1].Codec != "pcm_alaw" {
		t.Errorf("ffprobe says %s, %v", out, err)
	}
	for _, protocol := range []string{"tcp", "udp", "http"} {
		location := s.url("")
		if protocol == "http" {
			location, protocol = strings.Replace(location, "rtsp:", "rtsph:", 1), "tcp"
		}
		out, diag, err = run(t, 40*time.Second, "gst-launch-1.0", "-q", "rtspsrc", "location="+location, "user-id=viewer", "user-pw="+password, "protocols="+protocol, "latency=100", "!",
			"rtph264depay", "!", "h264parse", "!", "avdec_h264", "!", "identity", "eos-after=20", "!", "fakesink", "sync=false")
		if err != nil {
			t.Errorf("gst-launch by %s: %v: %s %s", protocol, err, out, diag)
		}
	}
}

func TestRTSPS(t *testing.T) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{GOP: 10, Frames: 30})
	cams := newCameras()
	s := serve(t, cams)
	_, password := s.account("viewer", nil)
	s.set(func(r *api.RelaySettings) { r.TLS = true })
	pour(t, cams.ring, cameratest.Frames(time.Now(), v, nil, 1000))
	url := "rtsps://viewer:" + password + "@" + s.address(testSecurePort) + "/live/" + camera + "/main"
	hashes(t, "v", 50, "-rtsp_transport", "tcp", "-i", url)
	if st, err := s.Status(); err != nil || len(st.Certificate) != 64 {
		t.Errorf("%+v, %v", st, err)
	}
	compare(t, ingested(t, url, api.TransportTCP), cameratest.Frames(time.Now(), v, nil, 30), 40)
}
