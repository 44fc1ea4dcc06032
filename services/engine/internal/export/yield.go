package export

import (
	"context"
	"time"
)

const (
	// late is how long frames may wait for their disk before exports stand back; a round of writing begins every 300 ms.
	late = 700 * time.Millisecond
	// standBack is between looks whether they are in time again.
	standBack = 50 * time.Millisecond
)

// wait waits while recording is late.
func wait(ctx context.Context, a Archive) error {
	for a.Behind() > late {
		t := time.NewTimer(standBack)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		}
	}
	return ctx.Err()
}
