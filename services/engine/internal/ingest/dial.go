package ingest

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/url"
	"sync"

	"vigie/internal/api"
	"vigie/services/engine/internal/login"
)

const (
	readBuffer = 64 << 10 // saves most of the system calls that reading packet by packet would cost
	maxDials   = 8        // connections one session may open, being redirected or asked to log in; a tunnel takes two
)

// dialer connects to one host and no other: a camera can redirect, but it must not lead us around forever, or take the
// password elsewhere.
type dialer struct {
	host  string
	port  string // instead of the address's; empty: that one
	trust *trust
	path  string       // of the RTSP tunnel through HTTP; empty: there is none
	login *login.Login // for the tunnel; nil: without
	dials int

	mu   sync.Mutex
	conn net.Conn // the last that was handed out
}

// newDialer returns the dialer of a session.
func (s *session) newDialer(target *url.URL) *dialer {
	d := &dialer{host: target.Hostname(), port: s.way.port, trust: s.trust}
	if s.address.Username != "" {
		d.login = login.New(s.address.Username, s.address.Password)
	}
	if s.way.transport == api.TransportHTTP {
		d.path = target.RequestURI()
	}
	return d
}

// dial opens a connection on which RTSP is spoken in plain.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return d.open(ctx, network, address, d.buffered)
}

// dialTLS opens one within TLS.
func (d *dialer) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	return d.open(ctx, network, address, func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := d.buffered(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return d.secure(ctx, conn, d.host)
	})
}

type dialFunc func(ctx context.Context, network, address string) (net.Conn, error)

func (d *dialer) open(ctx context.Context, network, address string, dial dialFunc) (conn net.Conn, err error) {
	if d.path != "" {
		conn, err = d.tunnel(ctx, network, address, dial)
	} else {
		conn, err = dial(ctx, network, address)
	}
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.conn = conn
	d.mu.Unlock()
	return conn, nil
}

// plain connects.
func (d *dialer) plain(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if d.dials++; err != nil || host != d.host || d.dials > maxDials {
		return nil, errRedirect
	}
	if d.port != "" {
		address = net.JoinHostPort(host, d.port)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// buffered opens a connection for a client that reads in small pieces.
func (d *dialer) buffered(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.plain(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bufferedConn{Conn: conn, r: bufio.NewReaderSize(conn, readBuffer)}, nil
}

// secure puts TLS on a connection. It closes the connection when that fails.
func (d *dialer) secure(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	secured := tls.Client(conn, d.trust.config(host))
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %w", errTLS, err)
	}
	return secured, nil
}

// write writes to the last connection, beside whoever reads and writes it; connections take one write after the other.
func (d *dialer) write(b []byte) error {
	_, err := d.last().Write(b)
	return err
}

// local and peer are the ends of the last connection.
func (d *dialer) local() net.Addr { return d.last().LocalAddr() }
func (d *dialer) peer() net.Addr  { return d.last().RemoteAddr() }

func (d *dialer) last() net.Conn {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.conn
}

// bufferedConn reads ahead.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
