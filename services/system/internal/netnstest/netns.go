// Package netnstest gives tests network namespaces that are joined by virtual wires, and ways to work in them. Nothing in
// them leads out. It needs root.
package netnstest

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

var serial atomic.Int64

// Namespace is a host of its own.
type Namespace struct {
	Name   string // as ip netns knows it
	handle netns.NsHandle
}

// New makes a namespace that ends with the test.
func New(tb testing.TB, name string) *Namespace {
	tb.Helper()
	n := &Namespace{Name: fmt.Sprintf("vigie-%s-%d-%d", name, os.Getpid(), serial.Add(1))}
	thread(tb, func() (err error) {
		n.handle, err = netns.NewNamed(n.Name)
		return err
	})
	tb.Cleanup(func() {
		n.handle.Close()
		if err := netns.DeleteNamed(n.Name); err != nil {
			tb.Error(err)
		}
	})
	n.Do(tb, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	return n
}

// thread runs f on a thread that is thrown away afterwards, whatever namespace it is in then.
func thread(tb testing.TB, f func() error) {
	tb.Helper()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // never unlocked
		done <- f()
	}()
	if err := <-done; err != nil {
		tb.Fatal(err)
	}
}

// Do runs f in the namespace, on one thread, and fails the test with its error. Sockets that f opens stay in the namespace.
func (n *Namespace) Do(tb testing.TB, f func() error) {
	tb.Helper()
	thread(tb, func() error {
		if err := netns.Set(n.handle); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return f()
	})
}

// Wire joins two namespaces: an interface in each.
func Wire(tb testing.TB, a *Namespace, nameA string, b *Namespace, nameB string) {
	tb.Helper()
	a.Do(tb, func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.handle),
		})
	})
}

// Up switches an interface on and gives it addresses, with prefix length, that may be used at once.
func (n *Namespace) Up(tb testing.TB, name string, addresses ...string) {
	tb.Helper()
	n.Do(tb, func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := os.WriteFile("/proc/sys/net/ipv6/conf/"+name+"/accept_dad", []byte("0"), 0); err != nil {
			return err
		}
		if err := netlink.LinkSetUp(l); err != nil {
			return err
		}
		for _, text := range addresses {
			a, err := netlink.ParseAddr(text)
			if err != nil {
				return err
			}
			if a.IP.To4() == nil {
				a.Flags |= unix.IFA_F_NODAD
			}
			if err := netlink.AddrAdd(l, a); err != nil {
				return fmt.Errorf("%s: %w", text, err)
			}
		}
		return nil
	})
}

// Await waits until an interface has a link and an IPv6 link-local address, both of which the kernel gives in its own time.
func (n *Namespace) Await(tb testing.TB, name string) {
	tb.Helper()
	n.Do(tb, func() error {
		l, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
			list, err := netlink.AddrList(l, netlink.FAMILY_V6)
			if err != nil {
				return err
			}
			for _, a := range list {
				if a.IP.IsLinkLocalUnicast() && a.Flags&unix.IFA_F_TENTATIVE == 0 {
					return nil
				}
			}
		}
		return fmt.Errorf("%s never has a link-local address", name)
	})
}

// Route sends a network to a gateway.
func (n *Namespace) Route(tb testing.TB, network, gateway string) {
	tb.Helper()
	n.Do(tb, func() error {
		_, to, err := net.ParseCIDR(network)
		if err != nil {
			return err
		}
		return netlink.RouteAdd(&netlink.Route{Dst: to, Gw: net.ParseIP(gateway)})
	})
}

// MAC is an interface's hardware address.
func (n *Namespace) MAC(tb testing.TB, name string) net.HardwareAddr {
	tb.Helper()
	var mac net.HardwareAddr
	n.Do(tb, func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			mac = l.Attrs().HardwareAddr
		}
		return err
	})
	return mac
}
