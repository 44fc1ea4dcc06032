package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestInitLinksNoNetworkCode: PID 1 must not be able to parse what a network sent. A fault in it is a fault of the whole
// machine, and no supervisor restarts it. Package net is left out too (control and health use bare unix sockets), and
// os/exec, since only package reap may wait for children.
func TestInitLinksNoNetworkCode(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", ".")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	packages := strings.Fields(string(out))
	if len(packages) < 50 {
		t.Fatalf("only %d packages listed", len(packages))
	}
	for _, p := range packages {
		for _, forbidden := range []string{"net", "crypto/tls", "text/template", "html", "os/exec", "os/user", "plugin", "runtime/cgo"} {
			if p == forbidden || strings.HasPrefix(p, forbidden+"/") {
				t.Errorf("init links %s", p)
			}
		}
		if strings.HasPrefix(p, "vigie/services/") || strings.Contains(p, "vishvananda") {
			t.Errorf("init links %s", p)
		}
	}
}
