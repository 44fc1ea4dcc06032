// Package engineapi speaks to the engine over its unix socket: the typed form of the paths tagged "engine" in
// internal/api/openapi.yaml. It is the only package of the engine that others may import.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package engineapi

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

// Client calls one engine.
type Client struct {
	http *http.Client
}

// New returns a client of the engine that listens on the unix socket; nothing is dialled yet.
func New(socket string) *Client {
	return &Client{http: &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is a refusal or failure that the engine answered with.
type Error struct {
	Status int // HTTP
	Detail api.Error
}

func (e *Error) Error() string { return e.Detail.Message }

// Cameras lists all cameras with their states.
func (c *Client) Cameras(ctx context.Context) ([]api.Camera, error) {
	var out []api.Camera
	err := c.call(ctx, http.MethodGet, "/v1/cameras", nil, &out)
	return out, err
}

// AddCamera adds a camera and returns it with its id.
func (c *Client) AddCamera(ctx context.Context, r api.CameraRequest) (api.Camera, error) {
	var out api.Camera
	err := c.call(ctx, http.MethodPost, "/v1/cameras", r, &out)
	return out, err
}

// PutCamera replaces a camera's settings.
func (c *Client) PutCamera(ctx context.Context, id string, r api.CameraRequest) (api.Camera, error) {
	var out api.Camera
	err := c.call(ctx, http.MethodPut, "/v1/cameras/"+url.PathEscape(id), r, &out)
	return out, err
}

// DeleteCamera removes a camera; its recordings stay.
func (c *Client) DeleteCamera(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodDelete, "/v1/cameras/"+url.PathEscape(id), nil, nil)
}

// Timeline returns what a camera has between two instants (milliseconds since the Unix epoch).
func (c *Client) Timeline(ctx context.Context, id string, fromMs, toMs int64) (api.Timeline, error) {
	var out api.Timeline
	q := url.Values{"fromMs": {strconv.FormatInt(fromMs, 10)}, "toMs": {strconv.FormatInt(toMs, 10)}}
	err := c.call(ctx, http.MethodGet, "/v1/cameras/"+url.PathEscape(id)+"/timeline?"+q.Encode(), nil, &out)
	return out, err
}

// Recording returns the archive's volumes, index copies and totals.
func (c *Client) Recording(ctx context.Context) (api.Recording, error) {
	var out api.Recording
	err := c.call(ctx, http.MethodGet, "/v1/recording", nil, &out)
	return out, err
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
	req, err := http.NewRequestWithContext(ctx, method, "http://engine"+path, body)
	if err != nil {
		return err
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("engine: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		e := &Error{Status: resp.StatusCode}
		if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&e.Detail); err != nil || e.Detail.Message == "" {
			e.Detail.Message = fmt.Sprintf("engine: %s %s: %s", method, path, resp.Status)
		}
		return e
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("engine: %s %s: %w", method, path, err)
	}
	return nil
}
