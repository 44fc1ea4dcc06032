// Package lab is a small network for test machines: a network namespace of its own with a bridge, a DHCP server
// (dnsmasq), a time server (chrony), and whatever simulated cameras its user lets listen in it.
//
//	        namespace                                         this machine
//	┌──────────────────────────────────────────────┐
//	│  bridge 10.77.0.1/24 ── tap ── machine .100  │◀── Forward 127.0.0.1:port
//	│   ├ dnsmasq: addresses; time server .1       │
//	│   ├ chronyd: the time of this machine        │
//	│   └ cameras by Listen: 10.77.0.1:port        │
//	└──────────────────────────────────────────────┘
//
// Nothing in the namespace has a route out, and no packet is forwarded: the only ways in are Listen, Dial and Forward,
// which carry TCP connections between processes of this machine and the namespace. Two labs do not see each other.
//
// It needs root. Close ends every process, connection and interface that Open and its methods made. All methods may
// be called from several goroutines.
package lab

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
)

// Host is the lab's own address: of its bridge, its servers and its cameras.
func Host() netip.Addr { return netip.AddrFrom4([4]byte{10, 77, 0, 1}) }

// Machine is a machine to be: a tap device and the address that DHCP gives it.
type Machine struct {
	Tap  string // name of the tap device in the namespace, 15 characters at most
	MAC  string
	Addr netip.Addr
}

// Lab is an open lab.
type Lab struct {
	name string
	ns   netns.NsHandle
	log  *slog.Logger

	mu       sync.Mutex
	cleanups []func() error // undone last to first
	closed   bool
	wg       sync.WaitGroup
	ctx      context.Context
	cancel   context.CancelFunc
}

// MachineAt returns machine number i of a lab, counted from 0, up to 99.
func MachineAt(i int) Machine {
	return Machine{Tap: fmt.Sprintf("tap%d", i), MAC: fmt.Sprintf("52:54:00:77:00:%02x", i), Addr: netip.AddrFrom4([4]byte{10, 77, 0, byte(100 + i)})}
}

// Open makes a lab for n machines. Files of its servers go to dir, which must exist.
func Open(ctx context.Context, log *slog.Logger, dir string, n int) (_ *Lab, err error) {
	if n < 1 || n > 100 {
		return nil, fmt.Errorf("lab for %d machines: want 1 to 100", n)
	}
	if dir, err = filepath.Abs(dir); err != nil { // the servers change their working folder
		return nil, err
	}
	l := &Lab{name: fmt.Sprintf("vigie-%d-%d", os.Getpid(), time.Now().UnixNano()%1e6), log: log}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if err := l.makeNamespace(); err != nil {
		return nil, fmt.Errorf("make network namespace %s (needs root): %w", l.name, err)
	}
	var machines []Machine
	for i := range n {
		machines = append(machines, MachineAt(i))
	}
	if err := l.do(func() error { return makeLinks(machines) }); err != nil {
		return nil, err
	}
	if err := l.startTime(dir); err != nil {
		return nil, err
	}
	if err := l.startDHCP(dir, machines); err != nil {
		return nil, err
	}
	return l, nil
}

// Name is the name of the network namespace, as `ip netns` knows it.
func (l *Lab) Name() string { return l.name }

func (l *Lab) makeNamespace() error {
	done := make(chan error, 1)
	onThread(func() {
		ns, err := netns.NewNamed(l.name)
		l.ns = ns
		done <- err
	})
	if err := <-done; err != nil {
		return err
	}
	l.atClose(func() error { return errors.Join(l.ns.Close(), netns.DeleteNamed(l.name)) })
	return nil
}

// makeLinks runs inside the namespace.
func makeLinks(machines []Machine) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("find loopback: %w", err)
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring loopback up: %w", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "lab"}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make bridge: %w", err)
	}
	if err := netlink.AddrAdd(bridge, &netlink.Addr{IPNet: &net.IPNet{IP: Host().AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
		return fmt.Errorf("give the bridge its address: %w", err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bring bridge up: %w", err)
	}
	for _, m := range machines {
		tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: m.Tap, MasterIndex: bridge.Index}, Mode: netlink.TUNTAP_MODE_TAP}
		if err := netlink.LinkAdd(tap); err != nil {
			return fmt.Errorf("make tap %s: %w", m.Tap, err)
		}
		for _, fd := range tap.Fds {
			fd.Close()
		}
		if err := netlink.LinkSetMaster(tap, bridge); err != nil {
			return fmt.Errorf("plug tap %s into the bridge: %w", m.Tap, err)
		}
		if err := netlink.LinkSetUp(tap); err != nil {
			return fmt.Errorf("bring tap %s up: %w", m.Tap, err)
		}
	}
	return nil
}

// startTime serves this machine's time; -x leaves its clock alone.
func (l *Lab) startTime(dir string) error {
	conf := filepath.Join(dir, "chrony.conf")
	text := fmt.Sprintf("local stratum 8\nallow 10.77.0.0/24\nbindaddress %s\ncmdport 0\nbindcmdaddress /\npidfile %s\n",
		Host(), filepath.Join(dir, "chronyd.pid"))
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write time server's configuration: %w", err)
	}
	return l.start(filepath.Join(dir, "chronyd.log"), "chronyd", "-d", "-x", "-u", "root", "-f", conf)
}

func (l *Lab) startDHCP(dir string, machines []Machine) error {
	args := []string{"--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--port=0", "--interface=lab", "--bind-interfaces",
		"--no-ping", "--dhcp-authoritative", "--log-dhcp", "--log-facility=-",
		"--dhcp-range=10.77.0.100,10.77.0.199,255.255.255.0,2m",
		"--dhcp-option=option:router", // none: there is no way out
		"--dhcp-option=option:ntp-server," + Host().String(),
		"--pid-file=" + filepath.Join(dir, "dnsmasq.pid"), "--dhcp-leasefile=" + filepath.Join(dir, "dnsmasq.leases")}
	for _, m := range machines {
		args = append(args, fmt.Sprintf("--dhcp-host=%s,%s", m.MAC, m.Addr))
	}
	return l.start(filepath.Join(dir, "dnsmasq.log"), "dnsmasq", args...)
}

// Listen opens a TCP socket inside the lab; it can be used from anywhere in this process.
func (l *Lab) Listen(network, address string) (ln net.Listener, err error) {
	err = l.do(func() error {
		ln, err = net.Listen(network, address)
		return err
	})
	return ln, err
}

// Dial connects to an address inside the lab, given as IP:port.
func (l *Lab) Dial(ctx context.Context, network, address string) (conn net.Conn, err error) {
	if _, err := netip.ParseAddrPort(address); err != nil {
		return nil, fmt.Errorf("dial in the lab: %w", err) // a name would be looked up outside
	}
	err = l.do(func() error {
		conn, err = new(net.Dialer).DialContext(ctx, network, address)
		return err
	})
	return conn, err
}

// Close undoes everything, and waits for it.
func (l *Lab) Close() error {
	l.mu.Lock()
	cleanups := l.cleanups
	l.cleanups, l.closed = nil, true
	l.mu.Unlock()
	l.cancel()
	var errs []error
	for i := len(cleanups) - 1; i >= 0; i-- {
		errs = append(errs, cleanups[i]())
	}
	l.wg.Wait()
	return errors.Join(errs...)
}

// atClose has f called by Close; when the lab is closed already, at once.
func (l *Lab) atClose(f func() error) {
	l.mu.Lock()
	closed := l.closed
	if !closed {
		l.cleanups = append(l.cleanups, f)
	}
	l.mu.Unlock()
	if closed {
		if err := f(); err != nil {
			l.log.Warn("late clean-up", "err", err)
		}
	}
}
