package relay

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"

	"vigie/services/engine/internal/relay/account"
	"vigie/services/engine/internal/rtsp"
)

const (
	helloWithin = 15 * time.Second // for a client to log in
	// sessionTimeout is what clients are told; those that read by UDP must be heard of within, all others while they do not
	// play. Within a connection, TCP itself finds out that a client is gone.
	sessionTimeout = 60 * time.Second
	patience       = 10 * time.Second // beyond it
)

// conn is one connection of a client. Its fields belong to its goroutine unless it is said otherwise.
type conn struct {
	server *Server
	id     string
	at     *listener
	conn   net.Conn // what is closed
	in     net.Conn // of requests: conn, or a tunnel
	out    *outlet
	remote netip.AddrPort
	secure bool
	tunnel bool
	agent  string
	nonce  string
	ctx    context.Context
	cancel context.CancelCauseFunc

	mu      sync.Mutex // for what follows, which others look at
	account *account.Row
	session *session // nil: none is set up
	half    bool     // it is the half of a tunnel that the client speaks by
}

func newConn(ctx context.Context, s *Server, at *listener, c net.Conn) *conn {
	var random [20]byte
	_, _ = rand.Read(random[:]) // never fails: see crypto/rand
	k := &conn{server: s, at: at, conn: c, in: c, secure: at.secure, id: hex.EncodeToString(random[:4]), nonce: hex.EncodeToString(random[4:])}
	k.ctx, k.cancel = context.WithCancelCause(ctx)
	if a, ok := c.RemoteAddr().(*net.TCPAddr); ok {
		k.remote = netip.AddrPortFrom(a.AddrPort().Addr().Unmap(), a.AddrPort().Port())
	}
	return k
}

// serve lasts as long as the connection.
func (c *conn) serve() {
	c.out = newOutlet(c.conn, func(err error) { c.cancel(err) })
	stop := context.AfterFunc(c.ctx, func() { _ = c.conn.Close() })
	first, over, err := c.hello()
	if err == nil && !over {
		err = c.read(first)
	}
	c.cancel(err)
	stop()
	_ = c.conn.Close()
	c.out.close()
	c.mu.Lock()
	s := c.session
	c.session = nil
	c.mu.Unlock()
	if s != nil {
		s.end(context.Cause(c.ctx))
	}
}

// read takes requests until the connection ends; buf holds what has come already.
func (c *conn) read(buf []byte) error {
	if buf == nil {
		buf = make([]byte, 0, 2<<10)
	}
	begun := time.Now()
	for {
		for len(buf) > 0 && (buf[0] == '\r' || buf[0] == '\n') { // between requests (RFC 2326 §4.1)
			buf = buf[:copy(buf, buf[1:])]
		}
		kind, size, err := rtsp.Next(buf)
		if err != nil {
			c.reply(nil, refuse(base.StatusBadRequest, "This is no request of RTSP"))
			return err
		}
		switch kind {
		case rtsp.Request:
			req, err := rtsp.ReadRequest(buf[:size])
			if err != nil {
				c.reply(nil, refuse(base.StatusBadRequest, "This request cannot be understood"))
				return err
			}
			if err := c.handle(req); err != nil {
				return err
			}
		case rtsp.Interleaved: // reports of receivers; that they come says enough
			c.mu.Lock()
			s := c.session
			c.mu.Unlock()
			if s == nil {
				return errors.New("data without a session")
			}
			s.heard()
		case rtsp.Incomplete:
			if len(buf) == cap(buf) {
				if cap(buf) >= rtsp.MaxMessage {
					return rtsp.ErrRequest
				}
				buf = append(make([]byte, 0, min(2*cap(buf), rtsp.MaxMessage)), buf...)
			}
			if err := c.in.SetReadDeadline(c.deadline(begun)); err != nil {
				return err
			}
			n, err := c.in.Read(buf[len(buf):cap(buf)])
			if n == 0 && err != nil {
				return err
			}
			buf = buf[:len(buf)+n]
			continue
		}
		buf = buf[:copy(buf, buf[size:])]
	}
}

// deadline is until when the client must be heard of.
func (c *conn) deadline(begun time.Time) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.account == nil:
		return begun.Add(helloWithin)
	case c.session != nil && c.session.streams():
		return time.Time{}
	}
	return time.Now().Add(sessionTimeout + patience)
}

// reply sends an answer.
func (c *conn) reply(req *base.Request, res *base.Response) {
	if res.Header == nil {
		res.Header = base.Header{}
	}
	if req != nil {
		if v := req.Header["CSeq"]; len(v) == 1 {
			res.Header["CSeq"] = v
		}
	}
	res.Header["Server"] = base.HeaderValue{"Vigie"}
	b, err := res.Marshal()
	if err != nil {
		c.cancel(err)
		return
	}
	c.out.answer(b)
}

// refuse makes an answer that says why not, in the words of the status line.
func refuse(code base.StatusCode, why string) *base.Response {
	return &base.Response{StatusCode: code, StatusMessage: why}
}

func (c *conn) log() *slog.Logger {
	return c.server.cfg.Log.With("reader", c.id, "address", c.remote.Addr().String())
}
