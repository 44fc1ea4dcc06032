package systemapi

import (
	"context"
	"time"

	"vigie/internal/api"
)

const (
	// watchPause follows each answer, so that a machine in turmoil costs its watchers no more than a few polls a second.
	watchPause    = 200 * time.Millisecond
	watchBackoff  = 500 * time.Millisecond
	watchMaxPause = 5 * time.Second
)

// Watch calls fn with the machine's state now and after every change, one call at a time, until ctx is cancelled; it
// returns ctx's error. Changes that come while fn runs are seen as one. While the service does not answer (it starts,
// or is restarted) Watch tries again with growing pauses and keeps quiet; fn's last state then still stands.
func (c *Client) Watch(ctx context.Context, fn func(api.Status)) error {
	var seen int64
	var known bool
	pause := watchBackoff
	for {
		status, err := api.Status{}, error(nil)
		if known {
			status, err = c.StatusAfter(ctx, seen)
		} else {
			status, err = c.Status(ctx)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := watchPause
		switch {
		case err != nil:
			wait, pause = pause, min(2*pause, watchMaxPause)
		case !known || status.Revision != seen:
			seen, known, pause = status.Revision, true, watchBackoff
			fn(status)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
