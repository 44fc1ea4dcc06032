package web

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"vigie/internal/api"
	"vigie/services/web/webapi"
)

func TestThePastIsThatOfAllVolumes(t *testing.T) {
	if got := past(api.Recording{Volumes: []api.RecordingVolume{{}}, IndexCopies: []api.IndexCopy{{SnapshotMs: 5}}}); got != nil {
		t.Errorf("without recordings: %+v", got)
	}
	got := past(api.Recording{Volumes: []api.RecordingVolume{{OldestMs: 30}, {}, {OldestMs: 20}}, IndexCopies: []api.IndexCopy{{SnapshotMs: 40}, {SnapshotMs: 50}, {}}})
	if diff := cmp.Diff(&webapi.Past{OldestMs: 20, CopyMs: 50}, got); diff != "" {
		t.Error(diff)
	}
}
