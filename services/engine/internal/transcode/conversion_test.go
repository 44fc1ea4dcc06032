package transcode

import (
	"bytes"
	"context"
	"errors"
	"image/jpeg"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/media"
)

// gops hands frames out as whole GOPs.
func gops(frames []*media.Frame) func() ([]*media.Frame, error) {
	return func() ([]*media.Frame, error) {
		for n, f := range frames {
			if n > 0 && f.Track == f.Run.Video() && f.Keyframe {
				gop := frames[:n]
				frames = frames[n:]
				return gop, nil
			}
		}
		gop := frames
		frames = nil
		return gop, nil
	}
}

func TestEveryPictureOfFootageIsMade(t *testing.T) {
	sound := cameratest.EncodeAudio(t, media.PCMA)
	for _, o := range []cameratest.VideoOptions{
		{Codec: media.H265, Size: "1920x1080", Rate: 25, GOP: 25, Frames: 60},
		{Codec: media.H264, Size: "320x240", Rate: 25, GOP: 25, Frames: 75, BFrames: 2},
		{Codec: media.MPEG4, Size: "320x240", Rate: 25, GOP: 25, Frames: 75},
	} {
		t.Run(string(o.Codec), func(t *testing.T) {
			t.Parallel()
			tr, _ := start(t, nil)
			frames := cameratest.Frames(time.Unix(1_790_000_000, 123_456_789), cameratest.EncodeVideo(t, o), sound, o.Frames)
			c, err := tr.Convert(t.Context(), frames[0].Run)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			times, sounds := map[int64]bool{}, 0
			for _, f := range frames {
				if f.Track == f.Run.Video() {
					times[f.TimeNs()/1000] = true
				} else {
					sounds++
				}
			}
			w, h := fit(frames[0].Run.Tracks[0].Width, frames[0].Run.Tracks[0].Height)
			groups, pictures, heard, last := 0, 0, 0, int64(0)
			err = c.Do(gops(frames), func(group []*media.Frame, nextTicks int64) error {
				groups++
				for _, f := range group {
					if f.Run != c.Run() {
						t.Error("a frame of another run")
					}
					if f.Track != f.Run.Video() {
						heard++
						continue
					}
					pictures++
					if at := f.TimeNs() / 1000; !near(times, at) || at <= last {
						t.Errorf("picture %d is of %d us, after %d: not an instant of the video", pictures, at, last)
					} else {
						last = at
					}
					if nextTicks != 0 && f.PTSTicks >= nextTicks {
						t.Errorf("a picture of %d ticks comes before one of %d", f.PTSTicks, nextTicks)
					}
					if size, err := jpeg.DecodeConfig(bytes.NewReader(f.Payload)); err != nil || size.Width != w || size.Height != h {
						t.Errorf("a picture is %+v, %v; want %d x %d", size, err, w, h)
					}
				}
				return nil
			})
			if err != nil || pictures != o.Frames || heard != sounds || groups < 4 {
				t.Errorf("%d of %d pictures and %d of %d sounds in %d groups: %v", pictures, o.Frames, heard, sounds, groups, err)
			}
		})
	}
}

func TestAConversionEndsWithWhoWantedIt(t *testing.T) {
	tr, _ := start(t, func(c *Config) { c.Most = 1 })
	frames := cameratest.Frames(time.Unix(1_790_000_000, 0), cameratest.EncodeVideo(t, cameratest.VideoOptions{Codec: media.H265, Size: "320x240", Rate: 25, GOP: 25, Frames: 75}), nil, 75)
	for _, test := range []struct {
		name string
		run  func(*Conversion) error
	}{
		{"the client goes", func(c *Conversion) error {
			gone := errors.New("gone")
			if err := c.Do(gops(frames), func([]*media.Frame, int64) error { return gone }); !errors.Is(err, gone) {
				return err
			}
			return nil
		}},
		{"the footage is damaged", func(c *Conversion) error {
			torn := errors.New("torn")
			if err := c.Do(func() ([]*media.Frame, error) { return nil, torn }, func([]*media.Frame, int64) error { return nil }); !errors.Is(err, torn) {
				return err
			}
			return nil
		}},
		{"nothing is wanted", func(c *Conversion) error { return c.Do(gops(nil), func([]*media.Frame, int64) error { return nil }) }},
	} {
		c, err := tr.Convert(t.Context(), frames[0].Run)
		if err != nil {
			t.Fatalf("%s: no place: %v", test.name, err)
		}
		if err := test.run(c); err != nil {
			t.Errorf("%s: %v", test.name, err)
		}
		c.Close()
	}

	c, err := tr.Convert(t.Context(), frames[0].Run)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := tr.Convert(ctx, frames[0].Run); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second one while there is one place: %v", err)
	}
	none, _ := start(t, func(c *Config) { c.Program = "/no/such/program" })
	var p *answer.Problem
	if _, err := none.Convert(t.Context(), frames[0].Run); !errors.As(err, &p) || p.Detail.Code != "no_decoder" {
		t.Errorf("without a decoder: %v", err)
	}
}
