//go:build whole

package native

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/recorded"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

var kills = flag.Int("kills", 24, "how many times the engine is killed while it records")

// againWithin is how soon a killed engine must record again: from the kill to the first frame that is in each camera's files
// again. When the engine says so is later by what it holds the first frames back for, to find out when they were taken.
const againWithin = 2 * time.Second

// TestEngineKilledAgainAndAgainRecordsAgainAtOnce kills the engine at any moment, over and over. Whatever its timelines
// had shown is there each time it is back, and plays.
func TestEngineKilledAgainAndAgainRecordsAgainAtOnce(t *testing.T) {
	s := cameras(t, rtspcam.Config{ID: "avc", Video: video(content.H264, 1)}, rtspcam.Config{ID: "hevc", Video: video(content.H265, 2)})
	r := record(t, 1)
	added := []api.Camera{r.add(t, s, "avc"), r.add(t, s, "hevc")}
	r.untilRecording(t, time.Now())
	shown, judged := map[string]int64{}, map[string]bool{}
	var again, said []time.Duration
	for n := range *kills {
		for end := time.Now().Add(time.Duration(rand.IntN(1000)) * time.Millisecond); ; time.Sleep(10 * time.Millisecond) {
			for _, c := range added {
				for _, seg := range r.all(t, c.ID) {
					shown[seg.ID] = seg.EndMs
				}
			}
			if time.Now().After(end) {
				break
			}
		}
		killed := time.Now()
		if err := r.Kill(stack.Engine); err != nil {
			t.Fatal(err)
		}
		if err := r.StartService(t.Context(), stack.Engine); err != nil {
			t.Fatal(err)
		}
		said = append(said, r.untilRecording(t, killed))
		r.untilShown(t, added, killed)
		ends := map[string]int64{}
		newest := map[string]int64{}
		for _, c := range added {
			for _, seg := range r.all(t, c.ID) {
				ends[seg.ID] = seg.EndMs
				newest[c.ID] = max(newest[c.ID], seg.StartMs)
				if seg.Open || judged[seg.ID] || shown[seg.ID] == 0 {
					continue
				}
				judged[seg.ID] = true
				r.holds(t, s, c, seg, shown[seg.ID])
			}
		}
		var took time.Duration
		for _, start := range newest {
			took = max(took, time.UnixMilli(start).Sub(killed))
		}
		if again = append(again, took); took <= 0 {
			t.Errorf("kill %d: the newest files began %v before it", n, -took)
		}
		for id, end := range shown {
			if got, there := ends[id]; !there || got < end {
				t.Errorf("kill %d: segment %s had been shown up to %d, now it is there: %v, up to %d", n, id, end, there, got)
			}
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	slices.Sort(again)
	slices.Sort(said)
	// Counted, and told at the end: a machine that is busy with other things for a moment must not hide a loss.
	if late := len(again) - sort.Search(len(again), func(i int) bool { return again[i] > againWithin }); late > 0 {
		t.Errorf("%d of %d times it took more than %v to record again", late, len(again), againWithin)
	}
	t.Logf("%d kills; recording again after %s, and saying so after %s; %d torn segments held against the cameras' ledger", len(again), spread(again), spread(said), len(judged))
}

// spread tells of sorted durations.
func spread(d []time.Duration) string {
	at := func(share float64) time.Duration {
		return d[min(int(share*float64(len(d))), len(d)-1)].Round(time.Millisecond)
	}
	return fmt.Sprintf("%v (p50), %v (p99), %v (most)", at(0.5), at(0.99), at(1))
}

// all segments of a camera.
func (r *recorder) all(t *testing.T, id string) []api.Segment {
	t.Helper()
	line, err := r.Timeline(t.Context(), id, time.Now().Add(-24*time.Hour).UnixMilli(), time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	return line.Segments
}

// untilRecording waits until all cameras are recorded, and returns how long after an instant that was.
func (r *recorder) untilRecording(t *testing.T, since time.Time) time.Duration {
	t.Helper()
	until(t, 20*time.Second, "all cameras are recorded", func(ctx context.Context) (bool, error) {
		list, err := r.Cameras(ctx)
		return len(list) > 0 && !slices.ContainsFunc(list, func(c api.Camera) bool { return !c.State.Recording }), err
	})
	return time.Since(since)
}

// untilShown waits until of each camera something shows that was recorded after an instant.
func (r *recorder) untilShown(t *testing.T, cameras []api.Camera, since time.Time) {
	t.Helper()
	until(t, 20*time.Second, "all cameras show what is recorded", func(context.Context) (bool, error) {
		return !slices.ContainsFunc(cameras, func(c api.Camera) bool {
			return !slices.ContainsFunc(r.all(t, c.ID), func(s api.Segment) bool { return s.StartMs > since.UnixMilli() })
		}), nil
	})
}

// holds checks a segment that a kill left against what the camera sent.
func (r *recorder) holds(t *testing.T, s *rtspcam.Server, c api.Camera, seg api.Segment, shownMs int64) {
	t.Helper()
	var file string
	for _, f := range r.files(t, c.ID) {
		if strings.HasPrefix(filepath.Base(f), strings.Split(seg.ID, "-")[1]+"-") {
			file = f
		}
	}
	stamps, frames, err := recorded.Stamps(t.Context(), file)
	if err != nil || frames != len(stamps) || frames == 0 {
		t.Errorf("segment %s: %d frames, %d stamps, %v", seg.ID, frames, len(stamps), err)
		return
	}
	if err := ledger.Compare(s.Camera(c.Name).Sent(), stamps).Err(); err != nil {
		t.Errorf("segment %s: %v", seg.ID, err)
	}
	// The end in the timeline is the end of the last frame, by the recorder's clock: a few frames of doubt.
	last := stamps[len(stamps)-1].Capture
	if last.Before(time.UnixMilli(shownMs).Add(-200 * time.Millisecond)) {
		t.Errorf("segment %s has frames up to %v, and had been shown up to %v", seg.ID, last.UTC(), time.UnixMilli(shownMs).UTC())
	}
}
