package mdns

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"vigie/services/system/internal/netnstest"
)

// TestMain runs a responder itself when the test binary is started inside a namespace.
func TestMain(m *testing.M) {
	if name := os.Getenv("MDNS_TEST_NAME"); name != "" {
		child(name)
		return
	}
	os.Exit(m.Run())
}

// child answers for a name on NIC eth0, and says on standard output which it has.
func child(name string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	nic, err := net.InterfaceByName("eth0")
	if err != nil {
		panic(err)
	}
	addrs, err := nic.Addrs()
	if err != nil {
		panic(err)
	}
	var prefixes []netip.Prefix
	for _, a := range addrs {
		prefixes = append(prefixes, netip.MustParsePrefix(a.String()))
	}
	r := New(Config{Report: func(name string) { fmt.Println("name", name) }, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	r.Configure(name, 443, []Interface{{Index: nic.Index, Name: nic.Name, Prefixes: prefixes}})
	if err := r.Run(ctx); err != nil {
		panic(err)
	}
}

// background starts a program that ends with the test.
func background(t *testing.T, env []string, name string, args ...string) *bufio.Scanner {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return bufio.NewScanner(out)
}

// TestAvahiFindsTheMachine has another implementation at the other end of a cable, which has the wanted name already.
func TestAvahiFindsTheMachine(t *testing.T) {
	machine, peer := netnstest.New(t, "mdns"), netnstest.New(t, "peer")
	netnstest.Wire(t, peer, "peer0", machine, "eth0")
	peer.Up(t, "peer0", "10.9.0.2/24")
	machine.Up(t, "eth0", "10.9.0.1/24")
	peer.Await(t, "peer0")
	machine.Await(t, "eth0")

	// Avahi with a bus of its own: its folder below /run is in a mount namespace of its own too.
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	bus := "unix:path=" + filepath.Join(dir, "bus")
	busConfig := write("bus.conf", `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><listen>`+bus+`</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy></busconfig>`)
	avahiConfig := write("avahi.conf", "[server]\nhost-name=gate\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces=peer0\nenable-dbus=yes\n[publish]\npublish-workstation=no\n")
	ready := background(t, nil, "dbus-daemon", "--config-file="+busConfig, "--nofork", "--nopidfile", "--print-address=1")
	if !ready.Scan() {
		t.Fatal("no bus")
	}
	env := []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus}
	background(t, env, "ip", "netns", "exec", peer.Name, "unshare", "-m", "sh", "-c",
		"mount -t tmpfs none /run && exec avahi-daemon -f "+avahiConfig+" --no-drop-root --no-chroot --no-rlimits")
	ask := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", peer.Name}, args...)...)
		cmd.Env = append(os.Environ(), env...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			return fmt.Sprintf("%v: %s", err, out)
		}
		return string(out)
	}
	until := func(want string, args ...string) {
		t.Helper()
		got := ""
		for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); {
			if got = ask(args...); strings.Contains(got, want) {
				return
			}
		}
		t.Fatalf("%s: never %q; last %s", strings.Join(args, " "), want, got)
	}
	until("10.9.0.2", "avahi-resolve", "-4n", "gate.local") // it has settled

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said := background(t, []string{"MDNS_TEST_NAME=gate"}, "ip", "netns", "exec", machine.Name, self)
	for said.Scan() {
		if said.Text() == "name gate-2.local" {
			break
		}
		if said.Text() == "name gate.local" {
			t.Fatal("the machine took the name of another")
		}
	}
	until("10.9.0.1", "avahi-resolve", "-4n", "gate-2.local")
	until("fe80::", "avahi-resolve", "-6n", "gate-2.local")
	// =;interface;protocol;instance;type;domain;host;address;port;text
	until(`;Vigie\032gate-2;_https._tcp;local;gate-2.local;10.9.0.1;443;"path=/"`, "avahi-browse", "-rptk", "_https._tcp")
	until("10.9.0.2", "avahi-resolve", "-4n", "gate.local") // and the other still has its own
}
