// Package systemapi speaks to the system service over its unix socket: the typed form of the paths tagged "system" in
// internal/api/openapi.yaml. It is the only package of the system service that others may import.
//
// A Client holds no state but idle connections and may be used from many goroutines.
package systemapi

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"vigie/internal/api"
	"vigie/internal/ask"
)

// SettleWithin is how long a service waits for the machine's status to say that all disks present at boot have been looked at: longer
// than the system service waits for the only volume. Without its word there is no volume anyway.
const SettleWithin = 3 * time.Minute

// Client calls one system service. What it refuses is an *ask.Error.
type Client struct {
	ask *ask.Client
}

// New returns a client of the system service that listens on the unix socket; nothing is dialled yet.
func New(socket string) *Client { return &Client{ask.New("system", socket)} }

// Close drops idle connections.
func (c *Client) Close() { c.ask.Close() }

// Status returns the machine's state at once.
func (c *Client) Status(ctx context.Context) (api.Status, error) {
	var out api.Status
	err := c.ask.Call(ctx, http.MethodGet, "/v1/status", nil, &out)
	return out, err
}

// StatusAfter returns the machine's state once its revision differs from the given one, or unchanged after 30 s.
func (c *Client) StatusAfter(ctx context.Context, revision int64) (api.Status, error) {
	var out api.Status
	err := c.ask.Call(ctx, http.MethodGet, "/v1/status?after="+strconv.FormatInt(revision, 10), nil, &out)
	return out, err
}

// PutClock chooses the NTP servers; none means those that DHCP gives.
func (c *Client) PutClock(ctx context.Context, r api.ClockRequest) error {
	return c.ask.Call(ctx, http.MethodPut, "/v1/clock", r, nil)
}

// Network returns how the interfaces are set.
func (c *Client) Network(ctx context.Context) (api.Network, error) {
	var out api.Network
	err := c.ask.Call(ctx, http.MethodGet, "/v1/network", nil, &out)
	return out, err
}

// PutNetwork changes the network on trial, or says what that would do.
func (c *Client) PutNetwork(ctx context.Context, r api.NetworkRequest) (api.Plan, error) {
	var out api.Plan
	err := c.ask.Call(ctx, http.MethodPut, "/v1/network", r, &out)
	return out, err
}

// ConfirmNetwork keeps the network that is on trial.
func (c *Client) ConfirmNetwork(ctx context.Context) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/network/confirm", nil, nil)
}

// PutWebPort has the web admin listen at another port, on trial, or says what that would do.
func (c *Client) PutWebPort(ctx context.Context, r api.WebPortRequest) (api.Plan, error) {
	var out api.Plan
	err := c.ask.Call(ctx, http.MethodPut, "/v1/web-port", r, &out)
	return out, err
}

// ConfirmWebPort keeps the port that is on trial.
func (c *Client) ConfirmWebPort(ctx context.Context) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/web-port/confirm", nil, nil)
}

// FormatDisk starts making a disk a data volume; the progress is in the disk's operation.
func (c *Client) FormatDisk(ctx context.Context, disk string, r api.FormatRequest) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/disks/"+url.PathEscape(disk)+"/format", r, nil)
}

// Installation says on which disks the machine can be installed.
func (c *Client) Installation(ctx context.Context) (api.Installation, error) {
	var out api.Installation
	err := c.ask.Call(ctx, http.MethodGet, "/v1/installation", nil, &out)
	return out, err
}

// Install starts installing the machine on a disk; the progress is in the disk's operation.
func (c *Client) Install(ctx context.Context, disk string, r api.InstallRequest) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/disks/"+url.PathEscape(disk)+"/install", r, nil)
}

// MountMedium makes a removable disk ready to be written to; where is in the state then.
func (c *Client) MountMedium(ctx context.Context, medium string) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/media/"+url.PathEscape(medium)+"/mount", nil, nil)
}

// AnnounceRelay says at which ports the relay listens, so that the firewall opens them where the relay is open.
func (c *Client) AnnounceRelay(ctx context.Context, p api.RelayPorts) error {
	return c.ask.Call(ctx, http.MethodPut, "/v1/firewall/relay", p, nil)
}

// TellRecordingLag tells how long frames wait for their disks, while an array brings itself in order.
func (c *Client) TellRecordingLag(ctx context.Context, waited time.Duration) error {
	return c.ask.Call(ctx, http.MethodPut, "/v1/arrays/pace", api.RecordingLag{WaitedMs: waited.Milliseconds()}, nil)
}

// Power switches the machine off or restarts it.
func (c *Client) Power(ctx context.Context, action api.PowerRequestAction) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/power", api.PowerRequest{Action: action}, nil)
}

// ChangeVolume has a volume mounted, unmounted, checked, repaired.
func (c *Client) ChangeVolume(ctx context.Context, volume string, r api.VolumeChange) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/volumes/"+url.PathEscape(volume)+"/change", r, nil)
}

// ChangeArray has something done with an array, which goes on when it returns.
func (c *Client) ChangeArray(ctx context.Context, array string, r api.ArrayChange) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/arrays/"+url.PathEscape(array)+"/change", r, nil)
}

// StopService stops a service until it is started.
func (c *Client) StopService(ctx context.Context, service string) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(service)+"/stop", nil, nil)
}

// StartService starts a service that does not run.
func (c *Client) StartService(ctx context.Context, service string) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(service)+"/start", nil, nil)
}

// EjectMedium has a removable disk unmounted, so that it can be pulled.
func (c *Client) EjectMedium(ctx context.Context, medium string) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/media/"+url.PathEscape(medium)+"/eject", nil, nil)
}

// Update says which versions the machine has, and what is being done about another one.
func (c *Client) Update(ctx context.Context) (u api.Update, err error) {
	err = c.ask.Call(ctx, http.MethodGet, "/v1/update", nil, &u)
	return u, err
}

// FindUpdates mounts a USB disk and returns the updates on it that this machine can take, newest first.
func (c *Client) FindUpdates(ctx context.Context, medium string) (list []api.UpdateOffer, err error) {
	err = c.ask.Call(ctx, http.MethodPost, "/v1/update/media/"+url.PathEscape(medium), nil, &list)
	return list, err
}

// CopyUpdate begins to write an update from a USB disk to the slot that does not run.
func (c *Client) CopyUpdate(ctx context.Context, offer string) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/update/offers/"+url.PathEscape(offer)+"/copy", nil, nil)
}

// TryUpdate restarts the machine into the other slot, on trial.
func (c *Client) TryUpdate(ctx context.Context, r api.UpdateTry) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/update/try", r, nil)
}

// FactoryReset takes the machine back to how it came, and restarts it.
func (c *Client) FactoryReset(ctx context.Context, r api.FactoryReset) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/factory-reset", r, nil)
}

// RestartService restarts a service by name, in order or at once.
func (c *Client) RestartService(ctx context.Context, service string, atOnce bool) error {
	return c.ask.Call(ctx, http.MethodPost, "/v1/services/"+url.PathEscape(service)+"/restart", api.RestartRequest{AtOnce: atOnce}, nil)
}

// ServiceLog returns the newest lines of a service's log, oldest first.
func (c *Client) ServiceLog(ctx context.Context, service string) ([]string, error) {
	var out api.ServiceLog
	err := c.ask.Call(ctx, http.MethodGet, "/v1/services/"+url.PathEscape(service)+"/log", nil, &out)
	return out.Lines, err
}
