package engine

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
)

// TestACameraIsRecordedTwice: to two volumes at once; what one of them has is there without the other, and says nothing twice.
func TestACameraIsRecordedTwice(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	v1, v2 := volume(t, "v1"), volume(t, "v2")
	room.mount(v1)
	e := start(t, room)
	body := fmt.Sprintf(`{"name":"Safe","url":%q,"enabled":true,"recording":{"standard":{"calendar":"always","streams":["main"]},`+
		`"alarm":{"calendar":"always","streams":["main"]},"preSeconds":0,"preMb":2,"postSeconds":5,"segmentSeconds":300,"segmentMb":1024,"volume":"v1","duplicate":true}}`, cam.URL)
	var c api.Camera
	if err := json.Unmarshal(e.do("addCamera", "POST", "/v1/cameras", body, 201, `"duplicate":true`), &c); err != nil {
		t.Fatal(err)
	}
	recorded := func() (r api.RecordingState) {
		for _, s := range e.camera(c.ID).State.Streams {
			for _, one := range s.Recordings {
				if one.Kind == api.RecordingStateKindStandard {
					r = one
				}
			}
		}
		return r
	}
	e.eventually("it is recorded, and said to be once", func() bool {
		return recorded().Volume == "v1" && recorded().Duplicate == "" && strings.Contains(recorded().DuplicateReason, "No other volume")
	})
	warned := func() bool {
		return strings.Contains(string(e.do("getRecording", "GET", "/v1/recording", "", 200, "")), "Recorded once, not twice as set: Safe. No other volume")
	}
	if !warned() {
		t.Error("nobody is warned")
	}
	room.mount(v1, v2)
	e.eventually("it is recorded twice", func() bool { return recorded().Volume == "v1" && recorded().Duplicate == "v2" })
	from := time.Now().Add(time.Second).UnixMilli()
	until := from + 3000
	e.eventually("three more seconds are on disk", func() bool { s := e.timeline(c.ID).Segments; return s[len(s)-1].EndMs > until+2000 })
	if warned() {
		t.Error("it is still warned of")
	}
	whole := func(volume string) {
		t.Helper()
		there := false
		for _, s := range e.timeline(c.ID).Segments {
			there = there || s.Volume == volume && s.StartMs <= from && s.EndMs >= until
			if s.StartMs < until && s.EndMs > from && (s.Stream != "main" || s.Volume == "v2" && volume != "v2") {
				t.Errorf("of %d to %d shows %+v", from, until, s)
			}
		}
		if !there {
			t.Errorf("of %d to %d nothing shows that is on %s: %+v", from, until, volume, e.timeline(c.ID).Segments)
		}
		e.do("getMedia", "GET", fmt.Sprintf("/v1/cameras/%s/media?fromMs=%d&durationMs=3000", c.ID, from), "", 200, "ftyp")
		e.do("getCoverage", "GET", fmt.Sprintf("/v1/cameras/%s/coverage?fromMs=%d&toMs=%d", c.ID, from, until), "", 200, `"percent":100`)
	}
	whole("v1")

	// The first volume's disk is pulled: it is recorded to the other alone, and what that has is played.
	room.mount(v2)
	e.eventually("the camera goes to the volume that is left, alone", func() bool { return recorded().Volume == "v2" && recorded().Duplicate == "" })
	whole("v2")
	// And is put back.
	room.mount(v1, v2)
	e.eventually("it is recorded twice again", func() bool {
		r := recorded()
		return r.Volume != "" && r.Duplicate != "" && r.Volume != r.Duplicate
	})
	whole("v1")
	for _, g := range e.timeline(c.ID).Gaps {
		if g.Stream != "main" {
			t.Errorf("a gap of the second recording: %+v", g)
		}
	}

	// Taken back, it is recorded once, and nobody is warned.
	e.do("putCamera", "PUT", "/v1/cameras/"+c.ID, strings.Replace(body, `,"duplicate":true`, "", 1), 200, "Safe")
	e.eventually("it is recorded once", func() bool { return recorded().Recording && recorded().Duplicate == "" && !warned() })
}
