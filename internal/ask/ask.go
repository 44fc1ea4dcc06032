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
	"net"
	"net/http"

	"vigie/internal/api"
)

// maxAnswer bounds an answer's size in bytes.
const maxAnswer = 32 << 20

// Client calls one service.
type Client struct {
	service string // its name, for errors
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

// Call sends in as JSON, when not nil, and decodes the answer into out, when not nil. A refusal is an *Error.
func (c *Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://"+c.service+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s: %w", c.service, err)
	}
	defer resp.Body.Close()
	answer := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 400 {
		e := &Error{Status: resp.StatusCode}
		if err := answer.Decode(&e.Detail); err != nil || e.Detail.Message == "" {
			e.Detail.Message = fmt.Sprintf("%s: %s %s: %s", c.service, method, path, resp.Status)
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := answer.Decode(out); err != nil {
		return fmt.Errorf("%s: %s %s: %w", c.service, method, path, err)
	}
	return nil
}
