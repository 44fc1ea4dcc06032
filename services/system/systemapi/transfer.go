package systemapi

import (
	"context"
	"net/http"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

// SettingsPath is where web gets the machine's configuration as a whole, and puts it. It is not in the public API.
const SettingsPath = "/v1/settings"

// MaxSettings bounds what is put there, in bytes.
const MaxSettings = 2 * sysconfig.MaxSize

// Transfer asks for a configuration, which may be another machine's, to be put in the place of the present one.
type Transfer struct {
	Config sysconfig.Config `json:"config"`
	DryRun bool             `json:"dryRun,omitempty"`
	// Steady leaves out what would be on trial, for when nobody is there to confirm it.
	Steady bool `json:"steady,omitempty"`
}

// Transferred says what that changes.
type Transferred struct {
	Changes []string `json:"changes"` // sentences; none: it is what there is
	LeftOut []string `json:"leftOut"` // sentences
	// Plan is what becomes of the network, and where the machine is found then. That goes on trial.
	Plan api.Plan `json:"plan"`
}

// Settings returns the machine's configuration.
func (c *Client) Settings(ctx context.Context) (out sysconfig.Config, err error) {
	err = c.ask.Call(ctx, http.MethodGet, SettingsPath, nil, &out)
	return out, err
}

// PutSettings does it, or says what it would do.
func (c *Client) PutSettings(ctx context.Context, r Transfer) (out Transferred, err error) {
	err = c.ask.Call(ctx, http.MethodPut, SettingsPath, r, &out)
	return out, err
}

// With returns a client that asks in the name of a user of the web admin who reached the machine as the headers say (gateway's).
func (c *Client) With(header http.Header) *Client { return &Client{ask: c.ask.With(header)} }
