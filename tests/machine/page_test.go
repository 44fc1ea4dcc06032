//go:build whole

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// byPage has an owner, in Chromium, look at the machine's services and stop one, restart the machine, and switch it off.
func (b *bench) byPage(t *testing.T) {
	t.Helper()
	shots, err := filepath.Abs("../../build/shots/services")
	if err == nil {
		err = errors.Join(os.RemoveAll(shots), os.MkdirAll(shots, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	node, err := filepath.Abs("../../services/web/ui")
	if err != nil {
		t.Fatal(err)
	}
	job, err := json.Marshal(map[string]string{"url": b.URL(), "username": owner, "password": password, "shots": shots, "node": node})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, "node", "services.mjs", string(job)).CombinedOutput()
	t.Logf("%s", out)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := b.VM.Wait(ctx); err != nil {
		t.Error(err)
	}
}
