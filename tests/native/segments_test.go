//go:build whole

package native

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
)

// TestFilesEndAtTheLimitsOfTheirCamera: one by length, one by size, each at a keyframe, without losing or repeating a frame.
func TestFilesEndAtTheLimitsOfTheirCamera(t *testing.T) {
	t.Parallel()
	large := video(content.H264, 2)
	large.Bitrate = 8_000_000
	s := cameras(t,
		rtspcam.Config{ID: "by-length", Video: video(content.H264, 1), Audio: &content.Audio{Codec: content.AAC, SampleRate: 48000, Channels: 1}},
		rtspcam.Config{ID: "by-size", Video: large},
	)
	r := record(t, 1)
	start := time.Now()
	add := func(id string, seconds, mb int) api.Camera {
		plan := api.RecordingPlan{PreSeconds: 0, PreMb: 2, PostSeconds: 5, SegmentSeconds: seconds, SegmentMb: mb,
			Standard: api.RecordingRule{Calendar: "always", Streams: []api.StreamName{"main"}}, Alarm: api.RecordingRule{Calendar: "never", Streams: []api.StreamName{}}}
		c, err := r.AddCamera(t.Context(), api.CameraRequest{Name: id, URL: s.URL(s.Camera(id)), Enabled: true, Recording: &plan})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	const gop = time.Second
	const perSecond = 1 << 20 // bytes, of the larger one, and some more
	for _, c := range []struct {
		api.Camera
		atLeast int
		least   time.Duration
		size    int64
		within  func(length time.Duration, size int64) bool
	}{
		{add("by-length", 10, 1024), 2, 9 * time.Second, 0, func(length time.Duration, _ int64) bool {
			return length >= 9*time.Second-gop/10 && length <= 10*time.Second+gop+gop/2
		}},
		{add("by-size", 300, 4), 4, 0, 4 << 20 / 10 * 9, func(_ time.Duration, size int64) bool {
			return size >= 4<<20/10*9 && size <= 4<<20+perSecond+perSecond/4
		}},
	} {
		r.untilRecorded(t, c.ID, start.Add(22*time.Second))
		r.disable(t, c.Camera)
		files := r.files(t, c.ID)
		if len(files) <= c.atLeast {
			t.Fatalf("%s: %d files", c.Name, len(files))
		}
		for i, f := range files[:len(files)-1] { // the last ended with the camera
			info, err := os.Stat(f)
			if err != nil {
				t.Fatal(err)
			}
			ms, err := strconv.Atoi(strings.Split(filepath.Base(f), "-")[1])
			if err != nil {
				t.Fatal(err)
			}
			length, size := time.Duration(ms)*time.Millisecond, info.Size()
			t.Logf("%s: %v, %d bytes", c.Name, length, size)
			if i == 0 { // ends early, so that the cuts of many cameras are staggered
				length, size = max(length, c.least), max(size, c.size)
			}
			if !c.within(length, size) {
				t.Errorf("%s: a file of %v and %d bytes", c.Name, length, size)
			}
		}
		if err := ledger.Compare(s.Camera(c.Name).Sent(), judged(t, files)).Err(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}
