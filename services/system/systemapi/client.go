// Package systemapi speaks to the system service over its unix socket: the typed form of the paths tagged "system" in
// internal/api/openapi.yaml, and the transport that a proxy of these paths uses. It is the only package of the system
// service that others may import.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package systemapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"vigie/internal/api"
)

// maxAnswer bounds an answer's size in bytes.
const maxAnswer = 8 << 20

// Client calls one system service.
type Client struct {
	http *http.Client
}

// New returns a client of the system service that listens on the unix socket; nothing is dialled yet.
func New(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
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

// Status returns the machine's state at once.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	var out api.Status
	err := c.call(ctx, http.MethodGet, "/v1/status", nil, &out)
	return out, err
}

// StatusAfter returns the machine's state once its revision differs from the given one, or unchanged after 30 s.
func (c *Client) StatusAfter(ctx context.Context, revision int64) (api.Status, error) {
	var out api.Status
	err := c.call(ctx, http.MethodGet, "/v1/status?after="+strconv.FormatInt(revision, 10), nil, &out)
	return out, err
}

// PutClock chooses the NTP servers; none means those that DHCP gives.
func (c *Client) PutClock(ctx context.Context, r api.ClockRequest) error {
	return c.call(ctx, http.MethodPut, "/v1/clock", r, nil)
}

// FormatDisk starts making a disk a data volume; the progress is in the disk's operation.
func (c *Client) FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error {
	return c.call(ctx, http.MethodPost, "/v1/disks/"+url.PathEscape(disk)+"/format", r, nil)
}

// Power switches the machine off or restarts it.
func (c *Client) Power(ctx context.Context, action api.PowerRequestAction) error {
	return c.call(ctx, http.MethodPost, "/v1/power", api.PowerRequest{Action: action}, nil)
}

// RestartService restarts a service by name.
func (c *Client) RestartService(ctx context.Context, service string) error {
	return c.call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(service)+"/restart", nil, nil)
}

// ServiceLog returns the newest lines of a service's log, oldest first.
func (c *Client) ServiceLog(ctx context.Context, service string) ([]string, error) {
	var out api.ServiceLog
	err := c.call(ctx, http.MethodGet, "/v1/services/"+url.PathEscape(service)+"/log", nil, &out)
	return out.Lines, err
}

// call sends in as JSON, when not nil, and decodes the answer into out, when not nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://system"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("system: %w", err)
	}
	defer resp.Body.Close()
	answer := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode >= 400 {
		e := &Error{Status: resp.StatusCode}
		if err := answer.Decode(&e.Detail); err != nil || e.Detail.Message == "" {
			e.Detail.Message = fmt.Sprintf("system: %s %s: %s", method, path, resp.Status)
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := answer.Decode(out); err != nil {
		return fmt.Errorf("system: %s %s: %w", method, path, err)
	}
	return nil
}
