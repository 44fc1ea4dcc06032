package network

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netns"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

// static is a NIC's entry with addresses.
func static(id, gateway string, addresses ...string) sysconfig.NIC {
	return sysconfig.NIC{ID: id, IPv4: sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: addresses, Gateway: gateway}}
}

// within runs f in a network namespace; sockets that it opens stay there.
func within(t *testing.T, namespace string, f func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		ns, err := netns.GetFromName(namespace)
		if err == nil {
			defer ns.Close()
			err = netns.Set(ns)
		}
		if err == nil {
			err = f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// shows waits until the machine's `ip` says all of want and nothing of not.
func (l *lab) shows(args string, want, not []string) {
	l.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		out := run(l.t, "ip", append([]string{"-n", l.machine}, strings.Fields(args)...)...)
		bad := ""
		for _, w := range want {
			if !strings.Contains(out, w) {
				bad = "no " + w
			}
		}
		for _, n := range not {
			if strings.Contains(out, n) {
				bad = "still " + n
			}
		}
		if bad == "" {
			return
		}
		if time.Now().After(deadline) {
			l.t.Fatalf("ip %s: %s in\n%s", args, bad, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestStaticAddressesTakeALeasesPlaceAndBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	l.serve("10.99.0")
	l.boot(sysconfig.Network{})
	s := l.until("bound", boundIn("10.99.0"))
	leased := s.nic("eth0").Addresses[0]

	nic := static(l.id("eth0"), "10.99.0.1", "10.99.0.7/24", "10.99.0.8/24", "10.98.0.1/16")
	nic.IPv4.Metric, nic.MTU, nic.Label = 30, 1400, "office"
	nic.IPv6 = sysconfig.IPv6{Method: sysconfig.MethodStatic, Addresses: []string{"2001:db8::7/64"}, Gateway: "2001:db8::1", Metric: 40}
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}, DNSServers: []string{"192.0.2.53"}, Search: []string{"office.example"}})
	l.shows("addr show dev eth0", []string{"10.99.0.7/24", "10.99.0.8/24", "10.98.0.1/16", "2001:db8::7/64", "mtu 1400"}, []string{leased, "dynamic"})
	l.shows("route", []string{"default via 10.99.0.1 dev eth0 proto static src 10.99.0.7 metric 30", "10.99.0.0/24 dev eth0 proto static scope link src 10.99.0.7 metric 30",
		"10.98.0.0/16 dev eth0 proto static"}, []string{"proto dhcp"})
	l.shows("-6 route", []string{"default via 2001:db8::1 dev eth0 proto static metric 40", "2001:db8::/64 dev eth0 proto static metric 40"}, nil)
	s = l.until("shown", func(s seen) bool {
		n := s.nic("eth0")
		return len(n.Addresses) == 4 && n.Gateway == "10.99.0.1" && n.Gateway6 == "2001:db8::1" && n.Dhcp.Status == api.DhcpStatusOff
	})
	if n := s.nic("eth0"); n.Label != "office" || n.Mtu != 1400 || n.Problem != "" || n.Kind != api.InterfaceKindEthernet || n.ID != l.id("eth0") {
		t.Errorf("got %+v", n)
	}
	if b, err := os.ReadFile(l.resolv); err != nil || !strings.HasSuffix(string(b), "search office.example\nnameserver 192.0.2.53\n") {
		t.Errorf("resolv.conf %q, %v", b, err)
	}

	// The first address of a network goes, the others of it stay.
	nic.IPv4.Addresses = nic.IPv4.Addresses[1:]
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	l.shows("addr show dev eth0", []string{"10.99.0.8/24", "10.98.0.1/16"}, []string{"10.99.0.7"})
	l.shows("route", []string{"default via 10.99.0.1 dev eth0 proto static src 10.99.0.8 metric 30", "10.99.0.0/24 dev eth0 proto static scope link src 10.99.0.8"}, []string{"src 10.99.0.7"})

	nic.Disabled = true
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	l.shows("addr show dev eth0", []string{"DOWN"}, []string{"inet"})

	l.configure(sysconfig.Network{})
	l.until("bound again", boundIn("10.99.0"))
	l.shows("addr show dev eth0", []string{leased, "mtu 1500"}, []string{"10.99.0.8", "10.98", "2001:db8"})
	l.shows("route", []string{"default via 10.99.0.1 dev eth0 proto dhcp"}, []string{"proto static"})
}

// TestAnUnrelatedChangeTouchesNothing: while one NIC is changed in every way, the kernel has no news of another one, and
// a connection by it goes on.
func TestAnUnrelatedChangeTouchesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	run(t, "ip", "-n", l.servers, "addr", "add", "10.99.0.1/24", "dev", "s0")
	camera, other := static(l.id("eth0"), "10.99.0.1", "10.99.0.7/24", "10.99.0.8/24"), sysconfig.NIC{ID: l.id("eth1")}
	camera.IPv6 = sysconfig.IPv6{Method: sysconfig.MethodStatic, Addresses: []string{"2001:db8::7/64"}, Gateway: "fe80::1"}
	l.boot(sysconfig.Network{Interfaces: []sysconfig.NIC{camera, other}})
	l.shows("addr show dev eth0", []string{"10.99.0.8/24", "2001:db8::7/64 scope global"}, []string{"tentative"})

	var listener net.Listener
	var sent, received net.Conn
	within(t, l.servers, func() (err error) { listener, err = net.Listen("tcp4", "10.99.0.1:554"); return err })
	defer listener.Close()
	within(t, l.machine, func() (err error) { sent, err = net.Dial("tcp4", "10.99.0.1:554"); return err })
	defer sent.Close()
	received, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer received.Close()
	monitor := exec.Command("ip", "-n", l.machine, "-o", "monitor", "link", "address", "route")
	news, err := monitor.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := monitor.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.end(monitor) })
	told := bufio.NewReader(news)
	listens := make(chan error, 1)
	go func() {
		_, err := told.ReadString('\n')
		listens <- err
	}()
	for n, heard := 0, false; !heard; n++ { // it says nothing when it has begun to listen
		run(t, "ip", "-n", l.machine, "link", "set", "eth1", "alias", fmt.Sprint("called ", n))
		select {
		case err := <-listens:
			if heard = true; err != nil {
				t.Fatal(err)
			}
		case <-time.After(50 * time.Millisecond):
		}
	}
	lines := bufio.NewScanner(received)
	talk := func(word string) {
		t.Helper()
		if _, err := io.WriteString(sent, word+"\n"); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != word {
			t.Fatalf("received %q, want %q: %v", lines.Text(), word, lines.Err())
		}
	}
	talk("before")
	for i, change := range []func(*sysconfig.NIC){
		func(n *sysconfig.NIC) { *n = static(n.ID, "10.5.0.1", "10.5.0.5/24") },
		func(n *sysconfig.NIC) { n.MTU = 1400 },
		func(n *sysconfig.NIC) { n.IPv6.Method = sysconfig.MethodOff },
		func(n *sysconfig.NIC) { n.Disabled = true },
		func(n *sysconfig.NIC) {
			*n = sysconfig.NIC{ID: n.ID, Label: "spare", Zones: []string{sysconfig.ZoneOffice}}
		},
	} {
		change(&other)
		l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{camera, other}, DNSServers: []string{"192.0.2.53"}[i%2:]})
		l.until("taken", func(s seen) bool {
			n := s.nic("eth1")
			return n.Label == other.Label && n.Disabled == other.Disabled && (other.MTU == 0 || n.Mtu == other.MTU) && strings.Join(n.Addresses, " ") == strings.Join(other.IPv4.Addresses, " ") == !other.Disabled
		})
		talk("after")
	}
	all := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(told)
		all <- string(b)
	}()
	if err := monitor.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	text := <-all
	if !strings.Contains(text, "eth1") {
		t.Fatalf("the kernel told %q", text)
	}
	for line := range strings.Lines(text) {
		if strings.Contains(line, "eth0") {
			t.Errorf("eth0 was touched: %s", line)
		}
	}
}

// TestAnAddressThatSomebodyHasIsDeclined: the first one that the server would give is another machine's.
func TestAnAddressThatSomebodyHasIsDeclined(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	run(t, "ip", "-n", l.servers, "link", "set", "lo", "up")
	run(t, "ip", "-n", l.servers, "addr", "add", "10.99.0.50/32", "dev", "lo") // and answered for on all interfaces
	l.serve("10.99.0", "--dhcp-host="+l.id("eth0")+",10.99.0.50")
	l.boot(sysconfig.Network{})
	s := l.until("declined", func(s seen) bool { return strings.Contains(s.nic("eth0").Dhcp.Reason, "10.99.0.50") })
	if n := s.nic("eth0"); n.Dhcp.Status != api.DhcpStatusFailed || len(n.Addresses) != 0 || !strings.Contains(n.Dhcp.Reason, "another machine (") {
		t.Errorf("got %+v", n)
	}
	s = l.until("bound to another one", boundIn("10.99.0"))
	if got := s.nic("eth0").Addresses; got[0] == "10.99.0.50/24" {
		t.Errorf("the squatter's address is used: %v", got)
	}
}

func TestIPv6AddressesAreTakenFromAnnouncementsAsLongAsTheyAreWanted(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	run(t, "ip", "-n", l.servers, "addr", "add", "2001:db8:9::1/64", "dev", "s0", "nodad")
	l.serve("10.99.0", "--enable-ra", "--dhcp-range=2001:db8:9::,ra-only,64")
	id := l.id("eth0")
	l.boot(sysconfig.Network{})
	announced := func(s seen) bool {
		return strings.Contains(strings.Join(s.nic("eth0").Addresses, " "), "2001:db8:9:") && s.nic("eth0").Gateway6 != "" && s.nic("eth0").LinkLocal != ""
	}
	l.until("announced", announced)
	nic := sysconfig.NIC{ID: id, IPv6: sysconfig.IPv6{Method: sysconfig.MethodStatic, Addresses: []string{"2001:db8:9::7/64"}}}
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	l.shows("-6 addr show dev eth0 scope global", []string{"2001:db8:9::7/64"}, []string{"dynamic"})
	l.shows("-6 route", []string{"2001:db8:9::/64 dev eth0 proto static"}, []string{"proto ra", "default"})
	nic.IPv6 = sysconfig.IPv6{Method: sysconfig.MethodOff}
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	l.shows("-6 addr show dev eth0", nil, []string{"inet6"})
	l.configure(sysconfig.Network{})
	l.until("announced again", announced)
}

func TestACardKeepsItsNameAndAddressesWhateverTheKernelCallsIt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2)
	first, second := l.id("eth0"), l.id("eth1")
	n := sysconfig.Network{Interfaces: []sysconfig.NIC{static(first, "", "10.1.0.1/24"), static(second, "", "10.2.0.1/24")}}.Named(nil)
	for i, name := range []string{"eth1", "eth0"} { // a kernel that finds them in the other order
		run(t, "ip", "-n", l.machine, "link", "set", []string{"eth0", "eth1"}[i], "name", "x"+name)
	}
	for _, name := range []string{"eth1", "eth0"} {
		run(t, "ip", "-n", l.machine, "link", "set", "x"+name, "name", name)
	}
	l.boot(n)
	s := l.until("set", func(s seen) bool { return len(s.nic("eth0").Addresses) == 1 && len(s.nic("eth1").Addresses) == 1 })
	if a, b := s.nic("eth1"), s.nic("eth0"); a.ID != first || a.Name != "lan1" || a.Addresses[0] != "10.1.0.1/24" || b.ID != second || b.Name != "lan2" || b.Addresses[0] != "10.2.0.1/24" {
		t.Errorf("got %+v", s.NICs)
	}
}
