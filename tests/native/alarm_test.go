//go:build whole

package native

import (
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/simcam/stamp"
	"vigie/tools/stack"
)

// onAlarm adds a camera whose second stream is recorded always, and whose first on alarm.
func (r *recorder) onAlarm(t *testing.T, s *rtspcam.Server, main, sub string, pre, post int) api.Camera {
	t.Helper()
	second := s.URL(s.Camera(sub))
	plan := api.RecordingPlan{PreSeconds: pre, PreMb: 16, PostSeconds: post, SegmentSeconds: 300, SegmentMb: 1024}
	plan.Standard = api.RecordingRule{Calendar: "always", Streams: []api.StreamName{"sub"}}
	plan.Alarm = api.RecordingRule{Calendar: "always", Streams: []api.StreamName{"main"}}
	c, err := r.AddCamera(t.Context(), api.CameraRequest{Name: main, URL: s.URL(s.Camera(main)), SubURL: &second, Enabled: true, Recording: &plan})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// of are the files of a stream and kind, whose names say so.
func of(files []string, kind, stream string) (out []string) {
	for _, f := range files {
		if name := strings.Split(filepath.Base(f), "."); strings.HasSuffix(name[0], "-"+kind+"-"+stream) {
			out = append(out, f)
		}
	}
	return out
}

// quiet waits until no alarm recording of a camera runs or is being closed.
func (r *recorder) quiet(t *testing.T, c api.Camera, limit time.Duration) {
	t.Helper()
	until(t, limit, "the alarm recording of "+c.Name+" has ended", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		if state.AlarmUntilMs != 0 || state.ForcedUntilMs != 0 || state.Recording {
			return false, err
		}
		for _, f := range of(r.files(t, c.ID), "alarm", "main") {
			if strings.HasSuffix(f, ".open.mkv") {
				return false, err
			}
		}
		return true, err
	})
}

func TestAlarmRecordingHasEveryFrameFromBeforeItsTriggers(t *testing.T) {
	s := cameras(t,
		rtspcam.Config{ID: "main", Video: video(content.H264, 1), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		rtspcam.Config{ID: "sub", Video: video(content.H265, 2)})
	r := record(t, 1)
	const pre, post = 4, 2
	c := r.onAlarm(t, s, "main", "sub", pre, post)
	start := time.Now()
	until(t, 20*time.Second, "the first stream is live for longer than is kept", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		return state.Status == api.CameraStateStatusLive && time.Since(time.UnixMilli(state.SinceMs)) > (pre+2)*time.Second, err
	})
	var triggers []api.TriggerAnswer
	for range 2 {
		a, err := r.Trigger(t.Context(), c.ID, api.TriggerRequest{Source: "door", Text: "Back door"})
		if err != nil || !a.Recorded {
			t.Fatalf("trigger: %+v, %v", a, err)
		}
		triggers = append(triggers, a)
		// The second one follows so soon that what is kept from before it reaches into the first recording.
		r.quiet(t, c, 20*time.Second)
	}
	r.untilRecorded(t, c.ID, start.Add(12*time.Second))
	r.disable(t, c)
	files := r.files(t, c.ID)
	alarms := of(files, "alarm", "main")
	if len(alarms) != 2 || len(of(files, "standard", "main")) != 0 || len(of(files, "alarm", "sub")) != 0 {
		t.Fatalf("files %q, want two alarm recordings of the first stream alone", files)
	}
	stamps := judged(t, alarms)
	if err := ledger.Compare(s.Camera("main").Sent(), stamps).Err(); err != nil {
		t.Errorf("over both alarm recordings: %v", err)
	}
	first, last := stamps[0].Capture, stamps[len(stamps)-1].Capture
	if at := time.UnixMilli(triggers[0].AtMs); first.After(at.Add(-pre*time.Second)) || first.Before(at.Add(-(pre+2)*time.Second)) {
		t.Errorf("the first frame was taken %v before the trigger, want %d s and a GOP at most", at.Sub(first), pre)
	}
	if end := time.UnixMilli(triggers[1].AtMs).Add(post * time.Second); last.Before(end.Add(-100*time.Millisecond)) || last.After(end.Add(2*time.Second)) {
		t.Errorf("the last frame was taken %v after the end, want a GOP at most", last.Sub(end))
	}
	report := ledger.Compare(s.Camera("sub").Sent(), judged(t, of(files, "standard", "sub")))
	if err := report.Err(); err != nil || report.Recorded < 10*15 {
		t.Errorf("the second stream: %d frames, %v", report.Recorded, err)
	}
}

func TestAnAlarmThatRunsGoesOnAfterTheEngineWasKilled(t *testing.T) {
	s := cameras(t, rtspcam.Config{ID: "main", Video: video(content.H264, 1)}, rtspcam.Config{ID: "sub", Video: video(content.H264, 2)})
	r := record(t, 1)
	c := r.onAlarm(t, s, "main", "sub", 2, 3)
	until(t, 20*time.Second, "the first stream is live", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		return state.Status == api.CameraStateStatusLive, err
	})
	a, err := r.Trigger(t.Context(), c.ID, api.TriggerRequest{Source: "door", HoldMs: 12_000})
	if err != nil || !a.Recorded {
		t.Fatalf("trigger: %+v, %v", a, err)
	}
	until(t, 20*time.Second, "the alarm is being recorded", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		return state.Recording && time.Now().UnixMilli() > a.AtMs+3000, err
	})
	if err := r.Kill(stack.Engine); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	if err := r.StartService(t.Context(), stack.Engine); err != nil {
		t.Fatal(err)
	}
	until(t, 10*time.Second, "the alarm is being recorded again", func(ctx context.Context) (bool, error) {
		state, err := r.state(ctx, c.ID)
		return state.Recording && state.AlarmUntilMs == a.EndMs+3000, err
	})
	r.quiet(t, c, 40*time.Second)
	r.disable(t, c)
	var before, after []stamp.Stamp
	for _, f := range of(r.files(t, c.ID), "alarm", "main") {
		stamps := judged(t, []string{f})
		if stamps[0].Capture.Before(killed) {
			before = append(before, stamps...)
		} else {
			after = append(after, stamps...)
		}
	}
	if len(before) == 0 || len(after) == 0 {
		t.Fatalf("%d frames from before the kill, %d from after", len(before), len(after))
	}
	for what, stamps := range map[string][]stamp.Stamp{"before": before, "after": after} {
		if err := ledger.Compare(s.Camera("main").Sent(), stamps).Err(); err != nil {
			t.Errorf("%s the kill: %v", what, err)
		}
	}
	if gone := after[0].Capture.Sub(killed); gone > 4*time.Second {
		t.Errorf("the first frame recorded again was taken %v after the kill", gone)
	}
	end := time.UnixMilli(a.EndMs).Add(3 * time.Second)
	if last := after[len(after)-1].Capture; last.Before(end.Add(-100*time.Millisecond)) || last.After(end.Add(2*time.Second)) {
		t.Errorf("the last frame was taken %v after the alarm's end", last.Sub(end))
	}
	line, err := r.Timeline(t.Context(), c.ID, a.AtMs-60_000, a.EndMs+60_000)
	if err != nil || len(line.Triggers) != 1 || line.Triggers[0].AtMs != a.AtMs || line.Triggers[0].EndMs != a.EndMs {
		t.Errorf("triggers after the restart: %+v, %v", line.Triggers, err)
	}
}
