package appliance

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/coder/websocket"
)

// Watch watches a camera live, as a browser does, until that many pictures have come.
func (c *Client) Watch(ctx context.Context, camera string, pictures int) error {
	conn, _, err := websocket.Dial(ctx, c.base+"/api/v1/cameras/"+camera+"/live?audio=false", &websocket.DialOptions{HTTPClient: c.http, HTTPHeader: http.Header{"Origin": {c.base}}})
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	conn.SetReadLimit(64 << 20)
	var told string
	for initial := false; pictures > 0; {
		kind, b, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("%d pictures have not come (%s): %w", pictures, told, err)
		}
		switch {
		case kind == websocket.MessageText:
			told = string(b)
			initial = initial || strings.Contains(told, `"init"`)
		case initial:
			initial = false
		default:
			var parts fmp4.Parts
			if err := parts.Unmarshal(b); err != nil {
				return err
			}
			for _, p := range parts {
				for _, track := range p.Tracks {
					pictures -= len(track.Samples)
				}
			}
		}
	}
	return conn.Close(websocket.StatusNormalClosure, "")
}
