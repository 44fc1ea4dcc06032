//go:build whole

package native

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
)

// oddity is a camera that is not as the standards say, or not as usual, and how it must come out.
type oddity struct {
	name   string
	camera func(c *rtspcam.Config)
	fault  string   // code of the refusal; empty: every frame is recorded once and in order
	files  int      // at least; 0: one
	dark   bool     // the line goes dark in between
	turns  bool     // it is reconfigured in between
	codecs []string // of the video in its files, as ffmpeg names them; none: whatever
	sound  string   // recorded beside, ditto
}

// oddities are all of them. Each was seen on sold cameras.
func oddities() []oddity {
	with := func(name string, q rtspcam.Quirks) oddity {
		return oddity{name: name, camera: func(c *rtspcam.Config) { c.Quirks = q }}
	}
	named := func(name string) oddity {
		q, err := rtspcam.ParseQuirk(name)
		if err != nil {
			panic(err)
		}
		return with(name, q)
	}
	audio := func(codec string, rate int) func(*rtspcam.Config) {
		return func(c *rtspcam.Config) { c.Audio = &content.Audio{Codec: codec, SampleRate: rate, Channels: 1} }
	}
	// What goes with the quirks of descriptions, by the beginning of their names.
	more := map[string]struct {
		camera func(*rtspcam.Config)
		sound  string
	}{
		"late-audio":         {audio(content.PCMA, 8000), "pcm_alaw"},
		"sdp-mpeg4":          {func(c *rtspcam.Config) { c.Video.Codec = content.MPEG4 }, ""},
		"sdp-latm":           {audio(content.LATM, 48000), "aac"},
		"sdp-opus":           {audio(content.Opus, 48000), "opus"},
		"sdp-aac":            {audio(content.AAC, 48000), "aac"},
		"sdp-without-clock":  {audio(content.PCMU, 8000), "pcm_mulaw"},
		"sdp-strange-medias": {audio(content.PCMU, 8000), "pcm_mulaw"},
	}
	list := []oddity{}
	for _, name := range rtspcam.QuirkNames() {
		o := named(name)
		for begin, m := range more {
			if strings.HasPrefix(name, begin) {
				quirk := o.camera
				o.sound, o.camera = m.sound, func(c *rtspcam.Config) { quirk(c); m.camera(c) }
			}
		}
		list = append(list, o)
	}
	return append(list,
		with("jumps of hours", rtspcam.Quirks{Jump: 3 * time.Hour, JumpEvery: 8 * time.Second}),
		with("microseconds", rtspcam.Quirks{TickHz: 1_000_000}),
		oddity{name: "GOP of 60 s", camera: func(c *rtspcam.Config) {
			c.Video.GOP = 60 * c.Video.FPS
			due := content.Number(time.Now().Add(6*time.Second), int64(c.Video.FPS), 1)
			c.ShiftFrames = c.Video.GOP - int(due%int64(c.Video.GOP)) // its keyframe comes soon
		}},
		oddity{name: "parameter sets change", files: 2, camera: func(c *rtspcam.Config) {
			other := *c.Video
			other.Width, other.Height = 480, 360
			c.Other = &other
		}},
		oddity{name: "parameter sets change, H.265", files: 2, camera: func(c *rtspcam.Config) {
			c.Video.Codec = content.H265
			other := *c.Video
			other.Width, other.Height = 480, 360
			c.Other = &other
		}},
		oddity{name: "codec changes in mid-stream", files: 2, codecs: []string{"h264", "hevc"}, sound: "pcm_alaw", camera: func(c *rtspcam.Config) {
			other := *c.Video
			other.Codec = content.H265
			c.Other, c.Audio = &other, &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}
		}},
		oddity{name: "codec changes in mid-stream, Motion JPEG", files: 2, codecs: []string{"h264", "mjpeg"}, camera: func(c *rtspcam.Config) {
			other := *c.Video
			other.Codec = content.MJPEG
			c.Other = &other
		}},
		oddity{name: "codec changes in between", turns: true, files: 2, codecs: []string{"h264", "hevc"}, camera: func(c *rtspcam.Config) {
			next := *c.Video
			next.Codec = content.H265
			c.Next = &next
		}},
		oddity{name: "no parameter sets in SDP, H.265", camera: func(c *rtspcam.Config) {
			c.Video.Codec, c.Quirks.NoSets = content.H265, true
		}},
		oddity{name: "half-open TCP", dark: true, camera: func(*rtspcam.Config) {}},
		oddity{name: "codec that is not recorded", fault: "bad_codec", camera: func(c *rtspcam.Config) { c.Video.Codec = content.VP8 }},
	)
}

// TestOddCamerasAreRecordedWithoutLossOrRefusedWithTheReason is the table of all of them, printed at its end.
func TestOddCamerasAreRecordedWithoutLossOrRefusedWithTheReason(t *testing.T) {
	list := oddities()
	configs := make([]rtspcam.Config, len(list))
	for i, o := range list {
		configs[i] = rtspcam.Config{ID: fmt.Sprintf("odd-%d", i), Video: video(content.H264, 1)} // one content for many is made once
		o.camera(&configs[i])
	}
	s := cameras(t, configs...)
	r := record(t, 1)
	start := time.Now()
	broken := make([]time.Time, len(list)) // when sessions were broken off
	added := make([]api.Camera, len(list))
	for i, o := range list {
		added[i] = r.add(t, s, configs[i].ID)
		if o.dark {
			r.untilRecorded(t, added[i].ID, time.Now().Add(2*time.Second))
			broken[i] = time.Now().Add(-time.Second) // what was on its way is nobody's fault
			s.Camera(configs[i].ID).Darken()
			until(t, 15*time.Second, "the half-open connection is found", func(ctx context.Context) (bool, error) {
				return s.Camera(configs[i].ID).Readers() > 0, nil
			})
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "camera\tframes\tfiles\tlost\tcame out as")
	for i, o := range list {
		if o.turns {
			r.untilRecorded(t, added[i].ID, start.Add(8*time.Second))
			broken[i] = time.Now()
			if err := s.Camera(configs[i].ID).Reconfigure(); err != nil {
				t.Fatal(err)
			}
		}
	}
	states := make([]api.CameraState, len(list))
	for i, o := range list { // all end together, before the judges take their time
		if o.fault != "" {
			continue
		}
		r.untilRecorded(t, added[i].ID, start.Add(22*time.Second))
		var err error
		if states[i], err = r.state(t.Context(), added[i].ID); err != nil {
			t.Fatal(err)
		}
		r.disable(t, added[i])
	}
	for i, o := range list {
		cam := s.Camera(configs[i].ID)
		if o.fault != "" {
			until(t, 10*time.Second, o.name+" is refused", func(ctx context.Context) (bool, error) {
				st, err := r.state(ctx, added[i].ID)
				if st.Code != o.fault || st.Reason == "" {
					return false, err
				}
				fmt.Fprintf(w, "%s\t\t\t\trefused: %s\n", o.name, st.Reason)
				return true, err
			})
			continue
		}
		files, state := r.files(t, added[i].ID), states[i]
		sent, recorded := cam.Sent(), judged(t, files)
		if from, again := broken[i], (time.Time{}); !from.IsZero() { // what came before the new connection's first keyframe is not missed
			for _, s := range recorded {
				if s.Capture.After(from.Add(time.Second)) && again.IsZero() {
					again = s.Capture
				}
			}
			sent = slices.DeleteFunc(sent, func(f ledger.Frame) bool { return f.Capture().After(from) && f.Capture().Before(again) })
			recorded = slices.DeleteFunc(recorded, func(s stamp.Stamp) bool { return s.Capture.After(from) && s.Capture.Before(again) })
		}
		report := ledger.Compare(sent, recorded)
		verdict := "recorded, every frame once"
		if err := report.Err(); err != nil {
			t.Errorf("%s: %v", o.name, err)
			verdict = err.Error()
		}
		if len(files) < o.files {
			t.Errorf("%s: %d files, want %d", o.name, len(files), o.files)
		}
		if state.LostFrames != 0 && !o.dark {
			t.Errorf("%s: %d frames are said to be lost", o.name, state.LostFrames)
		}
		if o.codecs != nil || o.sound != "" {
			holds(t, o, files)
		}
		if len(files) > 8 {
			t.Errorf("%s: in %d files: %s …", o.name, len(files), filepath.Base(files[0]))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", o.name, report.Recorded, len(files), state.LostFrames, verdict)
	}
	w.Flush()
	t.Log("\n" + table.String())
}

// holds tells whether the files of a camera have its codecs, and sound where it sends some.
func holds(t *testing.T, o oddity, files []string) {
	t.Helper()
	var codecs []string
	sound := 0
	for _, f := range files {
		tracks, err := recorded.Tracks(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		for _, tr := range tracks {
			switch {
			case tr.Kind == "video" && !slices.Contains(codecs, tr.Codec):
				codecs = append(codecs, tr.Codec)
			case tr.Kind == "audio" && tr.Codec == o.sound:
				sound += tr.Packets
			}
		}
	}
	slices.Sort(codecs)
	if o.codecs != nil && !slices.Equal(codecs, o.codecs) {
		t.Errorf("%s: video is %v, want %v", o.name, codecs, o.codecs)
	}
	if o.sound != "" && sound < 300 {
		t.Errorf("%s: %d packets of sound as %s", o.name, sound, o.sound)
	}
}
