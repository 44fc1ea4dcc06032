package appliance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"vigie/internal/api"
)

// Client speaks to the public API with a session of its own. Safe for use from several goroutines.
type Client struct {
	base string // "https://host:port"
	http *http.Client
	key  atomic.Pointer[[]byte] // that the appliance has shown
}

// Error is a refusal by the appliance.
type Error struct {
	Status int // HTTP
	Detail api.Error
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (%s, %d)", e.Detail.Message, e.Detail.Code, e.Status)
}

// NewClient returns a client of the appliance at url, which must show the certificate with the fingerprint.
func NewClient(base, fingerprint string) (*Client, error) {
	want, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || len(want) != sha256.Size {
		return nil, fmt.Errorf("fingerprint %q is not a SHA-256", fingerprint)
	}
	return newClient(base, func(shown *x509.Certificate) error {
		if got := sha256.Sum256(shown.Raw); !bytes.Equal(got[:], want) {
			return fmt.Errorf("the certificate's fingerprint is %x, want %x", got, want)
		}
		return nil
	})
}

// At returns a client of the same appliance at another address, where it has another certificate, but must have the same key.
// The client must have spoken to it before.
func (c *Client) At(base string) (*Client, error) {
	key := c.key.Load()
	if key == nil {
		return nil, errors.New("the appliance's key is not known yet")
	}
	return newClient(base, func(shown *x509.Certificate) error {
		if !bytes.Equal(shown.RawSubjectPublicKeyInfo, *key) {
			return errors.New("the certificate has another key")
		}
		return nil
	})
}

func newClient(base string, trust func(*x509.Certificate) error) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "https" {
		return nil, fmt.Errorf("address %q is not https", base)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	c := &Client{base: "https://" + u.Host}
	c.http = &http.Client{Jar: jar, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{
			InsecureSkipVerify: true, // self-signed: the fingerprint, or the key, is what is trusted
			VerifyConnection: func(s tls.ConnectionState) error {
				if err := trust(s.PeerCertificates[0]); err != nil {
					return err
				}
				c.key.Store(&s.PeerCertificates[0].RawSubjectPublicKeyInfo)
				return nil
			},
		},
		MaxIdleConnsPerHost: 4,
	}}
	return c, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// answerWithin is how long a call waits for its answer, which the network may have lost.
const answerWithin = 2 * time.Minute

// Call sends in as JSON, when not nil, and decodes the answer into out, when not nil. A refusal is an *Error. What is to be
// confirmed over a new connection is.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	resp, err := c.Do(ctx, method, path, in)
	if err != nil {
		return err
	}
	return read(resp, method, path, out)
}

// read decodes an answer into out, when not nil, and closes it.
func read(resp *http.Response, method, path string, out any) error {
	defer resp.Body.Close()
	if out == nil {
		_, err := io.Copy(io.Discard, resp.Body)
		return err
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	return nil
}

// Do is Call for an answer that is not JSON; the caller closes its body.
func (c *Client) Do(ctx context.Context, method, path string, in any) (*http.Response, error) {
	resp, err := c.once(ctx, method, path, in)
	var refused *Error
	if errors.As(err, &refused) && refused.Detail.Code == "old_connection" {
		c.http.CloseIdleConnections()
		return c.once(ctx, method, path, in)
	}
	return resp, err
}

func (c *Client) once(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return c.send(req)
}

// send sends a request; a refusal is an *Error.
func (c *Client) send(req *http.Request) (*http.Response, error) {
	req.Header.Set("Origin", c.base)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if json.Unmarshal(text, &e.Detail) != nil || e.Detail.Message == "" {
		e.Detail.Message = fmt.Sprintf("%s %s: %s: %s", req.Method, req.URL.Path, resp.Status, text)
	}
	return nil, e
}

// SetUp makes the first administrator, once the appliance has looked at its disks, and is logged in after.
func (c *Client) SetUp(ctx context.Context, code, username, password string) error {
	err := c.Until(ctx, "the appliance is ready for its first set-up", func() (bool, error) {
		var s api.Setup
		if err := c.Call(ctx, http.MethodGet, "/setup", nil, &s); err != nil {
			return false, err
		}
		return !s.Waiting, nil
	})
	if err != nil {
		return err
	}
	return c.Call(ctx, http.MethodPost, "/setup", api.SetupRequest{Code: code, Username: username, Password: password}, nil)
}

// Login opens a session.
func (c *Client) Login(ctx context.Context, username, password string) error {
	return c.Call(ctx, http.MethodPost, "/login", api.LoginRequest{Username: username, Password: password}, nil)
}

// AddCamera adds a camera; user and password may be empty.
func (c *Client) AddCamera(ctx context.Context, name, rtsp, user, password string) (api.Camera, error) {
	r := map[string]any{"name": name, "url": rtsp, "enabled": true}
	if user != "" {
		r["username"], r["password"] = user, password
	}
	var out api.Camera
	err := c.Call(ctx, http.MethodPost, "/cameras", r, &out)
	return out, err
}

// Cameras lists the cameras.
func (c *Client) Cameras(ctx context.Context) (out []api.Camera, err error) {
	err = c.Call(ctx, http.MethodGet, "/cameras", nil, &out)
	return out, err
}

// Timeline returns what a camera has between two instants.
func (c *Client) Timeline(ctx context.Context, camera string, from, to time.Time) (out api.Timeline, err error) {
	q := url.Values{"fromMs": {strconv.FormatInt(from.UnixMilli(), 10)}, "toMs": {strconv.FormatInt(to.UnixMilli(), 10)}}
	err = c.Call(ctx, http.MethodGet, "/cameras/"+url.PathEscape(camera)+"/timeline?"+q.Encode(), nil, &out)
	return out, err
}

// Status returns the machine's state.
func (c *Client) Status(ctx context.Context) (out api.Status, err error) {
	err = c.Call(ctx, http.MethodGet, "/status", nil, &out)
	return out, err
}

// Recording returns the archive's state.
func (c *Client) Recording(ctx context.Context) (out api.Recording, err error) {
	err = c.Call(ctx, http.MethodGet, "/recording", nil, &out)
	return out, err
}

// Download copies a segment's file to w.
func (c *Client) Download(ctx context.Context, segment string, w io.Writer) error {
	resp, err := c.Do(ctx, http.MethodGet, "/segments/"+url.PathEscape(segment)+"/file", nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if _, err := io.Copy(w, resp.Body); err != nil {
		return fmt.Errorf("download %s: %w", segment, err)
	}
	return nil
}

// Until asks again and again until what is awaited is there. Errors of asking are taken for "not yet"; the last one
// is part of the error when ctx ends first.
func (c *Client) Until(ctx context.Context, awaited string, ask func() (bool, error)) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var last error
	for {
		ok, err := ask()
		if ok && err == nil {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until %s: %w", awaited, errors.Join(ctx.Err(), last))
		case <-tick.C:
		}
	}
}
