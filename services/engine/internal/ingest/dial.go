package ingest

import (
	"bufio"
	"context"
	"net"
)

const (
	readBuffer = 64 << 10 // saves most of the system calls that reading packet by packet would cost
	maxDials   = 6        // connections one session may open, being redirected; a tunnel takes two
)

// dialer connects to one host and no other: a camera can redirect, but it must not lead us around forever, or take the
// password elsewhere.
type dialer struct {
	host  string
	dials int
}

func (d *dialer) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if d.dials++; err != nil || host != d.host || d.dials > maxDials {
		return nil, errRedirect
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// dial connects for a client that reads in small pieces.
func (d *dialer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.connect(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &bufferedConn{Conn: conn, r: bufio.NewReaderSize(conn, readBuffer)}, nil
}

func (d *dialer) dialTLS(context.Context, string, string) (net.Conn, error) { return nil, errTLS }

// bufferedConn reads ahead.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c *bufferedConn) Read(p []byte) (int, error) { return c.r.Read(p) }
