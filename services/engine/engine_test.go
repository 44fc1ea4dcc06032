package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/engine/internal/cameratest"
)

func TestEveryOperationAnswersAsTheSpecificationSays(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{}), User: "admin", Password: "secret"})
	room := newMachineRoom(t)
	v1 := volume(t, "v1")
	room.mount(v1)
	e := start(t, room)

	e.do("listCameras", "GET", "/v1/cameras", "", 200, "[]")
	url := cam.URL
	withUser := strings.Replace(url, "rtsp://", "rtsp://admin:secret@", 1)
	e.do("testCamera", "POST", "/v1/cameras/test", `{"url":"`+url+`"}`, 502, `"unauthorized"`)
	e.do("testCamera", "POST", "/v1/cameras/test", `{"url":"`+withUser+`"}`, 200, "H.264")
	e.do("testCamera", "POST", "/v1/cameras/test", `{"url":"nonsense"}`, 400, `"bad_url"`)
	e.do("testCamera", "POST", "/v1/cameras/test", `{"camera":"aaaaaaaa","url":"`+url+`"}`, 404, `"no_camera"`)
	e.do("addCamera", "POST", "/v1/cameras", `{"name":"","url":"`+url+`","enabled":true}`, 400, `"name"`)
	e.do("addCamera", "POST", "/v1/cameras", `{"name":"x","url":"http://a/","enabled":true}`, 400, `"url"`)
	e.do("addCamera", "POST", "/v1/cameras", `{"name":"x"`, 400, `"bad_json"`)
	id := e.add("Door", withUser)
	e.do("addCamera", "POST", "/v1/cameras", `{"name":"DOOR","url":"`+url+`","enabled":true}`, 400, `"name_taken"`)
	if b := e.do("listCameras", "GET", "/v1/cameras", "", 200, id); bytes.Contains(b, []byte("secret")) {
		t.Errorf("the password is given away: %s", b)
	}
	e.do("testCamera", "POST", "/v1/cameras/test", `{"camera":"`+id+`","url":"`+url+`","username":"admin"}`, 200, "H.264")
	e.do("getCamera", "GET", "/v1/cameras/aaaaaaaa", "", 404, `"no_camera"`)
	e.do("getCamera", "GET", "/v1/cameras/x", "", 404, `"no_camera"`)
	e.eventually("the camera is recorded", func() bool { return e.camera(id).State.Recording && len(e.timeline(id).Segments) > 0 })

	// A new name touches nothing; the recording goes on in the same file.
	open := e.timeline(id).Segments[0].ID
	e.do("putCamera", "PUT", "/v1/cameras/"+id, `{"name":"Gate","url":"`+url+`","username":"admin","enabled":true}`, 200, "Gate")
	e.do("putCamera", "PUT", "/v1/cameras/aaaaaaaa", `{"name":"Gate","url":"`+url+`","enabled":true}`, 404, `"no_camera"`)
	e.do("putCamera", "PUT", "/v1/cameras/"+id, `{"name":"Gate","url":"","enabled":true}`, 400, `"bad_url"`)
	start := e.timeline(id).Segments[0].StartMs
	e.eventually("two more seconds are on disk", func() bool { s := e.timeline(id).Segments; return s[0].EndMs > start+2500 })
	if s := e.timeline(id).Segments; len(s) != 1 || s[0].ID != open {
		t.Errorf("renaming cut the recording: %+v", s)
	}

	e.do("getMedia", "GET", fmt.Sprintf("/v1/cameras/%s/media?fromMs=%d&durationMs=1000", id, start), "", 200, "ftyp")
	e.do("getMedia", "GET", fmt.Sprintf("/v1/cameras/%s/media?fromMs=%d", id, time.Now().Add(time.Hour).UnixMilli()), "", 404, `"no_footage"`)
	e.do("getMedia", "GET", "/v1/cameras/"+id+"/media?fromMs=x", "", 400, `"bad_time"`)
	e.do("getKeyframe", "GET", fmt.Sprintf("/v1/cameras/%s/keyframe?atMs=%d", id, start+1500), "", 200, "ftyp")
	e.do("getKeyframe", "GET", fmt.Sprintf("/v1/cameras/%s/keyframe?atMs=%d&format=annexb&skip=-1", id, start+1500), "", 200, "\x00\x00\x00\x01")
	e.do("getKeyframe", "GET", fmt.Sprintf("/v1/cameras/%s/keyframe?atMs=%d", id, start-3_600_000), "", 404, "recordings begin at")
	e.do("getKeyframe", "GET", "/v1/cameras/"+id+"/keyframe?atMs=x", "", 400, `"bad_time"`)
	e.do("getTimeline", "GET", "/v1/cameras/"+id+"/timeline?fromMs=5&toMs=4", "", 400, `"bad_range"`)
	e.do("getHistory", "GET", "/v1/cameras/"+id+"/history?fromMs=5&toMs=4", "", 400, `"bad_range"`)
	e.do("getHistory", "GET", "/v1/cameras/"+id+"/history?stream=third&fromMs=4&toMs=5", "", 400, `"bad_stream"`)
	e.do("getHistory", "GET", fmt.Sprintf("/v1/cameras/%s/history?stream=sub&fromMs=%d&toMs=%d", id, start-3_600_000, start), "", 200, `"points":[]`)
	e.do("getTimeline", "GET", "/v1/cameras/"+id+"/timeline?fromMs=0&toMs=2678400001", "", 400, `"bad_range"`)
	now := time.Now().UnixMilli()
	for _, c := range []struct{ operation, path, want string }{
		{"getOverview", "/cameras/" + id + "/overview?resolutionMs=1000&", `"spans":[{`},
		{"getDays", "/cameras/" + id + "/days?", `"standard":true`},
		{"getCoverage", "/cameras/" + id + "/coverage?", `"percent":100`},
		{"listCoverage", "/coverage?", `"percent":100`},
	} {
		e.do(c.operation, "GET", fmt.Sprintf("/v1%sfromMs=%d&toMs=%d", c.path, start, now), "", 200, c.want)
		e.do(c.operation, "GET", "/v1"+c.path+"fromMs=5&toMs=4", "", 400, `"bad_range"`)
		e.do(c.operation, "GET", "/v1"+c.path+"fromMs=0&toMs=99999999999", "", 400, `"bad_range"`)
		e.do(c.operation, "GET", "/v1"+c.path+"fromMs=&toMs=4", "", 400, `"bad_time"`)
	}
	e.do("getOverview", "GET", "/v1/cameras/"+id+"/overview?resolutionMs=5&fromMs=0&toMs=2678400000", "", 400, `"bad_resolution"`)
	e.do("getCoverage", "GET", "/v1/cameras/x/coverage?fromMs=0&toMs=1", "", 404, `"no_camera"`)
	e.do("getSegmentFile", "GET", "/v1/segments/"+open+"/file", "", 200, "matroska")
	e.do("getSegmentFile", "GET", "/v1/segments/aaaaaaaa-1-standard-main/file", "", 404, `"no_segment"`)
	e.do("getSegmentFile", "GET", "/v1/segments/..%2f..%2fetc/file", "", 404, `"no_segment"`)
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"limitPercent":80}`, 204, "")
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"limitPercent":5}`, 400, `"bad_limit"`)
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"retired":true}`, 204, "")
	e.do("getRecording", "GET", "/v1/recording", "", 200, `"retired":true`)
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"warnPercent":91}`, 204, "")
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"warnPercent":5}`, 400, `"bad_limit"`)
	e.do("getRecording", "GET", "/v1/recording", "", 200, `"warnPercent":91`)
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/v1", `{"retired":false}`, 204, "")
	e.do("getRecording", "GET", "/v1/recording", "", 200, `"limitPercent":80`)
	e.do("putRecordingVolume", "PUT", "/v1/recording/volumes/none", `{"limitPercent":80}`, 404, `"no_volume"`)
	e.do("getRecording", "GET", "/v1/recording", "", 200, `"limitPercent":80`)
	e.protections(id, start)
	e.exports(id, start)
	e.do("putCamera", "PUT", "/v1/cameras/"+id, `{"name":"Gate","url":"`+url+`","username":"admin","enabled":true,"retention":{"standardDays":20,"standardMinDays":10,"alarmDays":0,"alarmMinDays":0}}`, 200, `"standardMinDays":10`)
	e.eventually("the camera's promise is looked after", func() bool {
		return !bytes.Contains(e.do("listUsage", "GET", "/v1/recording/usage", "", 200, `"promise"`), []byte(`"none"`))
	})

	e.do("live", "GET", "/v1/cameras/aaaaaaaa/live", "", 404, `"no_camera"`)
	ws, _, err := websocket.Dial(t.Context(), "ws://engine/v1/cameras/"+id+"/live", &websocket.DialOptions{HTTPClient: &http.Client{Transport: e.ask.Transport()}})
	if err != nil {
		t.Fatal(err)
	}
	defer ws.CloseNow()
	ws.SetReadLimit(8 << 20)
	var got []string
	for len(got) == 0 || got[len(got)-1] != "moof" {
		kind, b, err := ws.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if kind == websocket.MessageText {
			var m api.LiveMessage
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatal(err)
			}
			got = append(got, string(m.Type))
		} else {
			got = append(got, string(b[4:8]))
		}
	}
	if i := slices.Index(got, "init"); i < 0 || !slices.Equal(got[i:], []string{"init", "ftyp", "moof"}) {
		t.Errorf("live sends %v", got)
	}

	calendarsAnswer(e, id, url)
	triggersAnswer(e, id, url)
	relayAnswers(e, id)
	e.do("listPastCameras", "GET", "/v1/cameras/past", "", 200, "[]")
	e.do("deleteCamera", "DELETE", "/v1/cameras/"+id, "", 204, "")
	e.eventually("the removed camera's recordings are listed under the name that they bear", func() bool {
		b := e.do("listPastCameras", "GET", "/v1/cameras/past", "", 200, "[")
		return bytes.Contains(b, []byte(id)) && bytes.Contains(b, []byte(`"name":"Door"`))
	})
	e.do("deleteCamera", "DELETE", "/v1/cameras/"+id, "", 404, `"no_camera"`)
	e.do("getSegmentFile", "GET", "/v1/segments/"+open+"/file", "", 200, "matroska") // recordings stay
	e.deletions(id)
	e.repairs()
	if bytes.Contains(e.log.Bytes(), []byte("secret")) {
		t.Error("the log holds the password")
	}
	for path, item := range e.spec.Paths.Map() {
		for method, op := range item.Operations() {
			if op.Tags[0] == "engine" && !e.tried[op.OperationID] {
				t.Errorf("%s %s is not tried", method, path)
			}
		}
	}
}

func TestRecordingFollowsTheVolumesAndSaysWhatIsMissing(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	e := start(t, room)
	e.do("getRecording", "GET", "/v1/recording", "", 200, "There is no data volume")
	id := e.add("Door", cam.URL)
	e.eventually("it is said why nothing is recorded", func() bool {
		s := e.camera(id).State
		return s.Status == api.CameraStateStatusLive && !s.Recording && strings.Contains(s.RecordingReason, "no data volume")
	})
	v1, v2 := volume(t, "v1"), volume(t, "v2")
	room.mount(v1)
	e.eventually("the first volume has two seconds", func() bool {
		s := e.timeline(id).Segments
		return len(s) == 1 && s[0].Volume == "v1" && s[0].EndMs-s[0].StartMs > 2000
	})
	room.mount(v1, v2)
	e.eventually("the index is on both volumes", func() bool {
		r := e.recording()
		return len(r.IndexCopies) == 2 && !slices.ContainsFunc(r.IndexCopies, func(c api.IndexCopy) bool { return c.Status != api.IndexCopyStatusOk })
	})
	room.mount(v2)
	e.eventually("recording goes on on the second volume", func() bool { return e.camera(id).State.Volume == "v2" })
	e.eventually("both parts are in the timeline", func() bool { return len(e.timeline(id).Segments) == 2 })
	tl := e.timeline(id)
	tl.Gaps = slices.DeleteFunc(tl.Gaps, func(g api.Gap) bool { return g.EndMs <= tl.Segments[0].StartMs }) // while there was no volume
	if len(tl.Gaps) != 0 || tl.Segments[1].StartMs-tl.Segments[0].EndMs > 1000 {
		t.Errorf("footage is missing between %d and %d; gaps %+v", tl.Segments[0].EndMs, tl.Segments[1].StartMs, tl.Gaps)
	}
	e.do("getRecording", "GET", "/v1/recording", "", 200, "is not connected")
	room.fail(v1, "The disk returns errors.")
	e.eventually("a disk that is there and fails is not called absent", func() bool {
		r := e.recording()
		i := slices.IndexFunc(r.Volumes, func(v api.RecordingVolume) bool { return v.ID == "v1" })
		return i >= 0 && r.Volumes[i].Status == api.RecordingVolumeStatusDegraded && r.Volumes[i].Reason == "The disk returns errors." &&
			r.Volumes[i].Segments == 1 && slices.Contains(r.Warnings, "Volume Disk v1: The disk returns errors.")
	})
	room.mount()
	room.fail(v1, "The disk returns errors.")
	e.eventually("it is why nothing is recorded", func() bool {
		s := e.camera(id).State
		return !s.Recording && strings.Contains(s.RecordingReason, "Volume Disk v1: The disk returns errors.")
	})
	e.stop()

	// The first volume comes back, to an engine that knows nothing: camera, index and both recordings are there.
	room.mount(v1, v2)
	e = start(t, room)
	e.eventually("the camera is recorded again", func() bool { return e.camera(id).State.Recording })
	if c := e.camera(id); c.Name != "Door" {
		t.Errorf("the camera came back as %+v", c)
	}
	e.eventually("all parts are in the timeline", func() bool { return len(e.timeline(id).Segments) >= 3 })
	for _, s := range e.timeline(id).Segments {
		e.do("getSegmentFile", "GET", "/v1/segments/"+s.ID+"/file", "", 200, "matroska")
	}
	// No engine had run before in this start of the machine, though its clock says that it started an hour ago.
	e.eventually("the stop is a gap with its cause", func() bool {
		g := e.timeline(id).Gaps
		return len(g) > 0 && g[len(g)-1].Cause == api.GapCausePower
	})
}

func TestWithoutAVolumeCamerasCanBeChangedAndRemoved(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	e := start(t, newMachineRoom(t))
	id := e.add("Door", cam.URL)
	e.eventually("nothing is recorded", func() bool {
		return strings.Contains(e.camera(id).State.RecordingReason, "no data volume")
	})
	patience, done := context.WithTimeout(t.Context(), 20*time.Second)
	defer done()
	if err := e.ask.Call(patience, "PUT", "/v1/cameras/"+id, api.CameraRequest{Name: "Door", URL: cam.URL + "?again", Enabled: true}, nil); err != nil {
		t.Fatal(err)
	}
	if err := e.ask.Call(patience, "DELETE", "/v1/cameras/"+id, nil, nil); err != nil {
		t.Fatal(err)
	}
}

func TestCamerasAndRecordingsAreKnownFromAWriteProtectedVolume(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	v1 := volume(t, "v1")
	room.mount(v1)
	e := start(t, room)
	id := e.add("Door", cam.URL)
	e.eventually("something is recorded", func() bool { return len(e.timeline(id).Segments) > 0 })
	e.stop()

	if err := unix.Mount(v1, v1, "", unix.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(v1, unix.MNT_DETACH) })
	if err := unix.Mount("", v1, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	room.mount(v1)
	room.mu.Lock()
	room.status.Volumes[0].Status = api.VolumeStatusReadonly
	room.mu.Unlock()
	e = start(t, room)
	if c := e.camera(id); c.Name != "Door" {
		t.Errorf("the camera came back as %+v", c)
	}
	segments := e.timeline(id).Segments
	if len(segments) == 0 {
		t.Fatal("nothing in the timeline")
	}
	e.do("getSegmentFile", "GET", "/v1/segments/"+segments[0].ID+"/file", "", 200, "matroska")
	e.do("getRecording", "GET", "/v1/recording", "", 200, "read-only")
	e.eventually("it is said why nothing is recorded", func() bool {
		s := e.camera(id).State
		return s.Status == api.CameraStateStatusLive && !s.Recording && strings.Contains(s.RecordingReason, "read-only")
	})
}

func TestAVolumeThatComesLateBringsItsCameras(t *testing.T) {
	cam := cameratest.Start(t, cameratest.CameraOptions{Video: cameratest.EncodeVideo(t, cameratest.VideoOptions{})})
	room := newMachineRoom(t)
	v1 := volume(t, "v1")
	room.mount(v1)
	e := start(t, room)
	id := e.add("Door", cam.URL)
	e.eventually("something is recorded", func() bool { return len(e.timeline(id).Segments) > 0 })
	e.stop()

	room.mount()
	e = start(t, room)
	e.do("listCameras", "GET", "/v1/cameras", "", 200, "[]")
	room.mount(v1)
	e.eventually("the camera is back", func() bool {
		var list []api.Camera
		return e.ask.Call(t.Context(), "GET", "/v1/cameras", nil, &list) == nil && len(list) == 1 && list[0].ID == id && list[0].State.Recording
	})
}
