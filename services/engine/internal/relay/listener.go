package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
)

// giveUpAfter is how long what was sent may be unacknowledged before the kernel gives a connection up.
const giveUpAfter = 30 * time.Second

// handshakeWithin is for TLS.
const handshakeWithin = 10 * time.Second

// listener is one port that is listened on.
type listener struct {
	port   int
	secure bool
	l      net.Listener
	done   sync.WaitGroup
}

// listen has those ports listened on that the settings say, and no others.
func (s *Server) listen(settings api.RelaySettings) {
	want := map[string]int{}
	if settings.Enabled {
		want["rtsp"] = settings.RtspPort
		if settings.TLS {
			want["rtsps"] = settings.RtspsPort
		}
	}
	s.mu.Lock()
	var over []*listener
	for scheme, l := range s.listeners {
		if want[scheme] != l.port {
			over = append(over, l)
			delete(s.listeners, scheme)
		}
	}
	s.mu.Unlock()
	for _, l := range over {
		s.close(l)
	}
	problem := ""
	for scheme, port := range want {
		s.mu.Lock()
		open := s.listeners[scheme] != nil
		s.mu.Unlock()
		if open {
			continue
		}
		if err := s.open(scheme, port); err != nil {
			problem = fmt.Sprintf("Port %d cannot be listened on: %s", port, why(err))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.problem != problem && problem != "" {
		s.cfg.Log.Error("relay does not listen", "err", problem)
	}
	s.problem = problem
}

func why(err error) string {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return "another program uses it. Choose another port."
	case errors.Is(err, syscall.EACCES):
		return "ports below 1024 are not open to this service. Choose another port."
	}
	return err.Error()
}

// listenEverywhere listens on all addresses. Connections whose other end is silently gone are found out by the kernel.
func listenEverywhere(ctx context.Context, port int) (net.Listener, error) {
	lc := net.ListenConfig{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control: func(_, _ string, c syscall.RawConn) error {
			return c.Control(func(fd uintptr) {
				_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(giveUpAfter.Milliseconds()))
			})
		}}
	return lc.Listen(ctx, "tcp", net.JoinHostPort("", strconv.Itoa(port)))
}

// open begins to listen on a port.
func (s *Server) open(scheme string, port int) error {
	at := &listener{port: port, secure: scheme == "rtsps"}
	var secure *tls.Config
	if at.secure {
		var err error
		if secure, err = s.tls(); err != nil {
			return err
		}
	}
	l, err := s.cfg.Listen(s.ctx, port)
	if err != nil {
		return err
	}
	at.l = l
	s.mu.Lock()
	s.listeners[scheme] = at
	s.mu.Unlock()
	s.cfg.Log.Info("relay listens", "scheme", scheme, "port", port)
	at.done.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				if errors.Is(err, net.ErrClosed) {
					return
				}
				time.Sleep(100 * time.Millisecond) // out of descriptors: those who wait may go
				continue
			}
			if secure != nil {
				at.done.Go(func() { s.shake(at, c, secure) })
				continue
			}
			s.serveConn(at, c)
		}
	})
	return nil
}

// shake makes a connection secure.
func (s *Server) shake(at *listener, c net.Conn, cfg *tls.Config) {
	ctx, cancel := context.WithTimeout(s.ctx, handshakeWithin)
	defer cancel()
	t := tls.Server(c, cfg)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return
	}
	s.serveConn(at, t)
}

// close ends listening, and lets those go that came by it.
func (s *Server) close(l *listener) {
	_ = l.l.Close()
	l.done.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.at == l {
			c.cancel(errors.New("the port was closed"))
		}
	}
}
