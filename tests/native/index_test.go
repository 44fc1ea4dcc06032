//go:build whole

package native

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// past records a camera for some seconds, ends its recording, stops the engine, and returns what was to be seen.
func past(t *testing.T, r *recorder) (camera string, segments []string) {
	t.Helper()
	s := cameras(t, rtspcam.Config{ID: "cam", Video: video(content.H264, 1)})
	start := time.Now()
	c := r.add(t, s, "cam")
	r.untilRecorded(t, c.ID, start.Add(3*time.Second))
	r.disable(t, c)
	segments = r.segments(t, c.ID)
	if len(segments) == 0 {
		t.Fatal("nothing was recorded")
	}
	if err := r.Stop(stack.Engine); err != nil {
		t.Fatal(err)
	}
	return c.ID, segments
}

func (r *recorder) segments(t *testing.T, camera string) []string {
	t.Helper()
	line, err := r.Timeline(t.Context(), camera, time.Now().Add(-time.Hour).UnixMilli(), time.Now().Add(time.Hour).UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, s := range line.Segments {
		ids = append(ids, s.ID)
	}
	slices.Sort(ids)
	return ids
}

// start starts the engine as after a boot of the machine: what was in memory is gone.
func (r *recorder) start(t *testing.T) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(r.dir, "engine")); err != nil {
		t.Fatal(err)
	}
	if err := r.StartService(t.Context(), stack.Engine); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedCopyOfTheIndexIsNamedAndPassedOver(t *testing.T) {
	r := record(t, 2)
	camera, segments := past(t, r)
	damaged := filepath.Join(r.volumes[0], "vigie", "index")
	files, err := filepath.Glob(filepath.Join(damaged, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("copy of the index in %s: %v, %v", damaged, files, err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			b[i] ^= 0x55
		}
		if err := os.WriteFile(f, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t)
	if d := cmp.Diff(segments, r.segments(t, camera)); d != "" {
		t.Errorf("segments before and after: %s", d)
	}
	id := volumeID(t, r.volumes[0])
	until(t, 20*time.Second, "the damaged copy, which is written anew, is warned of", func(ctx context.Context) (bool, error) {
		state, err := r.Recording(ctx)
		return slices.ContainsFunc(state.Warnings, func(w string) bool { return strings.Contains(w, id) }), err
	})
}

func TestRecordingsAreFoundAgainWithoutAnyCopyOfTheIndex(t *testing.T) {
	r := record(t, 2)
	camera, segments := past(t, r)
	for _, v := range r.volumes {
		if err := os.RemoveAll(filepath.Join(v, "vigie", "index")); err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(v, "vigie", "index"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	r.start(t)
	until(t, 10*time.Second, "the index is rebuilt from the files", func(ctx context.Context) (bool, error) {
		state, err := r.Recording(ctx)
		return state.TotalSegments == int64(len(segments)), err
	})
	if d := cmp.Diff(segments, r.segments(t, camera)); d != "" {
		t.Errorf("segments before and after: %s", d)
	}
}

// volumeID reads the identity of a volume.
func volumeID(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path, "vigie", "volume.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(b, &v); err != nil || v.ID == "" {
		t.Fatalf("%s: %v", b, err)
	}
	return v.ID
}
