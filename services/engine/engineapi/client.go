// Package engineapi speaks to the engine over its unix socket: the typed form of the paths tagged "engine" in
// internal/api/openapi.yaml. It is the only package of the engine that others may import.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package engineapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"

	"vigie/internal/api"
	"vigie/internal/ask"
)

// Client calls one engine. Refusals are *ask.Error.
type Client struct{ ask *ask.Client }

// New returns a client of the engine that listens on the unix socket; nothing is dialled yet.
func New(socket string) *Client { return &Client{ask: ask.New("engine", socket)} }

// Close drops idle connections.
func (c *Client) Close() { c.ask.Close() }

// Cameras lists all cameras with their states.
func (c *Client) Cameras(ctx context.Context) ([]api.Camera, error) {
	var out []api.Camera
	err := c.ask.Call(ctx, http.MethodGet, "/v1/cameras", nil, &out)
	return out, err
}

// AddCamera adds a camera and returns it with its id.
func (c *Client) AddCamera(ctx context.Context, r api.CameraRequest) (api.Camera, error) {
	var out api.Camera
	err := c.ask.Call(ctx, http.MethodPost, "/v1/cameras", r, &out)
	return out, err
}

// PutCamera replaces a camera's settings.
func (c *Client) PutCamera(ctx context.Context, id string, r api.CameraRequest) (api.Camera, error) {
	var out api.Camera
	err := c.ask.Call(ctx, http.MethodPut, "/v1/cameras/"+url.PathEscape(id), r, &out)
	return out, err
}

// Trigger starts, or extends, alarm recording of a camera, and says whether it does.
func (c *Client) Trigger(ctx context.Context, id string, r api.TriggerRequest) (api.TriggerAnswer, error) {
	var out api.TriggerAnswer
	err := c.ask.Call(ctx, http.MethodPost, "/v1/cameras/"+url.PathEscape(id)+"/triggers", r, &out)
	return out, err
}

// Force has a camera recorded for so many seconds from now on.
func (c *Client) Force(ctx context.Context, id string, seconds int) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/cameras/"+url.PathEscape(id)+"/forced", api.ForcedRequest{Seconds: seconds}, nil)
}

// Timeline returns what a camera has between two instants (milliseconds since the Unix epoch).
func (c *Client) Timeline(ctx context.Context, id string, fromMs, toMs int64) (api.Timeline, error) {
	var out api.Timeline
	q := url.Values{"fromMs": {strconv.FormatInt(fromMs, 10)}, "toMs": {strconv.FormatInt(toMs, 10)}}
	err := c.ask.Call(ctx, http.MethodGet, "/v1/cameras/"+url.PathEscape(id)+"/timeline?"+q.Encode(), nil, &out)
	return out, err
}

// Recording returns the archive's volumes, index copies and totals.
func (c *Client) Recording(ctx context.Context) (api.Recording, error) {
	var out api.Recording
	err := c.ask.Call(ctx, http.MethodGet, "/v1/recording", nil, &out)
	return out, err
}

// PutRecordingVolume changes what is set of a volume.
func (c *Client) PutRecordingVolume(ctx context.Context, id string, r api.RecordingVolumeRequest) error {
	return c.ask.Call(ctx, http.MethodPut, "/v1/recording/volumes/"+url.PathEscape(id), r, nil)
}

// Repair tells how the repair of the database stands that runs, or ran last.
func (c *Client) Repair(ctx context.Context) (api.Repair, error) {
	var out api.Repair
	err := c.ask.Call(ctx, http.MethodGet, "/v1/recording/repair", nil, &out)
	return out, err
}

// RepairDatabase has the database checked or built anew.
func (c *Client) RepairDatabase(ctx context.Context, r api.RepairRequest) (api.Repair, error) {
	var out api.Repair
	err := c.ask.Call(ctx, http.MethodPost, "/v1/recording/repair", r, &out)
	return out, err
}

// SetRelay changes the settings of the relay.
func (c *Client) SetRelay(ctx context.Context, s api.RelaySettings) (api.Relay, error) {
	var out api.Relay
	err := c.ask.Call(ctx, http.MethodPut, "/v1/relay", s, &out)
	return out, err
}

// Relay returns the settings of the relay and how it is.
func (c *Client) Relay(ctx context.Context) (api.Relay, error) {
	var out api.Relay
	err := c.ask.Call(ctx, http.MethodGet, "/v1/relay", nil, &out)
	return out, err
}

// AddRelayAccount adds an account of the relay and returns it with its password.
func (c *Client) AddRelayAccount(ctx context.Context, r api.RelayAccountRequest) (api.RelayAccountSecret, error) {
	var out api.RelayAccountSecret
	err := c.ask.Call(ctx, http.MethodPost, "/v1/relay/accounts", r, &out)
	return out, err
}

// RelayReaders lists who reads from the relay now.
func (c *Client) RelayReaders(ctx context.Context) ([]api.RelayReader, error) {
	var out []api.RelayReader
	err := c.ask.Call(ctx, http.MethodGet, "/v1/relay/readers", nil, &out)
	return out, err
}
