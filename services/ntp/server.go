package ntp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/api"
	"vigie/services/ntp/internal/clients"
	"vigie/services/ntp/internal/packet"
	"vigie/services/ntp/internal/responder"
	"vigie/services/ntp/internal/socket"
)

const (
	// listenAgain is the pause after the port could not be opened.
	listenAgain = 5 * time.Second
	// probeWithin is how long an answer to the service's own question may take.
	probeWithin = 3 * time.Second
)

// server opens and closes the port as it is told.
type server struct {
	answers *responder.Responder
	clients *clients.Table
	port    int
	log     *slog.Logger
	news    chan struct{} // holds one: settings changed

	own atomic.Pointer[netip.AddrPort] // who probes the service

	mu       sync.Mutex
	settings api.TimeServerSettings
	problem  string
	open     int // the port that is open; 0: none
}

func newServer(port int, log *slog.Logger) *server {
	table := clients.New(clients.Default())
	return &server{answers: responder.New(table, time.Now), clients: table, port: port, log: log, news: make(chan struct{}, 1)}
}

// follow takes over what the machine's state says.
func (s *server) follow(m api.Status) {
	state, err := stateOf(m)
	if err != nil {
		s.log.Error("clock", "err", err)
	}
	s.answers.Set(state)
	s.mu.Lock()
	changed := s.settings != m.TimeServer
	s.settings = m.TimeServer
	s.mu.Unlock()
	if !changed {
		return
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *server) enabled() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.settings.Enabled
}

func (s *server) set(open int, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open, s.problem = open, problem
}

// run answers while it is switched on, until ctx ends.
func (s *server) run(ctx context.Context) error {
	for ctx.Err() == nil {
		var again <-chan time.Time
		if s.enabled() {
			if err := s.session(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("time server", "err", err)
				s.set(0, fmt.Sprintf("The port cannot be opened: %v.", err))
				again = time.After(listenAgain)
			} else {
				continue // switched off meanwhile
			}
		} else {
			s.set(0, "")
		}
		select {
		case <-ctx.Done():
		case <-s.news:
		case <-again:
		}
	}
	return nil
}

// session answers until it is switched off.
func (s *server) session(ctx context.Context) error {
	conns, err := socket.Listen(s.port)
	if err != nil {
		return err
	}
	s.set(conns[0].Port(), "")
	s.log.Info("listening", "port", conns[0].Port())
	defer s.set(0, "")
	ended := make(chan error, len(conns))
	for _, c := range conns {
		go func() { ended <- c.Serve(s.answer) }()
	}
	waiting := len(conns)
	for err == nil && ctx.Err() == nil && s.enabled() {
		select {
		case <-ctx.Done():
		case <-s.news:
		case err = <-ended:
			waiting--
		}
	}
	for _, c := range conns {
		err = errors.Join(err, c.Close())
	}
	for range waiting {
		err = errors.Join(err, <-ended)
	}
	return err
}

// answer answers one packet. The service's own question counts nowhere.
func (s *server) answer(out, b []byte, from netip.AddrPort, received time.Time) []byte {
	if own := s.own.Load(); own != nil && *own == netip.AddrPortFrom(from.Addr().Unmap(), from.Port()) {
		if p, err := packet.Parse(b); err == nil {
			return s.answers.Say(out, p, received)
		}
	}
	return s.answers.Answer(out, b, from.Addr(), received)
}

// check is the service's health: while it is switched on it must answer a question that comes as everybody's do.
func (s *server) check(ctx context.Context) (uint64, error) {
	answered := uint64(s.answers.Counts().Answered)
	s.mu.Lock()
	port := s.open
	s.mu.Unlock()
	if port == 0 {
		return answered, nil // off, or the port is another's: nothing that a restart would mend
	}
	return answered, s.probe(ctx, port)
}

func (s *server) probe(ctx context.Context, port int) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "udp4", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	own := conn.LocalAddr().(*net.UDPAddr).AddrPort()
	s.own.Store(&own)
	defer s.own.Store(nil)
	question := packet.Packet{Version: 4, Mode: packet.ModeClient, Transmit: packet.TimestampOf(time.Now())}
	deadline, _ := ctx.Deadline()
	b := make([]byte, packet.Size)
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := conn.Write(question.Append(nil)); err != nil {
		return fmt.Errorf("own question: %w", err)
	}
	n, err := conn.Read(b)
	if err != nil {
		return fmt.Errorf("own question: %w", err)
	}
	if p, err := packet.Parse(b[:n]); err != nil || p.Mode != packet.ModeServer || p.Origin != question.Transmit {
		return fmt.Errorf("own question: answer %x, %w", b[:n], err)
	}
	return nil
}
