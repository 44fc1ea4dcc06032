package mdns

import (
	"bufio"
	"context"
	"fmt"
	"io"
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

	"github.com/vishvananda/netlink"

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

// child answers for a name on all NICs, and says on standard output which it has. A line on standard input has it look at
// the addresses again.
func child(name string) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r := New(Config{Report: func(name string) { fmt.Println("name", name) }, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	look := func() {
		list, err := net.Interfaces()
		if err != nil {
			panic(err)
		}
		var on []Interface
		for _, nic := range list {
			if nic.Flags&net.FlagLoopback != 0 {
				continue
			}
			addrs, err := nic.Addrs()
			if err != nil {
				panic(err)
			}
			i := Interface{Index: nic.Index, Name: nic.Name}
			for _, a := range addrs {
				i.Prefixes = append(i.Prefixes, netip.MustParsePrefix(a.String()))
			}
			on = append(on, i)
		}
		r.Configure(name, 443, on)
		fmt.Println("looked")
	}
	look()
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			look()
		}
	}()
	if err := r.Run(ctx); err != nil {
		panic(err)
	}
}

// background starts a program that ends with the test.
func background(t *testing.T, env []string, name string, args ...string) (*bufio.Scanner, io.Writer) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env, cmd.Stderr = append(os.Environ(), env...), t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
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
	return bufio.NewScanner(out), in
}

// desk is a host with another implementation.
type desk struct {
	t   *testing.T
	ns  *netnstest.Namespace
	env []string
}

// newDesk starts Avahi for a name on an interface.
func newDesk(t *testing.T, ns *netnstest.Namespace, nic, name string) *desk {
	t.Helper()
	// It has a bus of its own; its folder below /run is in a mount namespace of its own too.
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
	avahiConfig := write("avahi.conf", "[server]\nhost-name="+name+"\nuse-ipv4=yes\nuse-ipv6=yes\nallow-interfaces="+nic+"\nenable-dbus=yes\n[publish]\npublish-workstation=no\n")
	ready, _ := background(t, nil, "dbus-daemon", "--config-file="+busConfig, "--nofork", "--nopidfile", "--print-address=1")
	if !ready.Scan() {
		t.Fatal("no bus")
	}
	d := &desk{t: t, ns: ns, env: []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus}}
	background(t, d.env, "ip", "netns", "exec", ns.Name, "unshare", "-m", "sh", "-c",
		"mount -t tmpfs none /run && exec avahi-daemon -f "+avahiConfig+" --no-drop-root --no-chroot --no-rlimits")
	return d
}

func (d *desk) ask(args ...string) string {
	ctx, cancel := context.WithTimeout(d.t.Context(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "ip", append([]string{"netns", "exec", d.ns.Name}, args...)...)
	cmd.Env = append(os.Environ(), d.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Sprintf("%v: %s", err, out)
	}
	return string(out)
}

func (d *desk) until(want string, args ...string) {
	d.t.Helper()
	got := ""
	for deadline := time.Now().Add(40 * time.Second); time.Now().Before(deadline); {
		if got = d.ask(args...); strings.Contains(got, want) {
			return
		}
	}
	d.t.Fatalf("%s: never %q; last %s", strings.Join(args, " "), want, got)
}

// TestAvahiFindsTheMachine has another implementation at the other end of a cable, which has the wanted name already.
func TestAvahiFindsTheMachine(t *testing.T) {
	machine, peer := netnstest.New(t, "mdns"), netnstest.New(t, "peer")
	netnstest.Wire(t, peer, "peer0", machine, "eth0")
	peer.Up(t, "peer0", "10.9.0.2/24")
	machine.Up(t, "eth0", "10.9.0.1/24")
	peer.Await(t, "peer0")
	machine.Await(t, "eth0")

	other := newDesk(t, peer, "peer0", "gate")
	other.until("10.9.0.2", "avahi-resolve", "-4n", "gate.local") // it has settled

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said, _ := background(t, []string{"MDNS_TEST_NAME=gate"}, "ip", "netns", "exec", machine.Name, self)
	for said.Scan() {
		if said.Text() == "name gate-2.local" {
			break
		}
		if said.Text() == "name gate.local" {
			t.Fatal("the machine took the name of another")
		}
	}
	other.until("10.9.0.1", "avahi-resolve", "-4n", "gate-2.local")
	other.until("fe80::", "avahi-resolve", "-6n", "gate-2.local")
	// =;interface;protocol;instance;type;domain;host;address;port;text
	other.until(`;Vigie\032gate-2;_https._tcp;local;gate-2.local;10.9.0.1;443;"path=/"`, "avahi-browse", "-rptk", "_https._tcp")
	other.until("10.9.0.2", "avahi-resolve", "-4n", "gate.local") // and the other still has its own
}

// TestTwoCardsOnOneWireKeepTheName: a machine hears itself there, by IPv6, and from addresses that nobody has told the responder of
// yet: the kernel gives a card its link-local one some time after the card has others.
func TestTwoCardsOnOneWireKeepTheName(t *testing.T) {
	machine, peer := netnstest.New(t, "mdns"), netnstest.New(t, "peer")
	peer.Do(t, func() error { return netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "wire"}}) })
	peer.Up(t, "wire", "10.9.0.2/24")
	for i, nic := range []string{"eth0", "eth1"} {
		port := fmt.Sprintf("port%d", i)
		netnstest.Wire(t, peer, port, machine, nic)
		peer.Do(t, func() error {
			bridge, err := netlink.LinkByName("wire")
			if err != nil {
				return err
			}
			l, err := netlink.LinkByName(port)
			if err != nil {
				return err
			}
			return netlink.LinkSetMaster(l, bridge)
		})
		peer.Up(t, port)
	}
	for i, nic := range []string{"eth0", "eth1"} {
		machine.Do(t, func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/"+nic+"/addr_gen_mode", []byte("1"), 0) }) // none
		machine.Up(t, nic, fmt.Sprintf("10.9.0.%d/24", 7+i))
	}
	peer.Await(t, "wire")
	other := newDesk(t, peer, "wire", "desk")
	other.until("10.9.0.2", "avahi-resolve", "-4n", "desk.local") // it has settled

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said, ask := background(t, []string{"MDNS_TEST_NAME=gate"}, "ip", "netns", "exec", machine.Name, self)
	if !said.Scan() || said.Text() != "looked" {
		t.Fatal(said.Text())
	}
	for i, nic := range []string{"eth0", "eth1"} {
		machine.Up(t, nic, fmt.Sprintf("fe80::%d/64", 7+i))
	}
	if !said.Scan() || said.Text() != "name gate.local" {
		t.Fatalf("the machine has no name, or another: %q", said.Text())
	}
	time.Sleep(2 * time.Second) // in which it could lose it
	if _, err := io.WriteString(ask, "look\n"); err != nil {
		t.Fatal(err)
	}
	var all []string
	for said.Scan() && said.Text() != "looked" {
		all = append(all, said.Text())
	}
	if len(all) > 0 {
		t.Errorf("the machine loses its name to itself: %s", strings.Join(all, ", "))
	}
	other.until(";gate.local;10.9.0.", "avahi-browse", "-rptk", "_https._tcp")
}
