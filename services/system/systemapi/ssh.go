package systemapi

import (
	"context"
	"net/http"

	"vigie/internal/api"
)

// HostKeyPath is where the SSH service, and nobody else, gets the machine's private key (GET: HostKey). It is no part of the
// public API.
const HostKeyPath = "/v1/ssh/host-key"

// HostKey is the key by which the machine is known over SSH.
type HostKey struct {
	Key string `json:"key"` // private, in the form of OpenSSH
}

// As returns a client that asks in the name of a user of the web admin.
func (c *Client) As(user string) *Client { return &Client{c.ask.As(user)} }

// SSH returns how SSH is set.
func (c *Client) SSH(ctx context.Context) (api.SSH, error) {
	var out api.SSH
	err := c.ask.Call(ctx, http.MethodGet, "/v1/ssh", nil, &out)
	return out, err
}

// HostKey returns the machine's private key.
func (c *Client) HostKey(ctx context.Context) (HostKey, error) {
	var out HostKey
	err := c.ask.Call(ctx, http.MethodGet, HostKeyPath, nil, &out)
	return out, err
}
