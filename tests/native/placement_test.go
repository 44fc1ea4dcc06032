//go:build whole

package native

import (
	"context"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// TestRecordingMovesOffAVolumeThatIsRetiredWithoutLosingAFrame, and to one that its camera is pinned to.
func TestRecordingMovesOffAVolumeThatIsRetiredWithoutLosingAFrame(t *testing.T) {
	s := cameras(t, rtspcam.Config{ID: "avc", Video: video(content.H264, 1)})
	r := record(t, 2)
	c := r.add(t, s, "avc")
	on := func(want func(volume string) bool) (volume string) {
		until(t, 20*time.Second, "it is recorded elsewhere", func(ctx context.Context) (bool, error) {
			state, err := r.state(ctx, c.ID)
			volume = state.Volume
			return state.Recording && want(volume), err
		})
		return volume
	}
	first := on(func(string) bool { return true })
	r.untilRecorded(t, c.ID, time.Now().Add(2*time.Second))
	retired := time.Now()
	if err := r.PutRecordingVolume(t.Context(), first, api.RecordingVolumeRequest{Retired: new(true)}); err != nil {
		t.Fatal(err)
	}
	second := on(func(v string) bool { return v != first })
	if took := time.Since(retired); took > 4*time.Second {
		t.Errorf("it moved after %v, with a keyframe a second", took)
	}
	r.untilRecorded(t, c.ID, time.Now().Add(2*time.Second))
	// It goes back where it is pinned to, once that is in use again: with its next file.
	if err := r.PutRecordingVolume(t.Context(), first, api.RecordingVolumeRequest{Retired: new(false)}); err != nil {
		t.Fatal(err)
	}
	req := api.CameraRequest{Name: c.Name, URL: c.URL, Enabled: true, Recording: &c.Recording}
	req.Recording.Volume, req.Recording.SegmentSeconds = "no such volume", 10
	if _, err := r.PutCamera(t.Context(), c.ID, req); err == nil || !strings.Contains(err.Error(), "no such volume") {
		t.Errorf("pinned to a volume that was never seen: %v", err)
	}
	req.Recording.Volume = first
	if _, err := r.PutCamera(t.Context(), c.ID, req); err != nil {
		t.Fatal(err)
	}
	on(func(v string) bool { return v == first })
	r.untilRecorded(t, c.ID, time.Now().Add(time.Second))
	r.disable(t, c)
	files := r.files(t, c.ID)
	volumes := map[string]bool{}
	for _, f := range files {
		for _, v := range r.volumes {
			volumes[v] = volumes[v] || strings.HasPrefix(f, v)
		}
	}
	report := ledger.Compare(s.Camera("avc").Sent(), judged(t, files))
	if err := report.Err(); err != nil || len(volumes) != 2 || report.Recorded < 5*15 || second == first {
		t.Errorf("%d frames of %d files on %v: %v", report.Recorded, len(files), volumes, err)
	}
}
