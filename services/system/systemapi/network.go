package systemapi

import (
	"context"
	"net/http"
)

// StartNetworkPath (POST) is where the text console has the cards switched on that rescue mode leaves off. It is not in the public API.
const StartNetworkPath = "/v1/network/start"

// StartNetwork switches the network on, as it is configured, until the restart; refused but in rescue mode.
func (c *Client) StartNetwork(ctx context.Context) error {
	return c.ask.Call(ctx, http.MethodPost, StartNetworkPath, nil, nil)
}
