package ingest

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

var (
	errNoTunnel    = errors.New("no RTSP over HTTP") // what answers takes no tunnel
	errTunnelLogin = errors.New("HTTP login refused")
)

// tunnelKind is the media type of RTSP within HTTP, as Apple's QuickTime has introduced it: requests go in base64 through
// the body of a POST on one connection, and all that the camera sends comes in the body of the answer to a GET on another;
// a cookie of our making tells the camera that the two belong together.
const tunnelKind = "application/x-rtsp-tunnelled"

// tunnel opens both connections of a tunnel.
func (d *dialer) tunnel(ctx context.Context, network, address string, dial dialFunc) (_ net.Conn, err error) {
	cookie := rand.Text()
	var t *tunnelConn
	for tries := 0; t == nil; tries++ {
		t, err = d.tunnelDown(ctx, network, address, cookie, dial, tries == 0)
		if err != nil {
			return nil, err
		}
	}
	if t.up, err = dial(ctx, network, address); err != nil {
		return nil, errors.Join(err, t.down.Close())
	}
	// The length is of no meaning: it says that a body follows that does not end soon. The camera answers when it ends.
	if err := d.ask(ctx, t.up, "POST", address, cookie, "Content-Type: "+tunnelKind+"\r\nContent-Length: 32767\r\n"); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// tunnelDown opens the connection by which the camera sends. It returns nil when the camera asked for a login and is to be
// asked again.
func (d *dialer) tunnelDown(ctx context.Context, network, address, cookie string, dial dialFunc, first bool) (_ *tunnelConn, err error) {
	down, err := dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = down.Close()
		}
	}()
	defer context.AfterFunc(ctx, func() { _ = down.SetReadDeadline(time.Unix(1, 0)) })()
	if err := d.ask(ctx, down, "GET", address, cookie, "Accept: "+tunnelKind+"\r\n"); err != nil {
		return nil, err
	}
	r := bufio.NewReader(down)
	res, err := http.ReadResponse(r, nil)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil && isTimeout(err):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoTunnel, err)
	case res.StatusCode == http.StatusUnauthorized && first && d.login != nil:
		if _, err := d.login.Challenge(res.Header["Www-Authenticate"]); err != nil {
			return nil, err
		}
		return nil, down.Close()
	case res.StatusCode == http.StatusUnauthorized:
		return nil, errTunnelLogin
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: status %d", errNoTunnel, res.StatusCode)
	}
	return &tunnelConn{down: down, r: r}, nil
}

// ask sends the head of a request.
func (d *dialer) ask(ctx context.Context, conn net.Conn, method, address, cookie, headers string) error {
	if d.login != nil {
		if a := d.login.Authorization(method, d.path); a != "" {
			headers += "Authorization: " + a + "\r\n"
		}
	}
	if end, ok := ctx.Deadline(); ok {
		_ = conn.SetWriteDeadline(end) // an error shows in writing
	}
	_, err := fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: %s\r\nX-Sessioncookie: %s\r\nPragma: no-cache\r\nCache-Control: no-cache\r\n%s\r\n", method, d.path, address, cookie, headers)
	return err
}

// tunnelConn is RTSP through HTTP.
type tunnelConn struct {
	down, up net.Conn
	r        *bufio.Reader // of down
}

func (c *tunnelConn) Read(p []byte) (int, error) { return c.r.Read(p) }

// Write sends one block of base64: servers are used to getting a message in a block of its own.
func (c *tunnelConn) Write(p []byte) (int, error) {
	if _, err := c.up.Write([]byte(base64.StdEncoding.EncodeToString(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (c *tunnelConn) Close() error         { return errors.Join(c.down.Close(), c.up.Close()) }
func (c *tunnelConn) LocalAddr() net.Addr  { return c.down.LocalAddr() }
func (c *tunnelConn) RemoteAddr() net.Addr { return c.down.RemoteAddr() }
func (c *tunnelConn) SetDeadline(t time.Time) error {
	return errors.Join(c.down.SetReadDeadline(t), c.up.SetWriteDeadline(t))
}
func (c *tunnelConn) SetReadDeadline(t time.Time) error  { return c.down.SetReadDeadline(t) }
func (c *tunnelConn) SetWriteDeadline(t time.Time) error { return c.up.SetWriteDeadline(t) }
