//go:build whole

package native

import (
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/stack"
)

func TestEngineKilledInMidRecordingComesBackAndLosesNothingAcknowledged(t *testing.T) {
	s := cameras(t,
		rtspcam.Config{ID: "avc", Video: video(content.H264, 1), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		rtspcam.Config{ID: "hevc", Video: video(content.H265, 2)})
	r := record(t, 1)
	start := time.Now()
	added := []api.Camera{r.add(t, s, "avc"), r.add(t, s, "hevc")}
	acknowledged := make(map[string]int64)
	for _, c := range added {
		acknowledged[c.ID] = r.untilRecorded(t, c.ID, start.Add(6*time.Second))
	}
	if err := r.Kill(stack.Engine); err != nil {
		t.Fatal(err)
	}
	torn := make(map[string][]string)
	for _, c := range added {
		files := r.files(t, c.ID)
		if len(files) == 0 || !strings.HasSuffix(files[len(files)-1], ".open.mkv") {
			t.Fatalf("%s: files %v, want the last to be open", c.Name, files)
		}
		torn[c.ID] = files
		// before any repair the torn file plays already
		if tracks, err := recorded.Tracks(t.Context(), files[len(files)-1]); err != nil || len(tracks) == 0 || tracks[0].Packets == 0 {
			t.Errorf("%s: torn file before repair: %+v, %v", c.Name, tracks, err)
		}
	}
	const away = 2500 * time.Millisecond // long enough to be called a gap
	time.Sleep(away)
	killed := time.Now().Add(-away)
	started := time.Now()
	if err := r.StartService(t.Context(), stack.Engine); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("the engine answers %v after its start, want 2 s at most", took)
	}
	for _, c := range added {
		r.untilRecorded(t, c.ID, started.Add(4*time.Second))
	}
	cams, err := r.Cameras(t.Context())
	if err != nil || len(cams) != 2 {
		t.Fatalf("cameras after the restart: %+v, %v", cams, err)
	}
	for _, c := range added {
		r.disable(t, c)
		files := r.files(t, c.ID)
		if len(files) < len(torn[c.ID])+1 {
			t.Errorf("%s: %d files after the restart, %d before", c.Name, len(files), len(torn[c.ID]))
		}
		var before, after []stamp.Stamp
		for _, f := range files {
			stamps := judged(t, []string{f})
			if len(stamps) > 0 && stamps[0].Capture.Before(killed) {
				before = append(before, stamps...)
			} else {
				after = append(after, stamps...)
			}
		}
		sent := s.Camera(c.Name).Sent()
		for what, stamps := range map[string][]stamp.Stamp{"before": before, "after": after} {
			if err := ledger.Compare(sent, stamps).Err(); err != nil {
				t.Errorf("%s, %s the kill: %v", c.Name, what, err)
			}
		}
		if len(before) == 0 || len(after) == 0 {
			continue
		}
		// what the timeline had shown must be there, but for the one frame that its end may round away
		last := before[len(before)-1].Capture
		if shown := time.UnixMilli(acknowledged[c.ID]); last.Before(shown.Add(-200 * time.Millisecond)) {
			t.Errorf("%s: recorded up to %v, but the timeline had shown footage up to %v", c.Name, last.UTC(), shown.UTC())
		}
		// a second to connect in, and one until the next keyframe
		if gone := after[0].Capture.Sub(started); gone > 3*time.Second {
			t.Errorf("%s: the first frame recorded again was taken %v after the engine's start", c.Name, gone)
		}
		line, err := r.Timeline(t.Context(), c.ID, start.Add(-time.Minute).UnixMilli(), time.Now().Add(time.Minute).UnixMilli())
		if err != nil {
			t.Fatal(err)
		}
		if len(line.Segments) != len(files) {
			t.Errorf("%s: %d segments in the timeline, %d files", c.Name, len(line.Segments), len(files))
		}
		hasCause := false
		for _, g := range line.Gaps {
			hasCause = hasCause || g.Cause == api.GapCauseEngineRestart && g.Message != ""
		}
		if !hasCause {
			t.Errorf("%s: gaps %+v, want one by the engine's restart", c.Name, line.Gaps)
		}
	}
}
