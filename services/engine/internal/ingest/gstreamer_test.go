package ingest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// gstreamer starts a camera and returns its address without credentials.
func gstreamer(t *testing.T, pipeline, auth string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/python3", "testdata/gstcamera.py", pipeline, auth)
	var stderr lockedBuffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Log(stderr.String())
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the GStreamer camera says nothing: %v: %s", err, stderr.String())
	}
	return "127.0.0.1:" + strings.TrimSpace(line) + "/stream"
}

// gstCase is a camera by GStreamer.
type gstCase struct {
	name, pipeline, auth string
	codecs               []media.Codec
	reordered            bool
	keyframes            int // at least; default 3
	rig, refused         *rig
}

func TestAgainstGStreamer(t *testing.T) {
	t.Parallel()
	againstGStreamer(t, []gstCase{
		{
			name: "H264 AAC", auth: "digest", codecs: []media.Codec{media.H264, media.AAC},
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=-1 " +
				"audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! rtpmp4gpay name=pay1 pt=97",
		},
		{
			name: "H264 with B-frames", auth: "basic", codecs: []media.Codec{media.H264}, reordered: true,
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc speed-preset=veryfast bframes=2 b-adapt=false rc-lookahead=2 sync-lookahead=0 key-int-max=25 ! video/x-h264,profile=main ! rtph264pay name=pay0 pt=96",
		},
		{
			name: "H265 G.711", auth: "basic", codecs: []media.Codec{media.H265, media.PCMA},
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph265pay name=pay0 pt=96 config-interval=-1 " +
				"audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=8000,channels=1 ! alawenc ! rtppcmapay name=pay1 pt=8",
		},
	})
}

func TestOtherCodecsAgainstGStreamer(t *testing.T) {
	t.Parallel()
	againstGStreamer(t, []gstCase{
		// GStreamer's encoder gives this codec no time stamps, so that it plays files of another's.
		{
			name: "MPEG-4 part 2", auth: "basic", codecs: []media.Codec{media.MPEG4}, // several pictures in a packet
			pipeline: "filesrc location=" + filmed(t, 0) + " ! qtdemux ! rtpmp4vpay name=pay0 pt=96 config-interval=1",
		},
		{
			name: "MPEG-4 part 2 with B-VOPs", auth: "basic", codecs: []media.Codec{media.MPEG4}, reordered: true,
			pipeline: "filesrc location=" + filmed(t, 2) + " ! qtdemux ! rtpmp4vpay name=pay0 pt=96 config-interval=1",
		},
		{
			name: "MJPEG Opus", auth: "digest", keyframes: 75, codecs: []media.Codec{media.MJPEG, media.Opus},
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 " +
				"audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=1 ! opusenc ! rtpopuspay name=pay1 pt=97",
		},
		{
			name: "MJPEG G.726", auth: "basic", codecs: []media.Codec{media.MJPEG, media.G726x32}, keyframes: 75,
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 " +
				"audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=8000,channels=1 ! avenc_g726 bitrate=32000 ! rtpg726pay name=pay1 pt=97",
		},
		{
			name: "MJPEG LATM", auth: "basic", keyframes: 75, codecs: []media.Codec{media.MJPEG, media.AAC},
			pipeline: "videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=320,height=240,framerate=25/1 ! jpegenc ! rtpjpegpay name=pay0 pt=26 " +
				"audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! rtpmp4apay name=pay1 pt=97",
		},
	})
}

// filmed is a film of MPEG-4 part 2 in small pictures, long enough for a test.
func filmed(t *testing.T, bframes int) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "film.mp4")
	out, err := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc=size=160x120:rate=25", "-frames:v", "1500",
		"-c:v", "mpeg4", "-g", "25", "-bf", strconv.Itoa(bframes), "-b_strategy", "0", "-q:v", "10", name).CombinedOutput()
	if err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
	return name
}

func TestTransportsAgainstGStreamer(t *testing.T) {
	t.Parallel()
	address := gstreamer(t, "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=25/1 ! x264enc tune=zerolatency key-int-max=25 ! rtph264pay name=pay0 pt=96 config-interval=-1", "digest")
	for _, transport := range []api.Transport{api.TransportTCP, api.TransportUDP, api.TransportHTTP} {
		t.Run(string(transport), func(t *testing.T) {
			r := start(t, "rtsp://admin:secret@"+address, func(i *Ingest) { i.ways = waysTo(i.cfg.URL, transport) })
			got := r.frames(t, videoFrames(75))
			checkOrder(t, got)
			for i, f := range got[1:] {
				if d := f.DTSTicks - got[i].DTSTicks; f.Run != got[0].Run || d < 3500 || d > 3700 {
					t.Fatalf("frame %d follows after %d ticks, in run %d", i+1, d, runs(got[:i+2]))
				}
			}
			if s := r.Stream(); s.Transport != string(transport) || s.LostFrames != 0 {
				t.Errorf("state %+v", s)
			}
			decode(t, got, len(got))
		})
	}
}

func againstGStreamer(t *testing.T, cases []gstCase) {
	for i := range cases {
		c := &cases[i]
		address := gstreamer(t, c.pipeline, c.auth)
		c.refused = start(t, "rtsp://admin:false@"+address, nil)
		c.rig = start(t, "rtsp://admin:secret@"+address, nil)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := c.rig
			c.refused.wait(t, 10*time.Second, "refused", offline("unauthorized"))
			got := r.frames(t, videoFrames(75))
			checkOrder(t, got)
			run := got[0].Run
			for i, codec := range c.codecs {
				if run.Tracks[i].Codec != codec {
					t.Errorf("track %d is %s", i, run.Tracks[i].Codec)
				}
			}
			video := ofTrack(got, 0)
			reordered := false
			keys := 0
			for i, f := range video {
				if f.Run != run {
					t.Fatal("a second run")
				}
				if i > 0 {
					d := f.DTSTicks - video[i-1].DTSTicks
					if !c.reordered && (d < 3550 || d > 3650) {
						t.Errorf("frame %d follows after %d ticks", i, d)
					}
					reordered = reordered || f.PTSTicks < video[i-1].PTSTicks
				}
				if f.Keyframe {
					keys++
				}
			}
			if reordered != c.reordered || keys < max(3, c.keyframes) {
				t.Errorf("reordered %v, %d keyframes", reordered, keys)
			}
			if len(c.codecs) > 1 {
				end := video[len(video)-1].TimeNs() // on a busy machine its encoder is behind
				a := slices.DeleteFunc(ofTrack(got, 1), func(f *media.Frame) bool { return f.TimeNs() > end })
				span := time.Duration(a[len(a)-1].TimeNs() - a[0].TimeNs())
				if span < 2500*time.Millisecond || span > 3500*time.Millisecond {
					t.Errorf("audio spans %v of 3 s of video", span)
				}
			}
			if s := r.State(); s.Status != api.CameraStateStatusLive || s.LostFrames != 0 {
				t.Errorf("state %+v", s)
			}
			decode(t, got, len(video))
		})
	}
}

// decode lets ffmpeg decode frames and count the pictures.
func decode(t *testing.T, frames []*media.Frame, pictures int) {
	t.Helper()
	w, err := mkv.NewWriter(frames[0].Run, mkv.Meta{StartNs: frames[0].TimeNs()})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range frames {
		if err := w.Add(f); err != nil {
			t.Fatal(err)
		}
	}
	w.EndCluster()
	file := bytes.Join(w.Take().Pieces, nil)
	name := filepath.Join(t.TempDir(), "a.mkv")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-err_detect", "explode", "-i", name, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framehash", "-", "-map", "0:a?", "-f", "null", "-")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.String())
	}
	n := 0
	for _, line := range strings.Split(string(out), "\n") {
		if strings.HasPrefix(line, "0,") {
			n++
		}
	}
	if n != pictures {
		t.Errorf("ffmpeg decoded %d pictures, want %d", n, pictures)
	}
}
