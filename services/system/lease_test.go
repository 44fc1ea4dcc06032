package system_test

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/internal/api"
	"vigie/services/system"
	"vigie/services/system/internal/netnstest"
	"vigie/services/system/systemapi"
)

// TestMain is also the service itself, when it is started inside a namespace.
func TestMain(m *testing.M) {
	dir := os.Getenv("SYSTEM_TEST_DIR")
	if dir == "" {
		os.Exit(m.Run())
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	err := system.Run(ctx, []string{"-observe", "-network", "-init", "", "-socket", filepath.Join(dir, "api"), "-run", filepath.Join(dir, "run"), "-resolv", filepath.Join(dir, "resolv.conf")}, os.Stderr, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// inside starts a program in a namespace, until the test ends.
func inside(t *testing.T, n *netnstest.Namespace, env []string, program string, args ...string) *exec.Cmd {
	t.Helper()
	c := exec.Command("ip", append([]string{"netns", "exec", n.Name, program}, args...)...)
	c.Env = append(os.Environ(), env...)
	c.Stdout, c.Stderr = t.Output(), t.Output()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { end(c) })
	return c
}

func end(c *exec.Cmd) {
	if c.ProcessState == nil {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
}

// TestALeaseThatEndsLeavesAnAddressOfTheLink has BusyBox's DHCP server give a lease of ten seconds, and then go.
func TestALeaseThatEndsLeavesAnAddressOfTheLink(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "system") // t.TempDir is too long for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	servers, machine := netnstest.New(t, "leases"), netnstest.New(t, "leased")
	netnstest.Wire(t, servers, "s0", machine, "eth0")
	servers.Up(t, "s0", "10.97.0.1/24")
	conf := filepath.Join(dir, "udhcpd.conf")
	text := fmt.Sprintf("start 10.97.0.50\nend 10.97.0.60\ninterface s0\nlease_file %[1]s/leases\npidfile %[1]s/pid\nmin_lease 5\nopt subnet 255.255.255.0\nopt router 10.97.0.1\nopt dns 10.97.0.1\nopt lease 10\n", dir)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	serve := func() *exec.Cmd { return inside(t, servers, nil, "busybox", "udhcpd", "-f", conf) }
	server := serve()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	inside(t, machine, []string{"SYSTEM_TEST_DIR=" + dir}, self)
	client := systemapi.New(filepath.Join(dir, "api"))
	t.Cleanup(client.Close)
	until := func(what string, ok func(n api.Interface) bool) api.Interface {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		var last api.Interface
		found := false
		_ = client.Watch(ctx, func(s api.Status) { // it ends with ctx alone
			for _, n := range s.Interfaces {
				if n.Device == "eth0" {
					last = n
				}
			}
			if found = found || ok(last); found {
				cancel()
			}
		})
		if !found {
			t.Fatalf("never %s: %+v", what, last)
		}
		return last
	}
	has := func(n api.Interface, network string) bool {
		return len(n.Addresses) == 1 && netip.MustParsePrefix(network).Contains(netip.MustParsePrefix(n.Addresses[0]).Addr())
	}
	leased := func(n api.Interface) bool {
		return n.Dhcp.Status == api.DhcpStatusBound && has(n, "10.97.0.0/24") && n.Gateway == "10.97.0.1"
	}

	first := until("a lease", leased)
	until("renewed", func(n api.Interface) bool { return leased(n) && n.Dhcp.LeaseEndMs > first.Dhcp.LeaseEndMs })
	end(server)
	ending := until("a lease that is not renewed", func(n api.Interface) bool { return n.Dhcp.Status == api.DhcpStatusRenewing })
	if !has(ending, "10.97.0.0/24") || ending.Dhcp.LeaseEndMs == 0 {
		t.Errorf("before its end: %+v", ending)
	}
	gone := until("its end", func(n api.Interface) bool { return n.Dhcp.Status == api.DhcpStatusFailed && len(n.Addresses) == 0 })
	if late := time.Since(time.UnixMilli(ending.Dhcp.LeaseEndMs)); late < 0 || late > 5*time.Second || gone.Gateway != "" || !strings.Contains(gone.Dhcp.Reason, "lease has ended") {
		t.Errorf("%v after its end: %+v", late, gone)
	}
	routes, err := exec.Command("ip", "-4", "-n", machine.Name, "route").CombinedOutput()
	if err != nil || strings.Contains(string(routes), "10.97.0") {
		t.Errorf("routes after its end: %s, %v", routes, err)
	}
	until("an address of the link", func(n api.Interface) bool { return has(n, "169.254.0.0/16") })
	serve()
	until("a lease again, and no other address", leased)
}
