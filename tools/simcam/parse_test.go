package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
)

func TestCameraDescription(t *testing.T) {
	got, err := parseCamera("id=door,codec=h265,size=640x360,fps=12,bitrate=1.5M,audio=pcma,user=u,pass=p", 3)
	if err != nil {
		t.Fatal(err)
	}
	want := rtspcam.Config{ID: "door", User: "u", Pass: "p",
		Video: &content.Video{Codec: "h265", Width: 640, Height: 360, FPS: 12, GOP: 24, Bitrate: 1_500_000, Label: "CAM 3", Camera: 3},
		Audio: &content.Audio{Codec: "pcma", SampleRate: 8000, Channels: 1}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestBadCameraDescriptionIsRefused(t *testing.T) {
	for _, s := range []string{"codec", "codec=av1", "size=640", "size=axb", "fps=0", "fps=x", "bitrate=-1", "bitrate=xM", "colour=red", "codec=none", "audio=mp3", "gop=0.5"} {
		if c, err := parseCamera(s, 1); err == nil {
			t.Errorf("%q gives %+v", s, c)
		}
	}
}
