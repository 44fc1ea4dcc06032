package relay

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// RTSP through HTTP, as QuickTime has it and all others since: a client makes two connections to the same port, and names both
// with one cookie. What it gets comes as the endless answer to a GET; what it says goes as the body of a POST, each message
// in Base64 by itself. A POST may end and another go on.
const (
	tunnelType   = "application/x-rtsp-tunnelled"
	tunnelHeader = "X-Sessioncookie"
	maxHello     = 8 << 10 // of HTTP headers
	maxCookie    = 128
)

var (
	errHTTP   = errors.New("not a request for a tunnel")
	errTunnel = errors.New("the reader has left its tunnel")
)

const tunnelAnswer = "HTTP/1.0 200 OK\r\nServer: Vigie\r\nConnection: close\r\nCache-Control: no-store\r\nPragma: no-cache\r\nContent-Type: " + tunnelType + "\r\n\r\n"

// isHTTP tells whether a connection begins as HTTP does; known is false until that can be told.
func isHTTP(b []byte) (yes, known bool) {
	for _, method := range []string{"GET ", "POST "} {
		n := min(len(b), len(method))
		if string(b[:n]) == method[:n] {
			return true, n == len(method)
		}
	}
	return false, true
}

// hello takes the first bytes of a connection, and makes it the half of a tunnel that it is, if any. over tells that nothing
// else is to be done with it: it was the half that a client speaks by.
func (c *conn) hello() (first []byte, over bool, err error) {
	if err := c.conn.SetReadDeadline(time.Now().Add(helloWithin)); err != nil {
		return nil, false, err
	}
	buf := make([]byte, 0, 2<<10)
	for {
		n, err := c.in.Read(buf[len(buf):cap(buf)])
		if n == 0 && err != nil {
			return nil, false, err
		}
		buf = buf[:len(buf)+n]
		yes, known := isHTTP(buf)
		switch {
		case !yes:
			return buf, false, nil
		case known:
			over, err = c.http(io.MultiReader(bytes.NewReader(buf), c.in))
			return nil, over, err
		}
	}
}

// http takes one half of a tunnel.
func (c *conn) http(in io.Reader) (over bool, err error) {
	bounded := &io.LimitedReader{R: in, N: maxHello}
	r := bufio.NewReader(bounded)
	req, err := http.ReadRequest(r)
	if err != nil {
		return false, errHTTP
	}
	cookie := req.Header.Get(tunnelHeader)
	if cookie == "" || len(cookie) > maxCookie {
		_, _ = io.WriteString(c.conn, "HTTP/1.0 404 Not Found\r\nConnection: close\r\n\r\n")
		return false, errHTTP
	}
	bounded.N = 1 << 62
	if req.Method == http.MethodPost {
		return true, c.speak(cookie, r)
	}
	if accept := req.Header.Get("Accept"); accept != "" && !strings.Contains(accept, tunnelType) && !strings.Contains(accept, "*/*") {
		_, _ = io.WriteString(c.conn, "HTTP/1.0 406 Not Acceptable\r\nConnection: close\r\n\r\n")
		return false, errHTTP
	}
	return false, c.listen(cookie)
}

// listen makes the connection the half of a tunnel that a client gets its answers by.
func (c *conn) listen(cookie string) error {
	near, far := net.Pipe()
	s := c.server
	s.mu.Lock()
	key := c.remote.Addr().String() + " " + cookie
	taken := s.tunnels[key] != nil
	if !taken {
		s.tunnels[key] = &tunnel{conn: c, into: far}
	}
	s.mu.Unlock()
	if taken {
		return errHTTP
	}
	c.tunnel = true
	plain := c.in
	c.in = near
	context.AfterFunc(c.ctx, func() {
		s.mu.Lock()
		delete(s.tunnels, key)
		s.mu.Unlock()
		_, _ = near.Close(), far.Close()
	})
	// The client says nothing more here; that it leaves shows here.
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	s.work.Go(func() {
		_, _ = io.Copy(io.Discard, io.LimitReader(plain, maxHello))
		c.cancel(errTunnel)
	})
	c.out.answer([]byte(tunnelAnswer))
	return nil
}

// tunnel is one that has its GET.
type tunnel struct {
	conn *conn
	into net.Conn // to its requests
}

// speak takes what a client says by a POST to its tunnel, for as long as both last.
func (c *conn) speak(cookie string, r io.Reader) error {
	s := c.server
	s.mu.Lock()
	t := s.tunnels[c.remote.Addr().String()+" "+cookie]
	s.mu.Unlock()
	if t == nil || t.conn.at != c.at {
		return errHTTP
	}
	c.mu.Lock()
	c.half = true
	c.mu.Unlock()
	if err := c.conn.SetReadDeadline(time.Time{}); err != nil {
		return err
	}
	defer context.AfterFunc(t.conn.ctx, func() { c.cancel(errTunnel) })()
	_, err := io.Copy(t.into, &unbase{r: r})
	return err
}

// unbase decodes Base64 of which every piece may end in padding.
type unbase struct {
	r    io.Reader
	four [4]byte
	n    int
	in   [1024]byte
	out  []byte
}

func (u *unbase) Read(b []byte) (int, error) {
	for len(u.out) == 0 {
		n, err := u.r.Read(u.in[:])
		if derr := u.decode(u.in[:n]); derr != nil {
			return 0, derr
		}
		if len(u.out) == 0 && err != nil {
			return 0, err
		}
	}
	n := copy(b, u.out)
	u.out = u.out[n:]
	return n, nil
}

// decode takes characters; blanks and ends of lines count for nothing.
func (u *unbase) decode(text []byte) error {
	var three [3]byte
	for _, ch := range text {
		if ch == '\r' || ch == '\n' || ch == ' ' {
			continue
		}
		u.four[u.n] = ch
		if u.n++; u.n < 4 {
			continue
		}
		u.n = 0
		n, err := base64.StdEncoding.Decode(three[:], u.four[:])
		if err != nil {
			return err
		}
		u.out = append(u.out, three[:n]...)
	}
	return nil
}
