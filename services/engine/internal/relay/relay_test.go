package relay

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/relay/account"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/source"
)

const camera = "k3f9x2ab"

// cameras plays the engine: one camera with a ring.
type cameras struct {
	mu      sync.Mutex
	ring    *ring.Ring
	state   api.CameraState
	changed chan struct{}
	gone    bool
	watched int
}

func newCameras() *cameras {
	return &cameras{ring: ring.New(ring.Config{MaxBytes: 8 << 20}), state: api.CameraState{Status: api.CameraStateStatusLive}, changed: make(chan struct{})}
}

func (c *cameras) Watch(_, _ string) (func(), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.watched++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watched--
	}, nil
}

func (c *cameras) View(id, stream string) (source.View, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if id != camera || c.gone || stream != "main" {
		return source.View{}, answer.Refuse(http.StatusNotFound, "no_camera", "There is no such camera.")
	}
	return source.View{Ring: c.ring, State: c.state, Changed: c.changed}, nil
}

func (c *cameras) change(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
	close(c.changed)
	c.changed = make(chan struct{})
}

// served is a relay at work on loopback.
type served struct {
	*Server
	t    *testing.T
	book *account.Book
	mu   sync.Mutex
	at   map[int]string // by port in the settings
}

const (
	testPort       = 8554
	testSecurePort = 8322
)

func serve(t *testing.T, c source.Streams) *served {
	t.Helper()
	return serveAll(t, c, nil)
}

func serveAll(t *testing.T, c source.Streams, archive Archive) *served {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	db, _, err := mirror.Open(mirror.Config{Path: filepath.Join(t.TempDir(), "db"), Name: "engine", Log: log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	s := &served{t: t, at: map[int]string{}}
	if s.book, err = account.Open(db); err != nil {
		t.Fatal(err)
	}
	s.Server = New(Config{Cameras: c, Archive: archive, Book: s.book, Log: log, Listen: func(ctx context.Context, port int) (net.Listener, error) {
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort(host(), "0"))
		if err == nil {
			s.mu.Lock()
			s.at[port] = l.Addr().String()
			s.mu.Unlock()
		}
		return l, err
	}})
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { s.Run(ctx) })
	t.Cleanup(func() { cancel(); done.Wait() })
	s.set(func(*api.RelaySettings) {})
	return s
}

// host is the address that a test's relay has.
func host() string {
	if os.Getenv(inside) != "" {
		return insideAddress
	}
	return "127.0.0.1"
}

// set switches the relay on with settings changed as f says, and waits for it.
func (s *served) set(f func(*api.RelaySettings)) {
	s.t.Helper()
	settings := s.book.Settings()
	settings.Enabled, settings.RtspPort, settings.RtspsPort = true, testPort, testSecurePort
	f(&settings)
	if err := s.book.SetSettings(settings); err != nil {
		s.t.Fatal(err)
	}
	s.eventually("it listens as it is told to", func() bool {
		st, err := s.Status()
		all := true // one port listens before the other
		for _, port := range []int{settings.RtspPort, settings.RtspsPort} {
			all = all && (!settings.Enabled || port == 0 || s.address(port) != "")
		}
		return err == nil && st.Listening == settings.Enabled && st.Problem == "" && all
	})
}

func (s *served) eventually(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("after 20 s still not: %s", what)
		}
	}
}

// account adds an account that may read everything, changed as f says, and returns its password.
func (s *served) account(name string, f func(*api.RelayAccountRequest)) (id, password string) {
	s.t.Helper()
	q := api.RelayAccountRequest{Name: name, AllCameras: true, Cameras: []string{}, Live: true, Recordings: true, MaxReaders: 200}
	if f != nil {
		f(&q)
	}
	a, err := s.book.Add(q, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	return a.Account.ID, a.Password
}

// address is where a port of the settings is listened on.
func (s *served) address(port int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.at[port]
}

// url is the camera's live stream with a login.
func (s *served) url(login string) string {
	if login != "" {
		login += "@"
	}
	return "rtsp://" + login + s.address(testPort) + "/live/" + camera + "/main"
}

// pour pushes frames at their pace until the test ends, or the frames do.
func pour(t *testing.T, r *ring.Ring, frames []*media.Frame) (done <-chan struct{}) {
	t.Helper()
	ctx := t.Context()
	begun := time.Now()
	first := frames[0].ArrivalNs
	over := make(chan struct{})
	go func() {
		defer close(over)
		for _, f := range frames {
			select {
			case <-time.After(time.Until(begun.Add(time.Duration(f.ArrivalNs - first)))):
				r.Push(f)
			case <-ctx.Done():
				return
			}
		}
	}()
	return over
}
