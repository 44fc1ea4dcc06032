package engineapi

import (
	"context"
	"encoding/json"
	"net/http"
)

// SettingsPath is where web, and nobody else, gets the engine's part of the configuration, passwords and all, and puts it. It is not in the
// public API.
const SettingsPath = "/v1/settings"

// MaxSettings bounds what is put there, in bytes.
const MaxSettings = 4 << 20

// Transfer is what a configuration that is brought does.
type Transfer struct {
	Changes []string `json:"changes"` // sentences; none: it is what there is
	LeftOut []string `json:"leftOut"` // sentences
}

// Settings returns the engine's part of the configuration, to be kept secret.
func (c *Client) Settings(ctx context.Context) (out json.RawMessage, err error) {
	err = c.ask.Call(ctx, http.MethodGet, SettingsPath, nil, &out)
	return out, err
}

// PutSettings puts the engine's part of a configuration in the place of the present one, all of it or nothing, and says what that
// changes; with dryRun it says what it would. The engine starts again with it.
func (c *Client) PutSettings(ctx context.Context, settings json.RawMessage, dryRun bool) (out Transfer, err error) {
	err = c.ask.Call(ctx, http.MethodPut, SettingsPath, map[string]any{"settings": settings, "dryRun": dryRun}, &out)
	return out, err
}
