//go:build whole

package machine

import (
	"context"
	"net/http"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/tools/lab"
)

// deadBattery is what a battery clock says that has lost its time.
const deadBattery = "2019-03-01T12:00:00"

// clockWasSet checks what a machine with a dead battery did about it: the clock was lifted to what is known to be past,
// then set once by the server, and both were said.
func (b *bench) clockWasSet(t *testing.T) {
	t.Helper()
	var past api.ClockHistory
	if err := b.Call(t.Context(), http.MethodGet, "/clock/history", nil, &past); err != nil {
		t.Fatal(err)
	}
	if len(past.Steps) != 2 {
		t.Fatalf("the clock was set %d times: %+v", len(past.Steps), past.Steps)
	}
	lift, set := past.Steps[0], past.Steps[1]
	if year := time.UnixMilli(lift.BeforeMs).UTC().Year(); lift.Server != "" || year != 2019 {
		t.Errorf("first it was lifted: %+v", lift)
	}
	if since := time.Since(time.UnixMilli(set.AfterMs)); set.Server != lab.Host().String() || since < 0 || since > 10*time.Minute {
		t.Errorf("then it was set, %v ago: %+v", since, set)
	}
	text := b.VM.Console().Text()
	for _, line := range []string{"clock: it was 2019-03-01 12:", "clock: set from "} {
		if !strings.Contains(text, line) {
			t.Errorf("the console has no line %q", line)
		}
	}
}

// servesTime switches the time server on, and has a chrony in the lab compare its clock, which is this machine's, with it.
func (b *bench) servesTime(t *testing.T) {
	t.Helper()
	if err := b.Call(t.Context(), http.MethodPut, "/time-server", api.TimeServerSettings{Enabled: true}, nil); err != nil {
		t.Fatal(err)
	}
	var server api.TimeServer
	b.until(t, said, "the time server is on", func(ctx context.Context) (bool, error) {
		err := b.Call(ctx, http.MethodGet, "/time-server", nil, &server)
		return met(err == nil && server.Settings.Enabled && server.Problem == "" && server.Leap == api.TimeServerLeapNone, err, server)
	})
	ask := exec.CommandContext(t.Context(), "ip", "netns", "exec", b.Lab.Name(), "chronyd", "-Q", "-t", "30", "-u", "root",
		"server "+lab.MachineAt(0).Addr.String()+" iburst", "cmdport 0", "bindcmdaddress /", "pidfile "+filepath.Join(t.TempDir(), "pid"))
	out, err := ask.CombinedOutput()
	found := regexp.MustCompile(`System clock wrong by ([-0-9.]+) seconds`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("chrony has no time of the machine: %v\n%s", err, out)
	}
	off, err := strconv.ParseFloat(string(found[1]), 64)
	t.Logf("chrony finds the machine's clock %.3f ms off", off*1000)
	if err != nil || max(off, -off) > 0.1 { // of a machine in software emulation whose host has other work
		t.Errorf("off by %v s, %v", off, err)
	}
	if err := b.Call(t.Context(), http.MethodGet, "/time-server", nil, &server); err != nil {
		t.Fatal(err)
	}
	if server.Stratum != 9 || len(server.Clients) != 1 || server.Clients[0].Address != lab.Host().String() { // the lab's has 8
		t.Errorf("the time server is %+v", server)
	}
}
