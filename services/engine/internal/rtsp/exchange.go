package rtsp

import (
	"bufio"
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/base"
	"github.com/bluenviron/gortsplib/v5/pkg/headers"
	"github.com/bluenviron/gortsplib/v5/pkg/liberrors"

	"vigie/services/engine/internal/login"
)

// maxLogins is how often one request is sent again with another login: a nonce may get old between two.
const maxLogins = 2

// do sends a request and waits for its answer; packets that come meanwhile are delivered.
func (c *Client) do(req *base.Request) (*base.Response, error) {
	for logins := 0; ; logins++ {
		c.answer = nil
		c.mu.Lock()
		err := c.send(req, c.cfg.Timeout)
		c.want = strconv.Itoa(c.seq)
		c.mu.Unlock()
		if err != nil {
			return nil, err
		}
		if err := c.conn.SetReadDeadline(time.Now().Add(c.cfg.Timeout)); err != nil {
			return nil, err
		}
		for c.answer == nil {
			if err := c.read(); err != nil {
				return nil, err
			}
		}
		res := c.answer
		c.mu.Lock()
		c.want = ""
		again := false
		if err = c.noteSession(res); err == nil && res.StatusCode == base.StatusUnauthorized && logins < maxLogins {
			again, err = c.logIn(res)
		} else if c.login != nil {
			c.login.Accepted()
		}
		c.mu.Unlock()
		if err != nil || !again {
			return res, err
		}
	}
}

// send writes a request; mu is held.
func (c *Client) send(req *base.Request, within time.Duration) error {
	c.seq++
	if req.Header == nil {
		req.Header = base.Header{}
	}
	req.Header["CSeq"] = base.HeaderValue{strconv.Itoa(c.seq)}
	req.Header["User-Agent"] = base.HeaderValue{c.cfg.UserAgent}
	if c.session != "" {
		req.Header["Session"] = base.HeaderValue{c.session}
	}
	if c.login != nil {
		if a := c.login.Authorization(string(req.Method), req.URL.CloneWithoutCredentials().String()); a != "" {
			req.Header["Authorization"] = base.HeaderValue{a}
		}
	}
	b, err := req.Marshal()
	if err != nil {
		return err
	}
	return c.write(b, within)
}

func (c *Client) write(b []byte, within time.Duration) error {
	if err := c.conn.SetWriteDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	_, err := c.conn.Write(b)
	return err
}

// noteSession takes the session's id and timeout from an answer; mu is held.
func (c *Client) noteSession(res *base.Response) error {
	v, ok := res.Header["Session"]
	if !ok {
		return nil
	}
	var h headers.Session
	if err := h.Unmarshal(v); err != nil {
		return liberrors.ErrClientSessionHeaderInvalid{Err: err}
	}
	c.session = h.Session
	if h.Timeout != nil && *h.Timeout > 0 {
		c.timeout = time.Duration(min(*h.Timeout, 3600)) * time.Second
	}
	return nil
}

// logIn takes note of a refusal; again tells that there is a login which was not refused yet. mu is held.
func (c *Client) logIn(res *base.Response) (again bool, err error) {
	if c.login == nil {
		return false, nil
	}
	if again, err = c.login.Challenge(res.Header["WWW-Authenticate"]); errors.Is(err, login.ErrUnsupported) {
		if c.tried {
			return false, nil // it refuses without asking
		}
		return false, liberrors.ErrClientAuthSetup{Err: err}
	}
	c.tried = true
	return again, err
}

// keepPeriod leaves room for a keep-alive to be lost; mu is held.
func (c *Client) keepPeriod() time.Duration {
	return max(time.Second, min(30*time.Second, c.timeout/2))
}

// keepAlive tells the camera that the session is wanted (RFC 2326 §10.8): by GET_PARAMETER where it says that it knows
// it, as some end sessions in spite of OPTIONS. Its answer is not waited for.
func (c *Client) keepAlive() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return
	}
	method := base.Options
	if c.getParam {
		method = base.GetParameter
	}
	if c.send(&base.Request{Method: method, URL: c.base}, c.cfg.Timeout) != nil {
		_ = c.conn.Close() // Run says what is wrong
		return
	}
	c.keepSeq = strconv.Itoa(c.seq)
	c.keep.Reset(c.keepPeriod())
}

// kept takes the answer to a keep-alive.
func (c *Client) kept(res *base.Response) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keepSeq = ""
	switch {
	case res.StatusCode == base.StatusOK:
		if c.login != nil {
			c.login.Accepted()
		}
	case res.StatusCode == base.StatusUnauthorized: // an old nonce, mostly
		if again, err := c.logIn(res); err != nil || !again {
			return err
		}
		c.keep.Reset(0)
	case res.StatusCode == base.StatusSessionNotFound:
		return badStatus(res)
	case c.getParam:
		c.getParam = false
		c.keep.Reset(0)
	}
	return nil
}

// message takes a whole message of the camera.
func (c *Client) message(p part, b []byte) error {
	r := bufio.NewReader(bytes.NewReader(b))
	if p == request {
		var req base.Request
		if err := req.Unmarshal(r); err != nil {
			return err
		}
		return c.serve(&req)
	}
	res := &base.Response{}
	if err := res.Unmarshal(r); err != nil {
		return err
	}
	seq := ""
	if v := res.Header["CSeq"]; len(v) == 1 {
		seq = strings.TrimSpace(v[0])
	}
	c.mu.Lock()
	want, keep := c.want, c.keepSeq
	c.mu.Unlock()
	switch {
	case want != "" && (seq == want || seq == ""): // some cameras forget to count
		c.answer = res
	case want == "" && seq != "" && seq == keep:
		return c.kept(res)
	}
	return nil
}

// serve answers a request of the camera's: they are how some ask whether anybody is there.
func (c *Client) serve(req *base.Request) error {
	res := base.Response{StatusCode: base.StatusOK, Header: base.Header{"User-Agent": {c.cfg.UserAgent}}}
	if v, ok := req.Header["CSeq"]; ok {
		res.Header["CSeq"] = v
	}
	switch req.Method {
	case base.Options, base.GetParameter, base.SetParameter:
	default:
		res.StatusCode = base.StatusNotImplemented
	}
	b, err := res.Marshal()
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.write(b, c.cfg.Timeout)
}
