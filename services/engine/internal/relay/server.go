package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/login"
	"vigie/services/engine/internal/relay/account"
	"vigie/services/engine/internal/source"
)

const (
	maxStrangers     = 128 // connections that have not set up a session
	maxStrangersHost = 32  // of one address
	upkeepEvery      = 2 * time.Second
)

var errGone = errors.New("the camera was removed")

// Config is what a relay needs.
type Config struct {
	Cameras source.Streams
	Archive Archive // nil: no recordings
	Book    *account.Book
	Log     *slog.Logger
	// Listen opens a port; nil: on all addresses of the machine.
	Listen func(ctx context.Context, port int) (net.Listener, error)
}

// Server is the relay. Make one with New; Run does the rest.
type Server struct {
	cfg      Config
	attempts account.Attempts
	nobody   login.Secret // of a user that does not exist
	changed  chan struct{}

	mu        sync.Mutex
	listeners map[string]*listener // by scheme
	problem   string
	conns     map[*conn]struct{}
	hubs      map[string]*place
	casters   map[casterKey]*caster
	tunnels   map[string]*tunnel // by address and cookie
	ports     *ports             // nil: not opened yet
	stopped   bool
	work      sync.WaitGroup
	ctx       context.Context // of the hubs
}

// place is a hub at work.
type place struct {
	hub   *hub
	leave func()
	stop  context.CancelFunc
}

// New returns a relay that does nothing yet.
func New(cfg Config) *Server {
	if cfg.Listen == nil {
		cfg.Listen = listenEverywhere
	}
	s := &Server{cfg: cfg, changed: make(chan struct{}, 1), listeners: map[string]*listener{}, conns: map[*conn]struct{}{},
		hubs: map[string]*place{}, casters: map[casterKey]*caster{}, tunnels: map[string]*tunnel{}, nobody: login.NewSecret("", account.Realm, "")}
	cfg.Book.OnChange(s.touch)
	return s
}

// touch has settings and rights looked at again.
func (s *Server) touch() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// Run serves until ctx ends; then all readers are let go.
func (s *Server) Run(ctx context.Context) {
	var cancel context.CancelFunc
	s.ctx, cancel = context.WithCancel(ctx)
	defer s.work.Wait()
	defer s.stop()
	defer cancel()
	t := time.NewTicker(upkeepEvery)
	defer t.Stop()
	for {
		s.listen(s.cfg.Book.Settings())
		s.check(time.Now())
		s.tidy(time.Now())
		select {
		case <-ctx.Done():
			return
		case <-s.changed:
		case <-t.C:
		}
	}
}

func (s *Server) stop() {
	s.mu.Lock()
	s.stopped = true
	s.mu.Unlock()
	s.listen(api.RelaySettings{})
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.cancel(errors.New("the relay stops"))
	}
	for _, p := range s.hubs {
		p.leave()
	}
	if s.ports != nil {
		s.work.Go(s.ports.close)
	}
}

// enter finds the hub of a live stream, or makes it; release must be called once it is not needed any more.
func (s *Server) enter(a address) (h *hub, release func(), err error) {
	if _, err := s.cfg.Cameras.View(a.camera, a.stream); err != nil {
		return nil, nil, err
	}
	key := a.camera + "/" + a.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil, nil, errors.New("the relay stops")
	}
	p := s.hubs[key]
	if p == nil {
		leave, err := s.cfg.Cameras.Watch(a.camera, a.stream)
		if err != nil {
			return nil, nil, err
		}
		p = &place{hub: newHub(a.camera, a.stream, s.cfg.Cameras, s.cfg.Log), leave: leave}
		var ctx context.Context
		ctx, p.stop = context.WithCancel(s.ctx)
		s.hubs[key] = p
		s.work.Go(func() { p.hub.follow(ctx) })
	}
	h = p.hub
	h.mu.Lock()
	h.users++
	h.mu.Unlock()
	return h, sync.OnceFunc(func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.users--
		h.idle = time.Now()
	}), nil
}

// tidy ends hubs that nobody has needed for a while, or whose camera is gone.
func (s *Server) tidy(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, p := range s.hubs {
		p.hub.mu.Lock()
		over := p.hub.closed || p.hub.users == 0 && now.Sub(p.hub.idle) >= idleAfter
		p.hub.closed = over
		p.hub.mu.Unlock()
		if over {
			delete(s.hubs, k)
			p.stop()
			p.leave()
		}
	}
}

// admit counts a session in; why says why not.
func (s *Server) admit(c *conn, ses *session, row *account.Row) (why string) {
	most := s.cfg.Book.Settings().MaxReaders
	s.mu.Lock()
	defer s.mu.Unlock()
	all, own, replays := 0, 0, 0
	for o := range s.conns {
		o.mu.Lock()
		if o.session != nil {
			all++
			if o.account.ID == row.ID {
				own++
			}
			if o.session.replay != nil {
				replays++
			}
		}
		o.mu.Unlock()
	}
	switch {
	case own >= row.MaxReaders:
		return fmt.Sprintf("This account reads with %d connections already, which is its limit", own)
	case ses.replay != nil && replays >= maxReplays:
		return fmt.Sprintf("%d recordings are being played already, which is the limit", replays)
	case all >= most:
		return fmt.Sprintf("There are %d readers already, which is the limit", all)
	}
	c.mu.Lock()
	c.session = ses
	c.mu.Unlock()
	return ""
}

// check lets go of readers that may not read any more, and of those that were not heard of.
func (s *Server) check(now time.Time) {
	settings := s.cfg.Book.Settings()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		c.mu.Lock()
		row, ses := c.account, c.session
		c.mu.Unlock()
		if row == nil {
			continue
		}
		known := s.cfg.Book.Account(row.Name)
		switch {
		case known == nil, known.ID != row.ID, known.Secret != row.Secret, !known.Valid(now),
			ses != nil && !known.May(ses.at.camera, ses.at.recordings, now):
			c.cancel(errors.New("the account may not read any more"))
		case ses != nil && ses.way != byTCP && now.Sub(time.Unix(0, ses.heardNs.Load())) > sessionTimeout+patience:
			c.cancel(errors.New("the reader was not heard of"))
		case ses != nil && ses.over(settings):
			c.cancel(errors.New("the stream or its way has ended"))
		}
	}
}

// Status is the answer to GET /relay.
func (s *Server) Status() (api.Relay, error) {
	r := api.Relay{Settings: s.cfg.Book.Settings(), Readers: len(s.Readers())}
	var err error
	if r.Certificate, err = s.fingerprint(); err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Listening, r.Problem = len(s.listeners) > 0, s.problem
	return r, nil
}

// serveConn takes a connection in.
func (s *Server) serveConn(at *listener, nc net.Conn) {
	c := newConn(s.ctx, s, at, nc)
	if !s.welcome(c) {
		_ = nc.Close()
		return
	}
	s.work.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.conns, c)
			s.mu.Unlock()
		}()
		c.serve()
	})
}

// welcome counts a connection in, unless there are too many that nobody knows.
func (s *Server) welcome(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	strangers, same := 0, 0
	for o := range s.conns {
		o.mu.Lock()
		if o.session == nil && !o.half {
			strangers++
			if o.remote.Addr() == c.remote.Addr() {
				same++
			}
		}
		o.mu.Unlock()
	}
	if s.stopped || strangers >= maxStrangers || same >= maxStrangersHost {
		return false
	}
	s.conns[c] = struct{}{}
	return true
}
