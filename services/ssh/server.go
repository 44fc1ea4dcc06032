package ssh

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"vigie/internal/api"
	"vigie/internal/console/machine"
	"vigie/internal/sshkey"
	"vigie/services/ssh/internal/diagnose"
	"vigie/services/ssh/internal/gate"
	"vigie/services/ssh/internal/visit"
	"vigie/services/system/systemapi"
)

const (
	// again is the pause after the port could not be opened, or the settings not be read.
	again = 2 * time.Second
	// askWithin is how long the system service may take to tell the settings.
	askWithin = 5 * time.Second
	// greetWithin is for agreeing on how to encrypt, loginWithin for a person who types a password.
	greetWithin = 15 * time.Second
	loginWithin = 90 * time.Second
	// probeWithin is how long the service's own greeting may take.
	probeWithin = 3 * time.Second
)

// server listens as it is told, and keeps the sessions.
type server struct {
	system  *systemapi.Client
	machine *machine.Machine
	gate    *gate.Gate
	runner  *diagnose.Runner
	shells  *shells
	log     *slog.Logger
	news    chan struct{} // holds one: what is wanted has changed

	served atomic.Uint64 // connections

	mu      sync.Mutex
	wanted  api.SSHSwitch
	port    int // at which it listens; 0: none
	problem string
	visits  []*open // the oldest first
}

// open is a connection of somebody who has logged in.
type open struct {
	who   gate.Who
	since time.Time
	visit *visit.Visit
}

func newServer(system *systemapi.Client, m *machine.Machine, g *gate.Gate, shell string, log *slog.Logger) *server {
	s := &server{system: system, machine: m, gate: g, log: log, news: make(chan struct{}, 1)}
	s.shells = &shells{socket: shell, permitted: func() bool { return s.is().Shell }}
	s.runner = &diagnose.Runner{System: system, Machine: m, Port: func() int {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.port
	}}
	return s
}

// follow takes over what the machine's state says.
func (s *server) follow(wanted api.SSHSwitch) {
	s.mu.Lock()
	changed := s.wanted != wanted
	s.wanted = wanted
	s.mu.Unlock()
	if !changed {
		return
	}
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *server) is() api.SSHSwitch {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.wanted
}

func (s *server) set(port int, problem string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.port, s.problem = port, problem
}

// run listens while it is switched on, until ctx ends. Sessions outlive a change of the port.
func (s *server) run(ctx context.Context) error {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	sessionsCtx, end := context.WithCancel(ctx)
	defer end()
	for ctx.Err() == nil {
		wanted := s.is()
		var later <-chan time.Time
		if !wanted.Enabled {
			s.set(0, "")
			s.gate.SetRules(gate.Rules{})
			s.endOthers(gate.Rules{})
		} else if err := s.listen(ctx, wanted, func(c net.Conn, key xssh.Signer) {
			sessions.Go(func() { s.welcome(sessionsCtx, c, key) })
		}); err != nil && ctx.Err() == nil {
			s.log.Error("ssh", "err", err)
			s.set(0, fmt.Sprintf("It cannot listen: %v.", err))
			later = time.After(again)
		} else {
			continue
		}
		select {
		case <-ctx.Done():
		case <-s.news:
		case <-later:
		}
	}
	return nil
}

// listen listens as is wanted, until something else is.
func (s *server) listen(ctx context.Context, wanted api.SSHSwitch, each func(net.Conn, xssh.Signer)) error {
	key, err := s.settings(ctx)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", ":"+strconv.Itoa(wanted.Port))
	if err != nil {
		return err
	}
	s.set(wanted.Port, "")
	s.log.Info("listening", "port", wanted.Port, "key", xssh.FingerprintSHA256(key.PublicKey()))
	failed := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				failed <- err
				return
			}
			s.served.Add(1)
			each(c, key)
		}
	}()
	for err == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.news:
			now := s.is()
			if !now.Enabled || now.Port != wanted.Port {
				s.set(0, "")
				return errors.Join(l.Close(), notClosed(<-failed))
			}
			if _, err := s.settings(ctx); err != nil { // keys or passwords
				s.log.Warn("settings", "err", err)
				time.AfterFunc(again, func() {
					select {
					case s.news <- struct{}{}:
					default:
					}
				})
			}
		case err = <-failed:
			s.set(0, "")
			return errors.Join(err, l.Close())
		}
	}
	s.set(0, "")
	return errors.Join(l.Close(), notClosed(<-failed))
}

func notClosed(err error) error {
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// settings reads who may log in, and the machine's key, and ends the sessions of those who could not log in any more.
func (s *server) settings(ctx context.Context) (xssh.Signer, error) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	set, err := s.system.SSH(ctx)
	if err != nil {
		return nil, err
	}
	rules := gate.Rules{Passwords: set.Settings.Passwords}
	for _, k := range set.Keys {
		key, err := sshkey.Parse(k.Key)
		if err != nil {
			return nil, fmt.Errorf("key %s: %w", k.ID, err)
		}
		rules.Keys = append(rules.Keys, key)
	}
	host, err := s.system.HostKey(ctx)
	if err != nil {
		return nil, err
	}
	signer, err := xssh.ParsePrivateKey([]byte(host.Key))
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	s.gate.SetRules(rules)
	s.endOthers(rules)
	return signer, nil
}

// endOthers ends the sessions of those who could not come in by the rules.
func (s *server) endOthers(rules gate.Rules) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.visits {
		if !rules.Allows(o.who) {
			s.log.Info("session ended, because its way in is closed", "user", o.who.User, "from", o.who.From)
			o.visit.End()
		}
	}
}

// welcome takes up a connection and serves it to its end.
func (s *server) welcome(ctx context.Context, c net.Conn, key xssh.Signer) {
	defer c.Close()
	from := gate.AddressOf(c)
	if from == probeFrom {
		greet(c)
		return
	}
	visitor, err := s.gate.Knock(from)
	if err != nil {
		// Lines before the version are allowed (RFC 4253, section 4.2); some programs show them.
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		_, _ = fmt.Fprintf(c, "%v\r\n", err)
		return
	}
	defer visitor.Left()
	defer context.AfterFunc(ctx, func() { c.Close() })()
	_ = c.SetDeadline(time.Now().Add(greetWithin))
	config := visitor.Config(ctx, key)
	config.PreAuthConnCallback = func(xssh.ServerPreAuthConn) { _ = c.SetDeadline(time.Now().Add(loginWithin)) }
	conn, channels, requests, err := xssh.NewServerConn(c, config)
	if err != nil {
		s.log.Debug("no log-in", "from", from, "err", err)
		return
	}
	_ = c.SetDeadline(time.Time{})
	visitor.In()
	who := *visitor.Who()
	log := s.log.With("user", who.User, "from", who.From)
	v := visit.New(conn, visit.Config{Machine: s.machine.As(who.User), Runner: s.runner, Shells: s.shells, Who: who.User, From: who.From.String(), Log: log})
	o := &open{who: who, since: time.Now(), visit: v}
	s.mu.Lock()
	s.visits = append(s.visits, o)
	s.mu.Unlock()
	v.Serve(ctx, channels, requests)
	s.mu.Lock()
	s.visits = slices.DeleteFunc(s.visits, func(p *open) bool { return p == o })
	s.mu.Unlock()
	log.Info("session ended", "after", time.Since(o.since).Round(time.Second))
}

// describe is the service as the API shows it.
func (s *server) describe() api.SSHSessions {
	s.mu.Lock()
	out := api.SSHSessions{Listening: s.port != 0, Problem: s.problem, Sessions: []api.SSHSession{}}
	for _, o := range s.visits {
		out.Sessions = append(out.Sessions, api.SSHSession{
			User: o.who.User, Address: o.who.From.String(), Method: o.who.Method, Key: o.who.Key, SinceMs: o.since.UnixMilli(), Doing: o.visit.Doing(),
		})
	}
	s.mu.Unlock()
	out.Attempts = s.gate.Attempts()
	return out
}
