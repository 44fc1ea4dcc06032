// Package ask calls a service's JSON API over its unix socket: the other end of package answer. The services' typed
// clients are written on it.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package ask

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"

	"vigie/internal/api"
)

// maxAnswer bounds an answer's size in bytes.
const maxAnswer = 32 << 20

// Client calls one service.
type Client struct {
	service string      // its name, for errors
	header  http.Header // in whose name it asks; nil: its own process'
	http    *http.Client
}

// New returns a client of the named service, which listens on the unix socket; nothing is dialled yet.
func New(service, socket string) *Client {
	return &Client{service: service, http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Transport carries any request to the service, whatever its URL's host: for a proxy of whole paths.
func (c *Client) Transport() http.RoundTripper { return c.http.Transport }

// Error is a refusal or failure that the service answered with.
type Error struct {
	Status int // HTTP
	Detail api.Error
}

func (e *Error) Error() string { return e.Detail.Message }

// As returns a client that asks in the name of a user of the web admin, as web itself does.
func (c *Client) As(user string) *Client {
	return c.With(http.Header{"Vigie-User": {user}})
}

// With returns a client that sends these headers along: web's, which say who asks, and how he reached the machine.
func (c *Client) With(header http.Header) *Client {
	return &Client{service: c.service, header: header, http: c.http}
}

// Call sends in as JSON, when not nil, and decodes the answer into out, when not nil. A refusal is an *Error.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	resp, err := c.Stream(ctx, method, path, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return fmt.Errorf("%s: %s %s: %w", c.service, method, path, err)
	}
	return nil
}

// Stream sends in as JSON, when not nil, and returns the answer as soon as its body begins to come; the caller closes that. A
// refusal is an *Error.
func (c *Client) Stream(ctx context.Context, method, path string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.service+path, body)
	if err != nil {
		return nil, err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	maps.Copy(req.Header, c.header)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", c.service, err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	e := &Error{Status: resp.StatusCode}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&e.Detail); err != nil || e.Detail.Message == "" {
		e.Detail.Message = fmt.Sprintf("%s: %s %s: %s", c.service, method, path, resp.Status)
	}
	return nil, e
}
