package engine

import (
	"context"
	"slices"
	"time"

	"vigie/internal/api"
)

// lagEvery is between two words to the system service about how far recording is behind.
const lagEvery = time.Second

// tellLag tells the system service how far recording is behind for as long as an array brings itself in order, which
// stands back for recording then, until ctx ends. Where it is not told, the array goes by how its disks do.
func tellLag(ctx context.Context, state func() (api.Status, <-chan struct{}), behind func() time.Duration, tell func(context.Context, time.Duration) error) {
	for {
		status, changed := state()
		var next <-chan time.Time
		if slices.ContainsFunc(status.Arrays, func(a api.Array) bool { return a.Sync.Action != "" }) {
			call, cancel := context.WithTimeout(ctx, lagEvery)
			_ = tell(call, behind())
			cancel()
			next = time.After(lagEvery)
			changed = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-next:
		case <-changed:
		}
	}
}
