//go:build whole

package machine

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"testing"
)

// browse has a person's work done in a browser by a script; what it is told is in its first lines.
func (b *bench) browse(t *testing.T, script, password string, told map[string]string) {
	t.Helper()
	shots, err := filepath.Abs("../../build/shots")
	if err != nil {
		t.Fatal(err)
	}
	node, err := filepath.Abs("../../services/web/ui")
	if err != nil {
		t.Fatal(err)
	}
	// The machine is a slow one: each of its processors is made up by this one.
	job := map[string]any{"url": b.URL(), "username": owner, "password": password, "shots": shots, "node": node, "patience": 60_000}
	for name, value := range told {
		job[name] = value
	}
	argument, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", script, string(argument))
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	steps := 0
	for lines := bufio.NewScanner(out); lines.Scan(); steps++ {
		var line struct {
			Step, Error string
			MS          int
		}
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Error != "" {
			t.Errorf("%s: %s: %s %v", script, line.Step, line.Error, err)
		}
		t.Logf("%s: %s, %d ms", script, line.Step, line.MS)
	}
	if err := cmd.Wait(); err != nil || steps == 0 {
		t.Fatalf("%s ended with %v after %d steps", script, err, steps)
	}
}
