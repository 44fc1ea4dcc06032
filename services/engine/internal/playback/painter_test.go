package playback

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// painter makes pictures that tell what they are of; package transcode makes real ones.
type painter struct{}

func (painter) Still(_ context.Context, f *media.Frame, width int) ([]byte, error) {
	return fmt.Appendf(nil, "\xff\xd8 %s %d", f.Run.Tracks[f.Track].Codec, width), nil
}

func (painter) Convert(_ context.Context, run *media.Run) (Conversion, error) {
	out := *run
	out.Tracks = slices.Clone(run.Tracks)
	out.Tracks[run.Video()] = media.Track{Codec: media.MJPEG, ClockRate: run.Tracks[run.Video()].ClockRate, Width: 16, Height: 16}
	return painting{&out}, nil
}

type painting struct{ run *media.Run }

func (p painting) Run() *media.Run { return p.run }
func (painting) Close()            {}

func (p painting) Do(next func() ([]*media.Frame, error), give func([]*media.Frame, int64) error) error {
	for {
		gop, err := next()
		if len(gop) == 0 || err != nil {
			return err
		}
		var made []*media.Frame
		for _, f := range gop {
			same := *f
			shift := (f.Run.StartNs - p.run.StartNs) / 1000 * int64(f.Run.Tracks[f.Track].ClockRate) / 1e6
			same.Run, same.PTSTicks, same.DTSTicks = p.run, f.PTSTicks+shift, f.PTSTicks+shift
			if f.Track == f.Run.Video() {
				same.Keyframe = true
				same.Payload, _ = painter{}.Still(context.Background(), f, 16)
			}
			made = append(made, &same)
		}
		if err := give(made, 0); err != nil {
			return err
		}
	}
}

// What a browser cannot decode comes as pictures of all its frames, over the border of two files, with its sound.
func TestFootageComesAsPicturesOnDemand(t *testing.T) {
	a, _ := adjoining(t, cameratest.VideoOptions{Codec: media.H265}, media.PCMA)
	url := a.serve(t)
	asked := from(ms(epoch)+2500) + "&durationMs=9000"
	plain, made := get(t, url, asked), get(t, url, asked+"&format=mjpeg")
	if made.status != 200 || !strings.Contains(made.mime, "mp4v.6C") || !strings.Contains(plain.mime, "hvc1") {
		t.Fatalf("%d %q, without being asked %q", made.status, made.mime, plain.mime)
	}
	if made.pictures != plain.pictures || made.pictures < 200 || made.sounds != plain.sounds || made.start != plain.start || made.end != plain.end {
		t.Errorf("%d pictures, %d sounds, %d to %d; without being asked %d, %d, %d to %d",
			made.pictures, made.sounds, made.start, made.end, plain.pictures, plain.sounds, plain.start, plain.end)
	}
	if n := strings.Count(string(made.body), "\xff\xd8 H.265 16"); n != made.pictures {
		t.Errorf("%d of %d are pictures of H.265", n, made.pictures)
	}
}
