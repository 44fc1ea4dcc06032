//go:build whole

package native

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/stack"
)

// repaired has the database repaired and returns the report.
func (r *recorder) repaired(t *testing.T, action api.RepairRequestAction) api.Repair {
	t.Helper()
	if _, err := r.RepairDatabase(t.Context(), api.RepairRequest{Action: action}); err != nil {
		t.Fatal(err)
	}
	var report api.Repair
	until(t, 30*time.Second, "the repair ends", func(ctx context.Context) (done bool, err error) {
		report, err = r.Repair(ctx)
		return report.Status != api.RepairStatusRunning, err
	})
	if report.Status != api.RepairStatusDone {
		t.Fatalf("%s: %+v", action, report)
	}
	return report
}

func says(r api.Repair, kind api.RepairFindingKind, words ...string) bool {
	return slices.ContainsFunc(r.Findings, func(f api.RepairFinding) bool {
		return f.Kind == kind && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Text, w) })
	})
}

// TestTheDatabaseIsRepairedWhileCamerasAreRecorded damages a copy of the database and the recordings' folders, has that
// found and put right in each way, and counts the frames that were recorded meanwhile.
func TestTheDatabaseIsRepairedWhileCamerasAreRecorded(t *testing.T) {
	s := cameras(t, rtspcam.Config{ID: "old", Video: video(content.H264, 1)}, rtspcam.Config{ID: "one", Video: video(content.H264, 2)}, rtspcam.Config{ID: "two", Video: video(content.H264, 3)})
	r := record(t, 2)
	start := time.Now()
	old := r.add(t, s, "old")
	r.untilRecorded(t, old.ID, start.Add(3*time.Second))
	r.disable(t, old)
	closed := r.files(t, old.ID)
	ids := r.segments(t, old.ID)
	added := []api.Camera{r.add(t, s, "one"), r.add(t, s, "two")}
	began := time.Now()
	for _, c := range added {
		r.untilRecorded(t, c.ID, began.Add(2*time.Second))
	}

	// A sector of one copy goes bad: it is found by reading back, and the copy is written anew from the good one.
	damaged, err := filepath.Glob(filepath.Join(r.volumes[1], "vigie", "index", "engine.*.journal"))
	if err != nil || len(damaged) == 0 {
		t.Fatalf("%v, %v", damaged, err)
	}
	f, err := os.OpenFile(damaged[0], os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("this was a sector"), 96); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if report := r.repaired(t, api.RepairRequestActionCheck); !says(report, "bad", "copy on volume", "damaged") || !says(report, "good", "The copy on volume", "is whole") {
		t.Errorf("of a damaged copy: %+v", report.Findings)
	}
	id := volumeID(t, r.volumes[1])
	until(t, 10*time.Second, "the copy is written anew, and that is said", func(ctx context.Context) (bool, error) {
		state, err := r.Recording(ctx)
		told := slices.ContainsFunc(state.Warnings, func(w string) bool { return strings.Contains(w, id) && strings.Contains(w, "written anew") })
		return told && !slices.ContainsFunc(state.IndexCopies, func(c api.IndexCopy) bool {
			return c.Status != api.IndexCopyStatusOk || c.Volume == id && c.DamagedMs == 0
		}), err
	})

	// A recording's file is taken away and comes back under the engine's eyes: the index says something else than the disk.
	away := closed[0] + ".away"
	if err := os.Rename(closed[0], away); err != nil {
		t.Fatal(err)
	}
	if report := r.repaired(t, api.RepairRequestActionCheck); !says(report, "bad", "1 that are in it are not there") {
		t.Errorf("of a file that is gone: %+v", report.Findings)
	}
	if report := r.repaired(t, api.RepairRequestActionFiles); !says(report, "mended", "1 were in it and are not there") || !says(report, "bad", "1 file among its recordings") {
		t.Errorf("of a file that is gone: %+v", report.Findings)
	}
	if got := r.segments(t, old.ID); len(got) != len(ids)-1 {
		t.Errorf("%d segments are shown of %d files", len(got), len(ids)-1)
	}
	if err := os.Rename(away, closed[0]); err != nil {
		t.Fatal(err)
	}
	if report := r.repaired(t, api.RepairRequestActionFiles); !says(report, "mended", "1 were not in the index and are now") {
		t.Errorf("of a file that has come: %+v", report.Findings)
	}
	if report := r.repaired(t, api.RepairRequestActionCopies); !says(report, "mended", "The database is built anew from the copy on volume") {
		t.Errorf("from copies: %+v", report.Findings)
	}
	if report := r.repaired(t, api.RepairRequestActionCheck); slices.ContainsFunc(report.Findings, func(f api.RepairFinding) bool { return f.Kind != "good" }) {
		t.Errorf("in the end: %+v", report.Findings)
	}
	if got := r.segments(t, old.ID); !slices.Equal(got, ids) {
		t.Errorf("segments %v, before %v", got, ids)
	}

	// Of what was recorded meanwhile nothing is missing, after a restart from the copies neither.
	ended := time.Now()
	for _, c := range added {
		r.untilRecorded(t, c.ID, ended.Add(2*time.Second))
		r.disable(t, c)
		if err := ledger.Compare(s.Camera(c.Name).Sent(), judged(t, r.files(t, c.ID))).Err(); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	shown := r.segments(t, added[0].ID)
	if err := r.Stop(stack.Engine); err != nil {
		t.Fatal(err)
	}
	r.start(t)
	if got := r.segments(t, added[0].ID); len(got) == 0 || !slices.Equal(got, shown) {
		t.Errorf("after a restart %v, before %v", got, shown)
	}
}
