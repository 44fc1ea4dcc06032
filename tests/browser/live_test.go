//go:build whole

package browser

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/appliance"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// watch is how long each way of showing live pictures is watched: `go test -tags whole -run TestLive ./tests/browser -args -watch 1h`.
var watch = flag.Duration("watch", 4*time.Second, "how `long` to watch live pictures for their latency")

// hold is how long one camera is watched as browsers usually show it, whose latency must not grow.
var hold = flag.Duration("hold", 0, "how `long` to watch one camera for whether its latency stays, before all else")

// limit is what 95 of 100 pictures may be old when they come onto the screen: by far more than they are, on a computer
// that does nothing else.
var limit = flag.Duration("limit", 500*time.Millisecond, "`latency` of live pictures that is good enough")

// liveCamera is what live.mjs is told of a camera.
type liveCamera struct {
	Name   string `json:"name"`
	FPS    int    `json:"fps"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	// What is later than a frame's number says, by stream.
	PhaseMs map[string]float64 `json:"phaseMs"`
}

// lateCamera is added by the script: its video is one that the browser does not decode.
type lateCamera struct {
	liveCamera
	URL string `json:"url"`
}

// liveTask is live.mjs's argument.
type liveTask struct {
	URL       string       `json:"url"`
	Username  string       `json:"username"`
	Password  string       `json:"password"`
	Cameras   []liveCamera `json:"cameras"`
	WatchMs   int64        `json:"watchMs"`
	HoldMs    int64        `json:"holdMs"`
	LimitMs   int64        `json:"limitMs"`
	Late      lateCamera   `json:"late"`
	Shots     string       `json:"shots"`
	Downloads string       `json:"downloads"`
	Node      string       `json:"node"`
}

func TestLive(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	shots := filepath.Join(root, "build", "shots", "live")
	if err := errors.Join(os.RemoveAll(shots), os.MkdirAll(shots, 0o755)); err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "vigie") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	binary := filepath.Join(dir, "vigie")
	if err := stack.Build(t.Context(), root, binary); err != nil {
		t.Fatal(err)
	}
	video := func(codec string, n, w, h, fps int, label string) *content.Video {
		return &content.Video{Codec: codec, Width: w, Height: h, FPS: fps, GOP: 2 * fps, Bitrate: 700_000, Label: label, Camera: n}
	}
	decoder, err := stack.BuildDecoder(t.Context(), root, filepath.Join(root, "build"))
	if err != nil {
		t.Fatal(err)
	}
	telephone := &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}
	server := cameras(t,
		rtspcam.Config{ID: "gate", Video: video(content.H264, 3, 640, 360, 25, "GATE"), Audio: telephone},
		rtspcam.Config{ID: "gate2", Video: video(content.H264, 4, 320, 180, 25, "GATE SMALL"), Audio: telephone},
		rtspcam.Config{ID: "hall", Video: video(content.H264, 1, 640, 360, 25, "HALL"), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		rtspcam.Config{ID: "lane", Video: video(content.MJPEG, 2, 320, 240, 10, "LANE"), Audio: &content.Audio{Codec: content.G726x32, SampleRate: 8000, Channels: 1}},
		rtspcam.Config{ID: "pier", Video: video(content.H265, 5, 640, 360, 25, "PIER"), Audio: telephone},
	)
	job := liveTask{Username: "owner", Password: "correct horse battery", WatchMs: watch.Milliseconds(), HoldMs: hold.Milliseconds(), LimitMs: limit.Milliseconds(), Shots: shots, Downloads: dir, Node: filepath.Join(root, "services/web/ui")}
	volume := filepath.Join(dir, "volume")
	if err := os.Mkdir(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	services, err := stack.Start(t.Context(), stack.Config{Binary: binary, Decoder: decoder, Dir: dir, Volumes: []string{volume}, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := services.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			for _, name := range []string{stack.Web, stack.Engine} {
				text, _ := os.ReadFile(services.Log(name))
				t.Logf("the log of %s ends with:\n%s", name, text[max(0, len(text)-4000):])
			}
		}
	})
	greeting, err := services.Greeting(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	job.URL = greeting.URL
	client, err := appliance.NewClient(greeting.URL, greeting.Fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if err := client.SetUp(t.Context(), greeting.SetupCode, job.Username, job.Password); err != nil {
		t.Fatal(err)
	}
	told := func(c *rtspcam.Camera) liveCamera {
		v := c.Config().Video
		return liveCamera{Name: v.Label, FPS: v.FPS, Width: v.Width, Height: v.Height, PhaseMs: map[string]float64{"main": phase(t, c)}}
	}
	pier := server.Camera("pier")
	job.Late = lateCamera{told(pier), server.URL(pier)}
	for _, id := range []string{"gate", "hall", "lane"} {
		c := server.Camera(id)
		one := told(c)
		request := api.CameraRequest{Name: one.Name, URL: server.URL(c), Enabled: true}
		if sub := server.Camera(id + "2"); sub != nil {
			request.SubURL = new(server.URL(sub))
			one.PhaseMs["sub"] = phase(t, sub)
		}
		if err := client.Call(t.Context(), "POST", "/cameras", request, nil); err != nil {
			t.Fatal(err)
		}
		job.Cameras = append(job.Cameras, one)
	}
	follow(t, "live.mjs", job)
}

// phase is what a camera's frames are later than the instants that their numbers say, in milliseconds.
func phase(t *testing.T, c *rtspcam.Camera) float64 {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if sent := c.Sent(); len(sent) > 0 {
			f, fps := sent[0], int64(c.Config().Video.FPS)
			return float64(f.CaptureUs-f.Number*1e6/fps) / 1000
		}
	}
	t.Fatalf("camera %s has sent nothing", c.ID())
	return 0
}
