//go:build whole

package machine

import (
	"context"
	"testing"
	"time"
)

// byPage has an owner, in Chromium, look at the machine's services and stop one, restart the machine, and switch it off.
func (b *bench) byPage(t *testing.T) {
	t.Helper()
	b.browse(t, "services.mjs", password, nil)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.VM.Wait(ctx); err != nil {
		t.Error(err)
	}
}
