package ntp

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	beevik "github.com/beevik/ntp"

	"vigie/internal/api"
	"vigie/internal/ask"
	"vigie/internal/chronytest"
)

const patience = 30 * time.Second // for what takes a moment when it works

// machine plays the system service: a state that can be set, with long-polls.
type machine struct {
	mu      sync.Mutex
	state   api.Status
	changed chan struct{}
}

func (m *machine) set(change func(*api.Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(&m.state)
	m.state.Revision++
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *machine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.ParseInt(r.URL.Query().Get("after"), 10, 64)
	for {
		m.mu.Lock()
		state, changed := m.state, m.changed
		m.mu.Unlock()
		if state.Revision != after {
			_ = json.NewEncoder(w).Encode(state)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// rig is a running service with the machine that it belongs to.
type rig struct {
	*machine
	api *ask.Client
}

func start(t *testing.T, port int) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "ntp") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	r := &rig{machine: &machine{changed: make(chan struct{})}}
	r.set(func(*api.Status) {})
	l, err := net.Listen("unix", filepath.Join(dir, "system"))
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: r.machine}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { srv.Close() })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	socket := filepath.Join(dir, "api")
	go func() {
		done <- Run(ctx, []string{"-socket", socket, "-system", filepath.Join(dir, "system"), "-port", strconv.Itoa(port)}, t.Output(), t.Output())
	}()
	t.Cleanup(func() {
		began := time.Now()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("stopped with %v", err)
		}
		t.Logf("stopped within %v", time.Since(began))
	})
	r.api = ask.New("ntp", socket)
	t.Cleanup(r.api.Close)
	return r
}

// until waits until the service's own state is as wanted.
func (r *rig) until(t *testing.T, what string, ok func(api.TimeServer) bool) (s api.TimeServer) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := r.api.Call(t.Context(), http.MethodGet, "/v1/time-server", nil, &s)
		if err == nil && ok(s) {
			return s
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %+v, %v", what, s, err)
		}
		s = api.TimeServer{}
	}
}

// free is a UDP port that nobody has at the moment.
func free(t *testing.T) int {
	t.Helper()
	c, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().(*net.UDPAddr).Port
}

// follows is a machine whose clock is right and that serves the time.
func follows(s *api.Status) {
	s.TimeServer.Enabled = true
	s.Clock.Reference = api.ClockReference{ID: "0a4d0001", Stratum: 3, Leap: api.ClockReferenceLeapNone, RootDelayUs: 2000, RootDispersionUs: 1000, AtMs: time.Now().UnixMilli()}
}

func TestNothingListensUntilItIsSwitchedOn(t *testing.T) {
	port := free(t)
	r := start(t, port)
	r.until(t, "it answers", func(s api.TimeServer) bool { return s.Stratum == 16 })
	at := fmt.Sprintf("127.0.0.1:%d", port)
	if _, err := beevik.QueryWithOptions(at, beevik.QueryOptions{Timeout: 200 * time.Millisecond}); err == nil {
		t.Error("it answers though it is off")
	}
	r.set(follows)
	r.until(t, "it is on", func(s api.TimeServer) bool { return s.Settings.Enabled && s.Stratum == 3 && s.Problem == "" })
	query := func() (*beevik.Response, error) {
		t.Helper()
		var answer *beevik.Response
		var err error
		for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) { // the port is opened a moment later
			if answer, err = beevik.QueryWithOptions(at, beevik.QueryOptions{Timeout: time.Second}); err == nil {
				break
			}
		}
		return answer, err
	}
	a, err := query()
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Validate(); err != nil || a.Stratum != 3 || a.ReferenceID != 0x0a4d0001 || a.RootDelay < 2*time.Millisecond || a.RootDelay > 2100*time.Microsecond || a.RootDispersion < time.Millisecond || a.RootDispersion > 2*time.Millisecond {
		t.Errorf("%v, %+v", err, a)
	}
	r.set(func(s *api.Status) { s.Clock.Reference = api.ClockReference{} })
	r.until(t, "it has lost its clock", func(s api.TimeServer) bool {
		return s.Stratum == 16 && s.Leap == api.TimeServerLeapUnsynchronised
	})
	if a, err := query(); err != nil || a.Leap != beevik.LeapNotInSync || a.Stratum != 16 {
		t.Errorf("%v, %+v", err, a)
	}
	r.set(func(s *api.Status) { s.TimeServer.OrphanStratum = 9 })
	r.until(t, "it is an orphan", func(s api.TimeServer) bool { return s.Stratum == 9 && s.ReferenceID == "7f7f0101" })
	if a, err := query(); err != nil || a.Stratum != 9 || a.Validate() != nil {
		t.Errorf("%v, %+v", err, a)
	}
	s := r.until(t, "clients are counted", func(s api.TimeServer) bool { return s.ClientCount == 1 })
	if c := s.Clients[0]; c.Address != "127.0.0.1" || c.Version != 4 || c.Requests != 3 || c.LastMs < c.FirstMs || s.Answered != 3 || s.Requests != 3 {
		t.Errorf("%+v", s)
	}
	r.set(func(s *api.Status) { s.TimeServer = api.TimeServerSettings{} })
	r.until(t, "it is off", func(s api.TimeServer) bool { return !s.Settings.Enabled })
	for deadline := time.Now().Add(patience); ; {
		c, err := net.ListenPacket("udp4", fmt.Sprintf("0.0.0.0:%d", port))
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			t.Fatal(err)
		}
	}
}

func TestAPortThatIsTakenIsSaidAndTriedAgain(t *testing.T) {
	taken, err := net.ListenPacket("udp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	r := start(t, taken.LocalAddr().(*net.UDPAddr).Port)
	r.set(follows)
	r.until(t, "the problem is said", func(s api.TimeServer) bool { return strings.Contains(s.Problem, "in use") })
	taken.Close()
	r.set(func(s *api.Status) { s.TimeServer.OrphanStratum = 4 })
	r.until(t, "it listens", func(s api.TimeServer) bool { return s.Problem == "" })
}

func TestItsHealthIsThatItAnswers(t *testing.T) {
	s := newServer(0, nil)
	if _, err := s.check(t.Context()); err != nil {
		t.Errorf("off: %v", err)
	}
	deaf, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer deaf.Close()
	s.set(deaf.LocalAddr().(*net.UDPAddr).Port, "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := s.check(ctx); err == nil {
		t.Error("well, though nobody answers")
	}
}

// TestChronyFollows has a chronyd that leaves the clock alone (-x) follow the service: both read the same clock, so what
// chrony finds is the service's error.
func TestChronyFollows(t *testing.T) {
	port := free(t)
	r := start(t, port)
	r.set(follows)
	r.until(t, "it is on", func(s api.TimeServer) bool { return s.Stratum == 3 && s.Problem == "" })
	socket := chronytest.Start(t, fmt.Sprintf("server 127.0.0.1 port %d iburst minpoll -2 maxpoll -2\nport 0", port))
	var fields []string
	for deadline := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		out, err := exec.Command("chronyc", "-c", "-h", socket, "tracking").CombinedOutput()
		// reference id, name, stratum, time, offset of the clock, last offset, ..., root delay (10), root dispersion (11), interval, leap status
		fields = strings.Split(strings.TrimSpace(string(out)), ",")
		if err == nil && len(fields) == 14 && fields[2] == "4" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("chrony does not follow: %q, %v", out, err)
		}
	}
	t.Logf("chrony: %v", fields)
	offset, err := strconv.ParseFloat(fields[5], 64)
	if err != nil || max(offset, -offset) > 0.001 {
		t.Errorf("off by %v s, %v", offset, err)
	}
	delay, err := strconv.ParseFloat(fields[10], 64)
	if fields[0] != "7F000001" || fields[13] != "Normal" || err != nil || delay < 0.002 || delay > 0.1 {
		t.Errorf("chrony says %v, %v", fields, err)
	}
	s := r.until(t, "it is listed", func(s api.TimeServer) bool { return len(s.Clients) == 1 })
	if s.Clients[0].Address != "127.0.0.1" || s.Clients[0].Requests < 3 {
		t.Errorf("%+v", s.Clients)
	}
}
