package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"golang.org/x/sys/unix"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/services/engine/internal/cameratest"
)

// machineRoom plays the system service: it tells of volumes, which are folders here, as a test has them come and go.
type machineRoom struct {
	socket  string
	mu      sync.Mutex
	status  api.Status
	changed chan struct{}
}

func newMachineRoom(t *testing.T) *machineRoom {
	r := &machineRoom{socket: filepath.Join(t.TempDir(), "system"), changed: make(chan struct{})}
	r.status = api.Status{Hostname: "vigie-test", StartedMs: time.Now().Add(-time.Hour).UnixMilli(), Memory: api.Memory{TotalBytes: 1 << 30}, StorageSettled: true}
	l, err := net.Listen("unix", r.socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		s, changed := r.status, r.changed
		r.mu.Unlock()
		if q.URL.Query().Get("after") == fmt.Sprint(s.Revision) {
			select {
			case <-changed:
			case <-q.Context().Done():
			}
			r.mu.Lock()
			s = r.status
			r.mu.Unlock()
		}
		answer.JSON(w, http.StatusOK, s)
	})}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	return r
}

// mount tells which volumes there are.
func (r *machineRoom) mount(paths ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Revision++
	r.status.Volumes = nil
	for _, p := range paths {
		r.status.Volumes = append(r.status.Volumes, api.Volume{ID: filepath.Base(p), Name: "Disk " + filepath.Base(p), Path: p, Status: api.VolumeStatusMounted})
	}
	close(r.changed)
	r.changed = make(chan struct{})
}

// fail tells that a volume's disk is there and cannot be used, beside the volumes there are.
func (r *machineRoom) fail(path, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Revision++
	r.status.Volumes = append(slices.Clone(r.status.Volumes),
		api.Volume{ID: filepath.Base(path), Name: "Disk " + filepath.Base(path), Path: path, Status: api.VolumeStatusFailed, Reason: why, Disk: "disk"})
	close(r.changed)
	r.changed = make(chan struct{})
}

// volume makes a folder as the system service lays out a volume.
func volume(t *testing.T, name string) string {
	p := filepath.Join(t.TempDir(), name)
	for _, d := range []string{"rec", "index"} {
		if err := os.MkdirAll(filepath.Join(p, "vigie", d), 0o750); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// running is an engine in this process.
type running struct {
	t      *testing.T
	socket string
	ask    *ask.Client
	stop   func()
	log    *bytes.Buffer
	spec   *openapi3.T
	router routers.Router
	tried  map[string]bool
	// only, when not nil, are the cameras that who asks is limited to; he administers nothing.
	only *string
}

func start(t *testing.T, room *machineRoom) *running {
	t.Helper()
	dir := t.TempDir()
	e := &running{t: t, socket: filepath.Join(dir, "engine"), log: &bytes.Buffer{}, tried: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, []string{"-socket", e.socket, "-system", room.socket, "-state", dir}, io.Discard, e.log)
	}()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("engine: %v", err)
		}
		if t.Failed() {
			t.Log(e.log.String())
		}
	})
	t.Cleanup(e.stop)
	e.ask = ask.New("engine", e.socket)
	t.Cleanup(e.ask.Close)
	var err error
	if e.spec, err = openapi3.NewLoader().LoadFromData(api.Spec); err != nil {
		t.Fatal(err)
	}
	e.spec.Servers = openapi3.Servers{{URL: "/v1"}} // as web proxies
	if e.router, err = legacy.NewRouter(e.spec); err != nil {
		t.Fatal(err)
	}
	e.eventually("the API answers", func() bool {
		var r api.Recording
		return e.ask.Call(t.Context(), "GET", "/v1/recording", nil, &r) == nil
	})
	return e
}

func (e *running) eventually(what string, ok func() bool) {
	e.t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			e.t.Fatalf("after 20 s still not: %s", what)
		}
	}
}

// do makes a request and holds the answer against the specification.
func (e *running) do(operation, method, path, body string, status int, code string) []byte {
	e.t.Helper()
	e.tried[operation] = true
	req := httptest.NewRequest(method, "http://engine"+path, strings.NewReader(body))
	req.RequestURI = ""
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Vigie-User", "ann")
	if e.only != nil {
		req.Header.Set("Vigie-Cameras", *e.only)
		req.Header.Set("Vigie-Rights", "watch,play,export,protect,record")
	}
	resp, err := e.ask.Transport().RoundTrip(req)
	if err != nil {
		e.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		e.t.Fatal(err)
	}
	if resp.StatusCode != status || !bytes.Contains(b, []byte(code)) {
		e.t.Errorf("%s %s: %d %.300s, want %d %s", method, path, resp.StatusCode, b, status, code)
	}
	judged := httptest.NewRequest(method, path, strings.NewReader(body))
	route, params, err := e.router.FindRoute(judged)
	if err != nil {
		e.t.Fatalf("%s %s: %v", method, path, err)
	}
	if route.Operation.OperationID != operation {
		e.t.Fatalf("%s %s is %s", method, path, route.Operation.OperationID)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "application/json") || status == http.StatusNoContent {
		out := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: &openapi3filter.RequestValidationInput{Request: judged, PathParams: params, Route: route},
			Status:                 resp.StatusCode, Header: resp.Header, Body: io.NopCloser(bytes.NewReader(b)),
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		if err := openapi3filter.ValidateResponse(e.t.Context(), out); err != nil {
			e.t.Errorf("%s %s: %v\n%.300s", method, path, err, b)
		}
	}
	return b
}

func (e *running) camera(id string) api.Camera {
	e.t.Helper()
	var c api.Camera
	if err := json.Unmarshal(e.do("getCamera", "GET", "/v1/cameras/"+id, "", 200, id), &c); err != nil {
		e.t.Fatal(err)
	}
	return c
}

func (e *running) recording() (r api.Recording) {
	e.t.Helper()
	if err := e.ask.Call(e.t.Context(), "GET", "/v1/recording", nil, &r); err != nil {
		e.t.Fatal(err)
	}
	return r
}

func (e *running) timeline(id string) api.Timeline {
	e.t.Helper()
	now := time.Now().UnixMilli()
	var tl api.Timeline
	b := e.do("getTimeline", "GET", fmt.Sprintf("/v1/cameras/%s/timeline?fromMs=%d&toMs=%d", id, now-3_600_000, now+3_600_000), "", 200, "")
	if err := json.Unmarshal(b, &tl); err != nil {
		e.t.Fatal(err)
	}
	return tl
}

func (e *running) add(name, url string) string {
	e.t.Helper()
	var c api.Camera
	b := e.do("addCamera", "POST", "/v1/cameras", fmt.Sprintf(`{"name":%q,"url":%q,"enabled":true}`, name, url), 201, name)
	if err := json.Unmarshal(b, &c); err != nil {
		e.t.Fatal(err)
	}
	return c.ID
}

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

// deletions tries what can be done to recordings of a camera that has some.
func (e *running) deletions(id string) {
	e.t.Helper()
	e.do("listDeletions", "GET", "/v1/deletions", "", 200, "[]")
	plan := func(cameras string, toMs int64, status int, code string) []byte {
		e.t.Helper()
		return e.do("planDeletion", "POST", "/v1/deletions/plan", fmt.Sprintf(`{"cameras":[%s],"kinds":["standard","alarm"],"toMs":%d}`, cameras, toMs), status, code)
	}
	now := time.Now().UnixMilli()
	plan(`"../x"`, now, 400, `"no_camera"`)
	plan(``, now, 400, `"no_camera"`)
	plan(`"`+id+`"`, now+3_600_000, 400, `"bad_range"`)
	e.do("planDeletion", "POST", "/v1/deletions/plan", `{"cameras":["`+id+`"],"kinds":["all"],"toMs":5}`, 400, `"bad_kind"`)
	var p api.DeletionPlan
	if err := json.Unmarshal(plan(`"`+id+`"`, now, 200, `"plan"`), &p); err != nil || p.Segments == 0 {
		e.t.Fatalf("%+v, %v", p, err)
	}
	confirm := func(plan string, segments int64, status int, code string) []byte {
		e.t.Helper()
		return e.do("addDeletion", "POST", "/v1/deletions", fmt.Sprintf(`{"plan":%q,"segments":%d}`, plan, segments), status, code)
	}
	confirm("nonsense", p.Segments, 409, `"no_plan"`)
	var d api.Deletion
	if err := json.Unmarshal(confirm(p.Plan, p.Segments, 201, `"by":"ann"`), &d); err != nil {
		e.t.Fatal(err)
	}
	e.eventually("what was to go is gone", func() bool {
		return bytes.Contains(e.do("listDeletions", "GET", "/v1/deletions", "", 200, d.ID), []byte(`"status":"done"`))
	})
	e.do("stopDeletion", "DELETE", "/v1/deletions/"+d.ID, "", 409, `"ended"`)
	e.do("stopDeletion", "DELETE", "/v1/deletions/x", "", 404, `"no_deletion"`)
	if s := e.timeline(id).Segments; len(s) != 0 {
		e.t.Errorf("left of the camera: %+v", s)
	}
}

// repairs has the database repaired in each way.
func (e *running) repairs() {
	e.t.Helper()
	e.do("getRepair", "GET", "/v1/recording/repair", "", 200, `"none"`)
	e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"all"}`, 400, `"bad_action"`)
	for _, action := range []string{"check", "copies", "files"} {
		e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"`+action+`"}`, 202, `"by":"ann"`)
		if action == "files" { // it takes a second at least
			e.do("repairDatabase", "POST", "/v1/recording/repair", `{"action":"check"}`, 409, `"running"`)
		}
		var r api.Repair
		e.eventually("the repair has ended", func() bool {
			if err := json.Unmarshal(e.do("getRepair", "GET", "/v1/recording/repair", "", 200, action), &r); err != nil {
				e.t.Fatal(err)
			}
			return r.Status != api.RepairStatusRunning
		})
		if r.Status != api.RepairStatusDone || len(r.Findings) == 0 || slices.ContainsFunc(r.Findings, func(f api.RepairFinding) bool { return f.Kind == api.RepairFindingKindBad }) {
			e.t.Errorf("%s: %+v", action, r)
		}
	}
}

// protections tries what can be done with protections and usage on a camera whose recording begins at startMs.
func (e *running) protections(id string, startMs int64) {
	e.t.Helper()
	e.do("listUsage", "GET", "/v1/recording/usage", "", 200, `"promise":"none"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, "[]")
	e.do("listProtections", "GET", "/v1/protections?camera=x", "", 400, `"no_camera"`)
	ask := func(camera string, from, to int64, more string, status int, code string) []byte {
		return e.do("addProtection", "POST", "/v1/protections", fmt.Sprintf(`{"camera":%q,"fromMs":%d,"toMs":%d%s}`, camera, from, to, more), status, code)
	}
	why := `,"reason":"burglary"`
	ask(id, startMs, startMs+1000, ``, 400, `"no_reason"`)
	ask(id, startMs, startMs, why, 400, `"bad_range"`)
	ask(id, startMs-10_000_000, startMs-9_000_000, why, 400, `"nothing_there"`)
	ask(id, startMs, startMs+1000, why+`,"untilMs":5`, 400, `"bad_time"`)
	ask("aaaaaaaa", startMs, startMs+1000, why, 400, `"nothing_there"`)
	ask("nonsense/../", startMs, startMs+1000, why, 400, `"no_camera"`)
	var p api.Protection
	if err := json.Unmarshal(ask(id, startMs, startMs+1000, why, 201, `"by":"ann"`), &p); err != nil {
		e.t.Fatal(err)
	}
	e.do("listProtections", "GET", "/v1/protections?camera="+id, "", 200, p.ID)
	e.do("listProtections", "GET", "/v1/protections?camera=aaaaaaaa", "", 200, "[]")
	if got := e.timeline(id).Protections; len(got) != 1 || got[0].ID != p.ID {
		e.t.Errorf("in the timeline: %+v", got)
	}
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":""}`, 400, `"no_reason"`)
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":"theft","untilMs":5}`, 400, `"bad_time"`)
	e.do("putProtection", "PUT", "/v1/protections/"+p.ID, `{"reason":"theft"}`, 200, `"changedBy":"ann"`)
	e.do("putProtection", "PUT", "/v1/protections/x", `{"reason":"theft"}`, 404, `"no_protection"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, `"reason":"theft"`)
	e.do("deleteProtection", "DELETE", "/v1/protections/"+p.ID, "", 204, "")
	e.do("deleteProtection", "DELETE", "/v1/protections/"+p.ID, "", 404, `"no_protection"`)
	e.do("deleteProtection", "DELETE", "/v1/protections/x", "", 404, `"no_protection"`)
	e.do("listProtections", "GET", "/v1/protections", "", 200, "[]")
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
	e.eventually("the stop is a gap with its cause", func() bool {
		g := e.timeline(id).Gaps
		return len(g) > 0 && g[len(g)-1].Cause == api.GapCauseEngineRestart
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
