package engine

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
)

// TestInRescueModeTheIndexIsBuiltAnewAndNothingElseDone: cameras are not fetched, and of the API there is the repair alone. The index is
// lost altogether before; the timeline is the same after.
func TestInRescueModeTheIndexIsBuiltAnewAndNothingElseDone(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room, v := newMachineRoom(t), volume(t, "v1")
	room.mount(v)
	e := start(t, room)
	id := e.add("Door", cam.URL)
	e.eventually("there are two seconds", func() bool {
		s := e.timeline(id).Segments
		return len(s) == 1 && s[0].EndMs-s[0].StartMs > 2000
	})
	e.do("deleteCamera", "DELETE", "/v1/cameras/"+id, "", 204, "")
	var before []api.Segment
	e.eventually("its file is closed", func() bool {
		before = e.timeline(id).Segments
		return len(before) == 1 && !before[0].Open
	})
	e.stop()
	if err := os.RemoveAll(filepath.Join(v, "vigie", "index")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(v, "vigie", "index"), 0o750); err != nil {
		t.Fatal(err)
	}

	e = startAs(t, room, "-rescue")
	var r api.Repair
	state := func() error { return e.ask.Call(t.Context(), "GET", "/v1/recording/repair", nil, &r) }
	e.eventually("the engine of rescue mode answers", func() bool { return state() == nil })
	for _, path := range []string{"/v1/cameras", "/v1/recording", "/v1/cameras/" + id} {
		if err := e.ask.Call(t.Context(), "GET", path, nil, nil); err == nil {
			t.Errorf("it answers %s", path)
		}
	}
	e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"files"}`, 202, "running")
	e.eventually("the index is built", func() bool { return state() == nil && r.Status == api.RepairStatusDone })
	e.stop()

	e = start(t, room)
	after := e.timeline(id).Segments
	if !slices.Equal(after, before) {
		t.Errorf("the timeline was %+v, and is %+v", before, after)
	}
}
