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
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
)

// oddity is a camera that is not as the standards say, or not as usual, and how it must come out.
type oddity struct {
	name   string
	camera func(c *rtspcam.Config)
	fault  string // code of the refusal; empty: every frame is recorded once and in order
	files  int    // at least; 0: one
	dark   bool   // the line goes dark in between
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
	list := []oddity{}
	for _, name := range rtspcam.QuirkNames() {
		list = append(list, named(name))
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
		configs[i] = rtspcam.Config{ID: fmt.Sprintf("odd-%d", i), Video: video(content.H264, i+1)}
		if o.name == "late-audio" {
			configs[i].Audio = &content.Audio{Codec: content.PCMA, SampleRate: 8000, Channels: 1}
		}
		o.camera(&configs[i])
	}
	s := cameras(t, configs...)
	r := record(t, 1)
	start := time.Now()
	var darkened time.Time
	added := make([]api.Camera, len(list))
	for i, o := range list {
		added[i] = r.add(t, s, configs[i].ID)
		if o.dark {
			r.untilRecorded(t, added[i].ID, time.Now().Add(2*time.Second))
			darkened = time.Now()
			s.Camera(configs[i].ID).Darken()
			until(t, 15*time.Second, "the half-open connection is found", func(ctx context.Context) (bool, error) {
				return s.Camera(configs[i].ID).Readers() > 0, nil
			})
		}
	}
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "camera\tframes\tfiles\tlost\tcame out as")
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
		if o.dark { // what was on its way then, and what came before the new connection's first keyframe, is nobody's fault
			from, again := darkened.Add(-time.Second), time.Time{}
			for _, s := range recorded {
				if s.Capture.After(darkened) && again.IsZero() {
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
		if len(files) > 8 {
			t.Errorf("%s: in %d files: %s …", o.name, len(files), filepath.Base(files[0]))
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%s\n", o.name, report.Recorded, len(files), state.LostFrames, verdict)
	}
	w.Flush()
	t.Log("\n" + table.String())
}
