//go:build whole

package browser

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// start is what eleven of twelve first pictures may take after the click: by far more than they do, on a computer that does
// nothing else.
var start = flag.Duration("start", 1500*time.Millisecond, "`time` from a click to the first recorded picture that is good enough")

// playerTask is the argument of player.mjs, which tells what the fields mean.
type playerTask struct {
	stage
	Cameras []playerCamera `json:"cameras"`
	Foreign playerCamera   `json:"foreign"`
	Crowd   []string       `json:"crowd"`
	StartMs int64          `json:"startMs"`
}

type playerCamera struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	FPS  int    `json:"fps"`

	PhaseMs float64 `json:"phaseMs"`
}

// The first camera's recordings have what a player meets: a border of files, a gap, and a change of format.
func TestPlayer(t *testing.T) {
	small := func(n, w, h int, label string) *content.Video {
		return &content.Video{Codec: content.H264, Width: w, Height: h, FPS: 10, GOP: 10, Bitrate: 150_000, Label: label, Camera: n}
	}
	aac, jpeg, foreign := small(2, 320, 180, "TWO"), small(3, 320, 180, "THREE"), small(5, 320, 180, "FIVE")
	aac.FPS, aac.GOP = 25, 50
	jpeg.Codec, foreign.Codec = content.MJPEG, content.H265
	server := cameras(t,
		rtspcam.Config{ID: "one", Video: small(1, 320, 180, "ONE"), Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}},
		rtspcam.Config{ID: "other", Video: small(1, 240, 180, "ONE")},
		rtspcam.Config{ID: "two", Video: aac, Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		rtspcam.Config{ID: "three", Video: jpeg},
		rtspcam.Config{ID: "four", Video: small(4, 320, 180, "FOUR")},
		rtspcam.Config{ID: "five", Video: foreign, Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}},
	)
	url := func(id string) string { return server.URL(server.Camera(id)) }
	decoder, err := stack.BuildDecoder(t.Context(), root(t), filepath.Join(root(t), "build"))
	if err != nil {
		t.Fatal(err)
	}
	b := open(t, "player", stack.Config{Decoder: decoder}, nil)
	b.setUp(t)
	job := playerTask{stage: b.stage, StartMs: start.Milliseconds()}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	always := api.RecordingRule{Calendar: "always", Streams: []api.StreamName{"main"}}
	plan := &api.RecordingPlan{Standard: always, Alarm: api.RecordingRule{Calendar: "never", Streams: []api.StreamName{"main"}}, PreMb: 4, PostSeconds: 1, SegmentSeconds: 10, SegmentMb: 64}
	add := func(name, id string) playerCamera {
		t.Helper()
		c := b.add(t, api.CameraRequest{Name: name, URL: url(id), Recording: plan})
		return playerCamera{ID: c.ID, Name: c.Name, FPS: server.Camera(id).Config().Video.FPS, PhaseMs: phase(t, server.Camera(id))}
	}
	for _, id := range []string{"one", "two", "three", "four"} {
		job.Cameras = append(job.Cameras, add(strings.ToUpper(id), id))
	}
	job.Foreign = add("FIVE", "five")
	for n := range 12 {
		job.Crowd = append(job.Crowd, add(fmt.Sprint("FOUR ", n+1), "four").ID)
	}
	first := job.Cameras[0]
	recorded := func(what string, enough func(api.Timeline) bool) {
		t.Helper()
		if err := b.client.Until(ctx, what, func() (bool, error) {
			line, err := b.client.Timeline(ctx, first.ID, time.Now().Add(-time.Hour), time.Now().Add(time.Minute))
			return err == nil && enough(line), err
		}); err != nil {
			t.Fatal(err)
		}
	}
	put := func(request api.CameraRequest) {
		t.Helper()
		request.Name, request.Recording = first.Name, plan
		if err := b.client.Call(ctx, http.MethodPut, "/cameras/"+first.ID, request, nil); err != nil {
			t.Fatal(err)
		}
	}
	recorded("a second file", func(line api.Timeline) bool {
		n := len(line.Segments)
		return n >= 2 && line.LastMs-line.Segments[n-1].StartMs > 2500 && line.LastMs-line.FirstMs > 14_000
	})
	put(api.CameraRequest{URL: url("one"), Enabled: false})
	time.Sleep(4 * time.Second) // the length of the gap
	before := time.Now()
	put(api.CameraRequest{URL: url("one"), Enabled: true})
	recorded("footage after the gap", func(line api.Timeline) bool {
		return line.LastMs > before.UnixMilli()+5000
	})
	put(api.CameraRequest{URL: url("other"), Enabled: true})
	before = time.Now()
	recorded("footage in another format", func(line api.Timeline) bool { return line.LastMs > before.UnixMilli()+5000 })
	follow(t, "player.mjs", job)
}
