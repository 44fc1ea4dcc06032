//go:build whole

package browser

import (
	"flag"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
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
	stage
	Cameras   []liveCamera `json:"cameras"`
	WatchMs   int64        `json:"watchMs"`
	HoldMs    int64        `json:"holdMs"`
	LimitMs   int64        `json:"limitMs"`
	Late      lateCamera   `json:"late"`
	Downloads string       `json:"downloads"`
}

func TestLive(t *testing.T) {
	video := func(codec string, n, w, h, fps int, label string) *content.Video {
		return &content.Video{Codec: codec, Width: w, Height: h, FPS: fps, GOP: 2 * fps, Bitrate: 700_000, Label: label, Camera: n}
	}
	decoder, err := stack.BuildDecoder(t.Context(), root(t), filepath.Join(root(t), "build"))
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
	b := open(t, "live", stack.Config{Decoder: decoder}, nil)
	b.setUp(t)
	job := liveTask{stage: b.stage, WatchMs: watch.Milliseconds(), HoldMs: hold.Milliseconds(), LimitMs: limit.Milliseconds(), Downloads: b.dir}
	told := func(c *rtspcam.Camera) liveCamera {
		v := c.Config().Video
		return liveCamera{Name: v.Label, FPS: v.FPS, Width: v.Width, Height: v.Height, PhaseMs: map[string]float64{"main": phase(t, c)}}
	}
	pier := server.Camera("pier")
	job.Late = lateCamera{told(pier), server.URL(pier)}
	for _, id := range []string{"gate", "hall", "lane"} {
		c := server.Camera(id)
		one := told(c)
		request := api.CameraRequest{Name: one.Name, URL: server.URL(c)}
		if sub := server.Camera(id + "2"); sub != nil {
			request.SubURL = new(server.URL(sub))
			one.PhaseMs["sub"] = phase(t, sub)
		}
		b.add(t, request)
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
