package network

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/netnstest"
)

// TestMain runs the manager itself when the test binary is started inside a namespace.
func TestMain(m *testing.M) {
	if os.Getenv("NETWORK_TEST_RESOLV") != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// seen is what the child tells about its NICs, one JSON line a change.
type seen struct {
	NICs []api.Interface
	DNS  []string
	NTP  []string
}

type teller struct {
	out *json.Encoder
	now seen
}

func (t *teller) SetInterfaces(v []api.Interface) {
	t.now.NICs = v
	_ = t.out.Encode(t.now)
}
func (t *teller) SetDNSServers(v []string) { t.now.DNS = v }

func child() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	tell := &teller{out: json.NewEncoder(os.Stdout)}
	m := New(Config{
		Resolv: os.Getenv("NETWORK_TEST_RESOLV"), Observe: os.Getenv("NETWORK_TEST_RESCUE") != "", Rescue: true, Hostname: func() string { return "gate" },
		Offered: func(s []string) { tell.now.NTP = s; _ = tell.out.Encode(tell.now) },
		Ours:    func(l netlink.Link) bool { return l.Type() == "veth" },
		Console: console.New(os.Stderr), Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	}, tell)
	go func() { // a configuration a line
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var n sysconfig.Network
			if err := json.Unmarshal(lines.Bytes(), &n); err != nil {
				panic(err)
			}
			m.Configure(n)
			m.Release()
		}
	}()
	on := make(chan os.Signal, 1)
	signal.Notify(on, syscall.SIGUSR1)
	go func() {
		<-on
		m.SwitchOn()
	}()
	if err := m.Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// lab is two namespaces: one with DHCP servers, one with the appliance; a wire for each NIC.
type lab struct {
	t                *testing.T
	servers, machine string
	resolv, leases   string
	states           chan seen
	child            *exec.Cmd
	configs          io.Writer // of the child
	dnsmasq          *exec.Cmd
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func newLab(t *testing.T, wires int) *lab {
	t.Helper()
	l := &lab{t: t, servers: netnstest.New(t, "servers").Name, machine: netnstest.New(t, "machine").Name, resolv: filepath.Join(t.TempDir(), "resolv.conf"), leases: filepath.Join(t.TempDir(), "leases"), states: make(chan seen, 1024)}
	for i := range wires {
		s, m := fmt.Sprintf("s%d", i), fmt.Sprintf("eth%d", i)
		run(t, "ip", "-n", l.servers, "link", "add", s, "type", "veth", "peer", "name", m, "netns", l.machine)
		run(t, "ip", "-n", l.servers, "link", "set", s, "up")
	}
	return l
}

// serve starts dnsmasq on the first wire with addresses of the given network; T1 is 1 s, T2 3 s.
func (l *lab) serve(network string, more ...string) {
	l.t.Helper()
	l.serveAt(network, "1", more...)
}

// serveAt starts one as the given host of the network.
func (l *lab) serveAt(network, host string, more ...string) {
	l.t.Helper()
	run(l.t, "ip", "-4", "-n", l.servers, "addr", "flush", "dev", "s0")
	run(l.t, "ip", "-n", l.servers, "addr", "add", network+"."+host+"/24", "dev", "s0")
	l.dnsmasq = exec.Command("ip", append([]string{"netns", "exec", l.servers, "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null",
		"--user=root", "--port=0", "--interface=s0", "--pid-file=", "--dhcp-authoritative", "--no-ping", "--log-facility=-",
		"--dhcp-leasefile=" + l.leases, "--dhcp-range=" + network + ".50," + network + ".60,2m", "--dhcp-option=option:dns-server," + network + ".1",
		"--dhcp-option=option:ntp-server," + network + ".1", "--dhcp-option=option:domain-search,cameras.example",
		"--dhcp-option=option:T1,1", "--dhcp-option=option:T2,3", "--log-dhcp"}, more...)...)
	l.dnsmasq.Stderr = l.t.Output()
	if err := l.dnsmasq.Start(); err != nil {
		l.t.Fatal(err)
	}
	d := l.dnsmasq
	l.t.Cleanup(func() { l.end(d) })
}

func (l *lab) end(c *exec.Cmd) {
	if c.ProcessState == nil {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
}

// boot starts the appliance's side with a configuration.
func (l *lab) boot(n sysconfig.Network) {
	l.t.Helper()
	self, err := os.Executable()
	if err != nil {
		l.t.Fatal(err)
	}
	l.child = exec.Command("ip", "netns", "exec", l.machine, self)
	l.child.Env = append(os.Environ(), "NETWORK_TEST_RESOLV="+l.resolv)
	l.child.Stderr = l.t.Output()
	out, err := l.child.StdoutPipe()
	if err != nil {
		l.t.Fatal(err)
	}
	if l.configs, err = l.child.StdinPipe(); err != nil {
		l.t.Fatal(err)
	}
	if err := l.child.Start(); err != nil {
		l.t.Fatal(err)
	}
	c := l.child
	l.configure(n)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var s seen
			if json.Unmarshal(lines.Bytes(), &s) == nil {
				l.states <- s
			}
		}
	}()
	l.t.Cleanup(func() { l.end(c) })
}

// configure hands the appliance a configuration.
func (l *lab) configure(n sysconfig.Network) {
	l.t.Helper()
	if err := n.Validate(); err != nil {
		l.t.Fatal(err)
	}
	if err := json.NewEncoder(l.configs).Encode(n); err != nil {
		l.t.Fatal(err)
	}
}

// id is a NIC's id in the configuration.
func (l *lab) id(device string) string {
	l.t.Helper()
	return strings.TrimSpace(run(l.t, "ip", "netns", "exec", l.machine, "cat", "/sys/class/net/"+device+"/address"))
}

// until waits for a state.
func (l *lab) until(what string, ok func(seen) bool) seen {
	l.t.Helper()
	deadline := time.After(40 * time.Second)
	var last seen
	for {
		select {
		case last = <-l.states:
			if ok(last) {
				return last
			}
		case <-deadline:
			l.t.Fatalf("never %s: %+v", what, last)
		}
	}
}

func (s seen) nic(name string) api.Interface {
	for _, n := range s.NICs {
		if n.Device == name {
			return n
		}
	}
	return api.Interface{}
}

func boundIn(network string) func(seen) bool {
	return func(s seen) bool {
		n := s.nic("eth0")
		return n.Dhcp.Status == api.DhcpStatusBound && len(n.Addresses) == 1 && strings.HasPrefix(n.Addresses[0], network+".")
	}
}

func TestALeaseIsTakenRenewedAndOutlivesItsServer(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	l.serve("10.99.0")
	l.boot(sysconfig.Network{})

	s := l.until("bound", func(s seen) bool { return boundIn("10.99.0")(s) && len(s.NTP) == 1 && len(s.DNS) == 1 })
	n := s.nic("eth0")
	if n.Gateway != "10.99.0.1" || n.Dhcp.Server != "10.99.0.1" || n.Dhcp.LeaseEndMs == 0 || !n.Carrier || !slices.Equal(s.NTP, []string{"10.99.0.1"}) || !slices.Equal(s.DNS, []string{"10.99.0.1"}) {
		t.Errorf("got %+v", s)
	}
	if b, err := os.ReadFile(l.resolv); err != nil || !strings.Contains(string(b), "search cameras.example\nnameserver 10.99.0.1\n") {
		t.Errorf("resolv.conf %q, %v", b, err)
	}
	if b, err := os.ReadFile(l.leases); err != nil || !strings.Contains(string(b), " gate ") {
		t.Errorf("the server does not know our name: %q, %v", b, err)
	}
	routes := run(t, "ip", "-n", l.machine, "route")
	for _, want := range []string{"default via 10.99.0.1 dev eth0 proto dhcp", "10.99.0.0/24 dev eth0 proto dhcp scope link"} {
		if !strings.Contains(routes, want) {
			t.Errorf("no route %q in\n%s", want, routes)
		}
	}

	renewed := l.until("renewed", func(s seen) bool { return s.nic("eth0").Dhcp.LeaseEndMs > n.Dhcp.LeaseEndMs })
	if got := renewed.nic("eth0"); got.Dhcp.Status != api.DhcpStatusBound || got.Addresses[0] != n.Addresses[0] {
		t.Errorf("renewed to %+v", got)
	}

	l.end(l.dnsmasq)
	s = l.until("missing the server, and none on the other NIC", func(s seen) bool {
		other := s.nic("eth1").Dhcp
		return s.nic("eth0").Dhcp.Status == api.DhcpStatusRenewing && other.Status == api.DhcpStatusFailed && strings.Contains(other.Reason, "No DHCP server")
	})
	if got := s.nic("eth0"); len(got.Addresses) != 1 || got.Dhcp.Reason == "" || got.Gateway == "" {
		t.Errorf("the lease has not ended, but: %+v", got)
	}
	l.serve("10.99.0")
	l.until("back", boundIn("10.99.0"))
}

// TestAnotherServerTakesALeaseOver: the one that gave it is gone, so that it is asked for in vain by unicast (T1) and then of
// all (T2); another server of the same network, which has never heard of it, grants it.
func TestAnotherServerTakesALeaseOver(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	l.serve("10.99.0")
	l.boot(sysconfig.Network{})
	first := l.until("bound", boundIn("10.99.0")).nic("eth0")
	l.end(l.dnsmasq)
	l.until("missing the server", func(s seen) bool { return s.nic("eth0").Dhcp.Status == api.DhcpStatusRenewing })
	l.leases = filepath.Join(t.TempDir(), "leases")
	l.serveAt("10.99.0", "2")
	after := l.until("bound again", func(s seen) bool {
		n := s.nic("eth0")
		if len(n.Addresses) != 1 || n.Addresses[0] != first.Addresses[0] {
			t.Errorf("meanwhile: %+v", n)
		}
		return boundIn("10.99.0")(s)
	}).nic("eth0")
	if after.Dhcp.Server != "10.99.0.2" || after.Gateway != "10.99.0.2" || after.Dhcp.LeaseEndMs <= first.Dhcp.LeaseEndMs {
		t.Errorf("first %+v, then %+v", first, after)
	}
	if routes := run(t, "ip", "-n", l.machine, "route"); strings.Contains(routes, "10.99.0.1 ") || !strings.Contains(routes, "default via 10.99.0.2") {
		t.Errorf("routes by the second server:\n%s", routes)
	}
	l.until("renewed by its new server", func(s seen) bool {
		return s.nic("eth0").Dhcp.LeaseEndMs > after.Dhcp.LeaseEndMs && boundIn("10.99.0")(s)
	})
}

// TestARefusedLeaseIsGivenUp: another network on the same wire, whose server refuses the old address.
func TestARefusedLeaseIsGivenUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	l.serve("10.99.0")
	l.boot(sysconfig.Network{})
	l.until("bound", boundIn("10.99.0"))
	l.end(l.dnsmasq)
	l.serve("10.99.7")
	l.until("moved", boundIn("10.99.7"))
	if routes := run(t, "ip", "-n", l.machine, "route"); strings.Contains(routes, "10.99.0") || !strings.Contains(routes, "default via 10.99.7.1") {
		t.Errorf("routes after the move:\n%s", routes)
	}
}

func TestLinksNICsAndTheServiceComeAndGo(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	l.serve("10.99.7")
	l.boot(sysconfig.Network{})
	s := l.until("bound", boundIn("10.99.7"))
	first := s.nic("eth0").Addresses[0]

	run(t, "ip", "-n", l.servers, "link", "set", "s0", "down")
	s = l.until("without link", func(s seen) bool { return !s.nic("eth0").Carrier })
	if got := s.nic("eth0").Dhcp; got.Status != api.DhcpStatusWaiting || !strings.Contains(got.Reason, "cable") {
		t.Errorf("got %+v", got)
	}
	run(t, "ip", "-n", l.servers, "link", "set", "s0", "up")
	s = l.until("confirmed", boundIn("10.99.7"))
	if got := s.nic("eth0").Addresses[0]; got != first {
		t.Errorf("address %s, had %s", got, first)
	}

	t.Run("a restarted service keeps the address", func(t *testing.T) {
		l.end(l.child)
		if out := run(t, "ip", "-n", l.machine, "addr"); !strings.Contains(out, first) {
			t.Fatalf("the address went with the service:\n%s", out)
		}
		for len(l.states) > 0 {
			<-l.states
		}
		l.boot(sysconfig.Network{})
		for gone := false; !gone; {
			l.until("bound again", func(s seen) bool {
				if len(s.nic("eth0").Addresses) != 1 {
					t.Errorf("without address meanwhile: %+v", s)
				}
				gone = boundIn("10.99.7")(s)
				return gone
			})
		}
	})
	t.Run("a NIC that comes later is taken up", func(t *testing.T) {
		run(t, "ip", "-n", l.servers, "link", "add", "s9", "type", "veth", "peer", "name", "eth9", "netns", l.machine)
		run(t, "ip", "-n", l.servers, "link", "set", "s9", "up")
		l.until("taken up", func(s seen) bool { return s.nic("eth9").Carrier })
		run(t, "ip", "-n", l.servers, "link", "delete", "s9")
		l.until("removed", func(s seen) bool { return s.nic("eth9").Device == "" && s.nic("eth0").Name == "lan1" })
	})
}

// firstTold does something when the interfaces are told for the first time.
type firstTold struct {
	*teller
	then func()
}

func (f *firstTold) SetInterfaces(v []api.Interface) {
	f.teller.SetInterfaces(v)
	if f.then != nil {
		f.then()
		f.then = nil
	}
}

func TestObserveOnlyLooks(t *testing.T) {
	resolv := filepath.Join(t.TempDir(), "resolv.conf")
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	// What it must not do it would have done by then, or a moment later.
	tell := &firstTold{teller: &teller{out: json.NewEncoder(io.Discard)}, then: func() { time.AfterFunc(200*time.Millisecond, cancel) }}
	m := New(Config{Resolv: resolv, Observe: true, Hostname: func() string { return "" }, Offered: func([]string) { t.Error("offered") },
		Ours: func(l netlink.Link) bool { return true }, Console: console.New(io.Discard), Log: slog.New(slog.DiscardHandler)}, tell)
	if err := m.Run(ctx); err != nil {
		t.Fatal(err)
	}
	if len(tell.now.NICs) == 0 || tell.now.NICs[0].Dhcp.Status != api.DhcpStatusOff {
		t.Errorf("got %+v", tell.now)
	}
	if _, err := os.Stat(resolv); err == nil {
		t.Error("resolv.conf was written")
	}
}

func TestWhatWasOnlyLookedAtIsSwitchedOn(t *testing.T) {
	l := newLab(t, 1)
	l.serve("10.99.7")
	t.Setenv("NETWORK_TEST_RESCUE", "1")
	l.boot(sysconfig.Network{Interfaces: []sysconfig.NIC{{ID: l.id("eth0"), Name: "lan7", IPv4: sysconfig.IPv4{Method: sysconfig.MethodDHCP}}}})
	s := l.until("looked at, with its name", func(s seen) bool { return s.nic("eth0").Name == "lan7" })
	if nic := s.nic("eth0"); nic.Carrier || !nic.Disabled || nic.Dhcp.Status != api.DhcpStatusOff {
		t.Errorf("before it is switched on: %+v", nic)
	}
	if err := l.child.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	s = l.until("bound", boundIn("10.99.7"))
	if nic := s.nic("eth0"); nic.Name != "lan7" || nic.Disabled {
		t.Errorf("it is %+v", s.nic("eth0"))
	}
}
