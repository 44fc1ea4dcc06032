package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/web/internal/server"
	"vigie/services/web/webapi"
)

const (
	goodPassword = "correct horse battery"
	patience     = 30 * time.Second // for what takes milliseconds when it works
)

// output collects what a service writes and lets a test wait for it.
type output struct {
	mu   sync.Mutex
	b    bytes.Buffer
	more chan struct{}
}

func newOutput() *output { return &output{more: make(chan struct{})} }

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// await waits until the pattern has been written and returns its last match's first group.
func (o *output) await(t *testing.T, pattern string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		o.mu.Lock()
		text, more := o.b.String(), o.more
		o.mu.Unlock()
		if all := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1); all != nil {
			last := all[len(all)-1]
			return last[len(last)-1]
		}
		select {
		case <-more:
		case <-deadline:
			t.Fatalf("%q was never written; there is:\n%s", pattern, text)
		}
	}
}

// unixService is an HTTP server on a unix socket.
func unixService(t *testing.T, socket string, h http.Handler) (stop func()) {
	t.Helper()
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	stop = sync.OnceFunc(func() { s.Close(); <-done })
	t.Cleanup(stop)
	return stop
}

// systemService plays the system service: a state that can be set, with long-polls.
type systemService struct {
	mu      sync.Mutex
	state   api.Status
	changed chan struct{}
	ntp     []string
	other   http.Handler // what else is asked; nil: not found
}

func newSystemService(state api.Status) *systemService {
	state.Revision = 1
	return &systemService{state: state, changed: make(chan struct{})}
}

func (s *systemService) set(change func(*api.Status)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	revision := s.state.Revision
	change(&s.state)
	s.state.Revision = revision + 1
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *systemService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.Method + " " + r.URL.Path {
	case "GET /v1/status":
		after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
		for {
			s.mu.Lock()
			state, changed := s.state, s.changed
			s.mu.Unlock()
			if state.Revision != after {
				w.Header().Set("Content-Type", "application/json")
				json.NewEncoder(w).Encode(state)
				return
			}
			select {
			case <-changed:
			case <-r.Context().Done():
				return
			}
		}
	case "PUT /v1/clock":
		var req api.ClockRequest
		if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.mu.Lock()
		s.ntp = req.NtpServers
		s.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		if s.other != nil {
			s.other.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
	}
}

// settled is a machine with the given volumes, all disks looked at.
func settled(volumes ...string) api.Status {
	s := api.Status{Hostname: "vigie-test", Version: "1", BootMode: api.StatusBootModeLive, StorageSettled: true}
	for _, v := range volumes {
		s.Volumes = append(s.Volumes, volume(v))
	}
	return s
}

func volume(path string) api.Volume {
	return api.Volume{ID: filepath.Base(path), Name: "disk", Path: path, Status: api.VolumeStatusMounted}
}

// newVolume is a folder as the system service leaves it on a volume.
func newVolume(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "3c1b4c6e-0d6f-4c62-8f4b-0a7a5c1f0d11")
	if err := os.MkdirAll(filepath.Join(path, "vigie", "accounts"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// appliance is one running web service with its neighbours.
type appliance struct {
	t              *testing.T
	system         *systemService
	state          string
	stdout, stderr *output
	address        string         // host:port
	console        *webapi.Client // as the text console has it
	stop           func()
}

type setting struct {
	machine api.Status
	engine  http.Handler // nil: not running
	other   http.Handler // what else the system service is asked
	state   string       // "": new, as after a boot
	flags   []string
}

func start(t *testing.T, s setting) *appliance {
	t.Helper()
	if s.state == "" {
		s.state = filepath.Join(t.TempDir(), "state")
	}
	dir := t.TempDir()
	a := &appliance{t: t, system: newSystemService(s.machine), state: s.state, stdout: newOutput(), stderr: newOutput()}
	a.system.other = s.other
	unixService(t, filepath.Join(dir, "system.sock"), a.system)
	if s.engine != nil {
		unixService(t, filepath.Join(dir, "engine.sock"), s.engine)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, append(s.flags, "-listen", "127.0.0.1:0", "-state", s.state,
			"-system", filepath.Join(dir, "system.sock"), "-engine", filepath.Join(dir, "engine.sock"),
			"-console", filepath.Join(dir, "console.sock")), a.stdout, a.stderr)
	}()
	a.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("the service does not stop")
		}
	})
	t.Cleanup(func() {
		a.stop()
		if t.Failed() {
			t.Logf("console:\n%s\nlog:\n%s", a.stdout, a.stderr)
		}
	})
	a.console = webapi.New(filepath.Join(dir, "console.sock"))
	t.Cleanup(a.console.Close)
	a.address = a.stderr.await(t, `msg=listening address=(\S+)`)
	return a
}

// code waits for the set-up code on the console.
func (a *appliance) code() string {
	a.t.Helper()
	return a.stdout.await(a.t, `enter code (\S+) on that page`)
}

// browser is one client with its cookies, kept by hand so that a test sees each of their attributes.
type browser struct {
	t      *testing.T
	a      *appliance
	client *http.Client
	cookie *http.Cookie
}

func (a *appliance) browser() *browser { return a.browserFor("") }

// browserFor asks for a server name.
func (a *appliance) browserFor(name string) *browser {
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: name}, ForceAttemptHTTP2: true}
	a.t.Cleanup(transport.CloseIdleConnections)
	return &browser{t: a.t, a: a, client: &http.Client{Transport: transport}}
}

// request makes a request as the appliance's own page would.
func (b *browser) request(method, path, body string) *http.Request {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, "https://"+b.a.address+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = nil, 0
	} else {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		req.Header.Set("Origin", "https://"+b.a.address)
	}
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if b.cookie != nil {
		req.AddCookie(&http.Cookie{Name: b.cookie.Name, Value: b.cookie.Value})
	}
	return req
}

// answered is an answer read whole.
type answered struct {
	*http.Response
	body []byte
}

func (r answered) error(t *testing.T) api.Error {
	t.Helper()
	var e api.Error
	if err := json.Unmarshal(r.body, &e); err != nil {
		t.Fatalf("%s: %v: %s", r.Status, err, r.body)
	}
	return e
}

func (b *browser) send(req *http.Request) answered {
	b.t.Helper()
	resp, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range resp.Cookies() {
		if c.Name == server.Cookie {
			if b.cookie = c; c.MaxAge < 0 {
				b.cookie = nil
			}
		}
	}
	return answered{resp, body}
}

// do sends a request that must be answered with the status, by an error with that code if one is given.
func (b *browser) do(method, path, body string, status int, code ...string) answered {
	b.t.Helper()
	r := b.send(b.request(method, "/api/v1"+path, body))
	if r.StatusCode != status {
		b.t.Fatalf("%s %s: %s, want %d: %s", method, path, r.Status, status, r.body)
	}
	if len(code) > 0 {
		if e := r.error(b.t); e.Code != code[0] || e.Message == "" {
			b.t.Fatalf("%s %s: %+v, want code %s", method, path, e, code[0])
		}
	}
	return r
}

// setUp makes the administrator "admin" and leaves the browser logged in.
func (b *browser) setUp() {
	b.t.Helper()
	b.do("POST", "/setup", fmt.Sprintf(`{"code":%q,"username":"admin","password":%q}`, b.a.code(), goodPassword), 200)
}

func login(username, password string) string {
	return fmt.Sprintf(`{"username":%q,"password":%q}`, username, password)
}

// fingerprint is of the certificate that the appliance serves.
func (a *appliance) fingerprint() string { return a.fingerprintFor("") }

func (a *appliance) fingerprintFor(name string) string {
	a.t.Helper()
	conn, err := tls.Dial("tcp", a.address, &tls.Config{InsecureSkipVerify: true, ServerName: name})
	if err != nil {
		a.t.Fatal(err)
	}
	defer conn.Close()
	return fmt.Sprintf("%X", sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw))
}

// shown is the fingerprint on the console.
func (a *appliance) shown() string {
	a.t.Helper()
	a.stdout.await(a.t, `(?m)^(  ([0-9A-F]{2}:?){16}\n){2}`)
	text := a.stdout.String()
	all := regexp.MustCompile(`(?m)^  (([0-9A-F]{2}:?){16})\n  (([0-9A-F]{2}:?){16})$`).FindAllStringSubmatch(text, -1)
	last := all[len(all)-1]
	return strings.ReplaceAll(last[1]+last[3], ":", "")
}
