// Package rtspcam is a server of simulated cameras: each a path of one RTSP server, sending the loops of package
// content locked to the wall clock, with stamps and a ledger.
//
// A camera sends to whoever plays it, from the very next frame on, as real cameras do; it never waits for a reader.
// A frame is packetised once, when its loop is loaded; only headers and stamps are made per camera. A reader that
// cannot keep up for longer than the send queue lasts is disconnected, so that a connection either got all that the
// ledger says or ended; Overflows counts those. Faults can be set at any time from any goroutine.
package rtspcam

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v5"
	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigie/tools/simcam/content"
	"vigie/tools/simcam/ledger"
)

// sendQueue is how many packets wait for a slow reader: at 4 Mbit/s about ten seconds.
const sendQueue = 4096

// Server serves cameras.
type Server struct {
	// Listen opens the listening socket; nil means net.Listen. A network namespace is entered here.
	Listen func(network, address string) (net.Listener, error)
	// Transports must be set before Open.
	Transports Transports

	log       *slog.Logger
	rtsp      *gortsplib.Server
	cameras   map[string]*Camera
	order     []*Camera
	overflows atomic.Int64
	stop      context.CancelFunc
	ctx       context.Context

	certificate atomic.Pointer[tls.Certificate] // shown now

	mu     sync.Mutex
	nonces map[*gortsplib.ServerConn]*nonce
}

// New prepares a server of cameras, making content where it is not in the store yet. book gets every frame.
func New(ctx context.Context, log *slog.Logger, store *content.Store, book *ledger.Book, cameras ...Config) (*Server, error) {
	s := &Server{log: log, cameras: make(map[string]*Camera), nonces: make(map[*gortsplib.ServerConn]*nonce)}
	for i, cfg := range cameras {
		if s.cameras[cfg.ID] != nil {
			return nil, fmt.Errorf("two cameras with the id %q", cfg.ID)
		}
		c, err := newCamera(ctx, cfg, i, store, book)
		if err != nil {
			return nil, err
		}
		c.server = s
		s.cameras[cfg.ID] = c
		s.order = append(s.order, c)
	}
	return s, nil
}

// Open starts serving on a TCP address; port 0 takes a free one. Close ends it.
func (s *Server) Open(address string) error {
	listen := s.Listen
	if listen == nil {
		listen = net.Listen
	}
	s.certificate.Store(s.Transports.TLS)
	s.rtsp = &gortsplib.Server{Handler: (*handler)(s), RTSPAddress: address, WriteQueueSize: sendQueue,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := listen(network, address)
			if err != nil {
				return nil, err
			}
			if t := s.Transports; t.TLS != nil && !t.SRTP {
				l = tls.NewListener(l, s.tls())
			}
			return wires{l}, nil
		}}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("serve cameras on %s: %w", address, err)
	}
	for tries := 0; ; tries++ {
		if err := s.prepare(host); err != nil {
			return err
		}
		err := s.rtsp.Start()
		if err == nil {
			break
		}
		if !errors.Is(err, syscall.EADDRINUSE) || !s.Transports.UDP || tries == 5 {
			return fmt.Errorf("serve cameras on %s: %w", address, err)
		}
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	for _, c := range s.order {
		if err := c.begin(); err != nil {
			s.Close()
			return err
		}
	}
	return nil
}

// Close disconnects everybody, stops the cameras and waits for them.
func (s *Server) Close() {
	s.stop()
	for _, c := range s.order {
		c.end()
	}
	s.rtsp.Close()
}

// Addr is the address that is listened on.
func (s *Server) Addr() net.Addr { return s.rtsp.NetListener().Addr() }

// Camera returns a camera by its id, nil when there is none.
func (s *Server) Camera(id string) *Camera { return s.cameras[id] }

// Cameras returns all cameras in the order of New.
func (s *Server) Cameras() []*Camera { return s.order }

// URL is the address of a camera, without user and password.
func (s *Server) URL(c *Camera) string {
	scheme := "rtsp://"
	if s.Transports.TLS != nil {
		scheme = "rtsps://"
	}
	return scheme + s.Addr().String() + "/" + c.cfg.ID
}

// ID is the camera's id.
func (c *Camera) ID() string { return c.cfg.ID }

// Config returns what the camera was made from.
func (c *Camera) Config() Config { return c.cfg }

// Overflows counts connections that were closed because they did not take what was sent.
func (s *Server) Overflows() int64 { return s.overflows.Load() }

// handler keeps the callbacks of the RTSP library out of Server's methods.
type handler Server

// admit finds the camera of a request and applies faults and login. A nil response means welcome.
func (h *handler) admit(conn *gortsplib.ServerConn, req *base.Request, path string) (*Camera, *base.Response, error) {
	c := h.cameras[strings.Trim(path, "/")]
	if c == nil {
		return nil, &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("no camera at %q", path)
	}
	for {
		c.mu.Lock()
		fault, changed := c.fault, c.faultSet
		c.mu.Unlock()
		switch fault {
		case NotFound:
			return nil, &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("no camera at %q", path)
		case Unauthorized:
			return nil, &base.Response{StatusCode: base.StatusUnauthorized}, liberrors.ErrServerAuth{}
		case Hang:
			select {
			case <-h.ctx.Done():
				return nil, &base.Response{StatusCode: base.StatusServiceUnavailable}, errors.New("camera is closed")
			case <-changed:
				continue
			}
		}
		return c, h.login(c, conn, req), nil
	}
}

// OnDescribe answers DESCRIBE.
func (h *handler) OnDescribe(ctx *gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c, refusal, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if refusal != nil {
		return refusal, nil, err
	}
	if slow := c.cfg.Quirks.SlowDescribe; slow > 0 {
		select {
		case <-h.ctx.Done():
		case <-time.After(slow):
		}
	}
	ctx.Conn.SetUserData(c)
	return &base.Response{StatusCode: base.StatusOK}, c.current(), nil
}

// OnResponse puts descriptions in the camera's own way.
func (h *handler) OnResponse(conn *gortsplib.ServerConn, res *base.Response) {
	if c, ok := conn.UserData().(*Camera); ok && len(res.Body) > 0 {
		res.Body = c.describe(res.Body, conn.NetConn().LocalAddr())
	}
}

// OnSetup answers SETUP.
func (h *handler) OnSetup(ctx *gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	c, refusal, err := h.admit(ctx.Conn, ctx.Request, ctx.Path)
	if refusal != nil {
		return refusal, nil, err
	}
	return &base.Response{StatusCode: base.StatusOK}, c.current(), nil
}

// OnPlay answers PLAY.
func (h *handler) OnPlay(ctx *gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	c := h.cameras[strings.Trim(ctx.Path, "/")]
	if c == nil {
		return &base.Response{StatusCode: base.StatusNotFound}, fmt.Errorf("no camera at %q", ctx.Path)
	}
	ctx.Session.SetUserData(c)
	if w, ok := ctx.Conn.NetConn().(*wire); ok && (c.cfg.Quirks.Junk || c.cfg.Quirks.GarbageRTCP) {
		w.quirks.Store(&c.cfg.Quirks)
	}
	c.mu.Lock()
	if c.first.IsZero() {
		c.first = time.Now()
	}
	c.sessions[ctx.Session] = struct{}{}
	c.mu.Unlock()
	h.log.Info("connected", "camera", c.cfg.ID, "peer", ctx.Conn.NetConn().RemoteAddr().String())
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnPause answers PAUSE.
func (h *handler) OnPause(ctx *gortsplib.ServerHandlerOnPauseCtx) (*base.Response, error) {
	h.forget(ctx.Session)
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnSessionClose notes the end of a session.
func (h *handler) OnSessionClose(ctx *gortsplib.ServerHandlerOnSessionCloseCtx) {
	if c := h.forget(ctx.Session); c != nil {
		h.log.Info("disconnected", "camera", c.cfg.ID, "err", ctx.Error)
	}
}

func (h *handler) forget(s *gortsplib.ServerSession) *Camera {
	c, ok := s.UserData().(*Camera)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sessions, s)
	return c
}

// OnStreamWriteError is called when a reader's queue is full: the reader is let go.
func (h *handler) OnStreamWriteError(ctx *gortsplib.ServerHandlerOnStreamWriteErrorCtx) {
	h.overflows.Add(1)
	ctx.Session.Close() // only says so; the session ends by itself
}

// WaitReaders blocks until a camera has at least n connections, or ctx ends.
func (c *Camera) WaitReaders(ctx context.Context, n int) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.Readers() < n {
		select {
		case <-ctx.Done():
			return fmt.Errorf("camera %s has %d connections, want %d: %w", c.cfg.ID, c.Readers(), n, ctx.Err())
		case <-tick.C:
		}
	}
	return nil
}
