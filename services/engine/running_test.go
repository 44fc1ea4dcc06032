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

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/ask"
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
	e := startAs(t, room)
	e.eventually("the API answers", func() bool {
		var r api.Recording
		return e.ask.Call(t.Context(), "GET", "/v1/recording", nil, &r) == nil
	})
	return e
}

// startAs starts it with flags, and waits for nothing.
func startAs(t *testing.T, room *machineRoom, flags ...string) *running {
	t.Helper()
	dir := t.TempDir()
	e := &running{t: t, socket: filepath.Join(dir, "engine"), log: &bytes.Buffer{}, tried: map[string]bool{}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, append([]string{"-socket", e.socket, "-system", room.socket, "-state", dir}, flags...), io.Discard, e.log)
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
