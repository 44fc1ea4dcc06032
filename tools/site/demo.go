package site

import (
	"context"
	"fmt"

	"vigie/tools/appliance"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
)

// DemoCamera is a camera with the name that people give it.
type DemoCamera struct {
	Name string
	rtspcam.Config
}

// DemoCameras are four cameras as different as real ones are, all in codecs that every browser plays.
func DemoCameras() []DemoCamera {
	video := func(n, w, h, fps, bitrate int, label string) *content.Video {
		return &content.Video{Codec: content.H264, Width: w, Height: h, FPS: fps, GOP: 2 * fps, Bitrate: bitrate, Label: label, Camera: n}
	}
	return []DemoCamera{
		{"Entrance", rtspcam.Config{ID: "entrance", Video: video(1, 1280, 720, 25, 2_000_000, "ENTRANCE"), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}}},
		{"Yard", rtspcam.Config{ID: "yard", Video: video(60, 960, 540, 15, 1_000_000, "YARD"), Audio: &content.Audio{Codec: content.PCMU, SampleRate: 8000, Channels: 1}}},
		{"Gate", rtspcam.Config{ID: "gate", Video: video(120, 640, 480, 12, 600_000, "GATE"), User: "viewer", Pass: "gate-4711"}},
		{"Hall", rtspcam.Config{ID: "hall", Video: video(180, 1280, 720, 10, 1_000_000, "HALL"), Audio: &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}}},
	}
}

// Configs are the configurations alone.
func Configs(cameras []DemoCamera) []rtspcam.Config {
	var all []rtspcam.Config
	for _, c := range cameras {
		all = append(all, c.Config)
	}
	return all
}

// AddDemoCameras adds the cameras to an appliance through its API.
func AddDemoCameras(ctx context.Context, client *appliance.Client, server *rtspcam.Server, cameras []DemoCamera) error {
	for _, c := range cameras {
		if _, err := client.AddCamera(ctx, c.Name, server.URL(server.Camera(c.ID)), c.User, c.Pass); err != nil {
			return fmt.Errorf("add camera %s: %w", c.Name, err)
		}
	}
	return nil
}
