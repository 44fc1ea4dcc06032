package network

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/arp"
	"vigie/services/system/internal/netnstest"
)

// TestWhoElseHasAnAddressIsShownAsLongAsHeHasIt: another kernel on the link has it, gives it up, and takes it again.
func TestWhoElseHasAnAddressIsShownAsLongAsHeHasIt(t *testing.T) {
	t.Parallel()
	here, there := netnstest.New(t, "claim"), netnstest.New(t, "rival")
	netnstest.Wire(t, here, "eth0", there, "eth0")
	contested, ours := netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("192.0.2.8")
	here.Up(t, "eth0", "192.0.2.7/24", "192.0.2.8/24")
	there.Up(t, "eth0", "192.0.2.7/24")
	mac, _ := arp.MACOf(here.MAC(t, "eth0"))
	his, _ := arp.MACOf(there.MAC(t, "eth0"))
	set := func(set func(netlink.Link, *netlink.Addr) error) {
		t.Helper()
		there.Do(t, func() error {
			l, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			return set(l, &netlink.Addr{IPNet: ipNet(netip.MustParsePrefix("192.0.2.7/24"))})
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	told := make(chan map[netip.Addr]arp.MAC, 16)
	ended := make(chan error, 1)
	w := &watch{claim: claim{device: "eth0", mac: mac, own: []arp.MAC{mac}, addresses: []netip.Addr{contested, ours}}, again: 100 * time.Millisecond}
	go here.Do(t, func() error {
		ended <- w.run(ctx, func(r map[netip.Addr]arp.MAC) { told <- r })
		return nil
	})
	next := func(what string, want int) {
		t.Helper()
		select {
		case r := <-told:
			if len(r) != want || want > 0 && r[contested] != his {
				t.Errorf("%s: %v", what, r)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%s: nothing is told", what)
		}
	}
	next("at the start", 1)
	set(func(l netlink.Link, a *netlink.Addr) error { return netlink.AddrDel(l, a) })
	next("once he has given it up", 0)
	set(netlink.AddrAdd)
	there.Do(t, func() error { return arp.Announce("eth0", his, contested) })
	next("once he has it again", 1)
	cancel()
	if err := <-ended; err != nil {
		t.Log(err) // of a socket that was closed under it
	}
}

func TestRivalsAreAskedForBeforeAChange(t *testing.T) {
	t.Parallel()
	here, there := netnstest.New(t, "plan"), netnstest.New(t, "taken")
	netnstest.Wire(t, here, "eth0", there, "eth0")
	here.Up(t, "eth0", "192.0.2.1/24")
	there.Up(t, "eth0", "192.0.2.7/24")
	mac := here.MAC(t, "eth0").String()
	live := []api.Interface{{ID: mac, Mac: mac, Device: "eth0", Carrier: true, Addresses: []string{"192.0.2.1/24"}}}
	for address, taken := range map[string]bool{"192.0.2.7/24": true, "192.0.2.8/24": false, "192.0.2.1/24": false} {
		after := sysconfig.Network{Interfaces: []sysconfig.NIC{{ID: mac, IPv4: sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{address}}}}}
		here.Do(t, func() error {
			got := Rivals(t.Context(), after, live)
			if len(got) > 0 != taken || taken && !strings.Contains(got[0], "("+there.MAC(t, "eth0").String()+") has the address 192.0.2.7") {
				t.Errorf("%s: %q", address, got)
			}
			return nil
		})
	}
}

// TestSomebodyElsesAddressIsSetAndTold, by the manager as a whole.
func TestSomebodyElsesAddressIsSetAndTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 1)
	run(t, "ip", "-n", l.servers, "addr", "add", "10.99.0.7/24", "dev", "s0")
	nic := sysconfig.NIC{ID: l.id("eth0"), IPv4: sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{"10.99.0.7/24"}}}
	l.boot(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	s := l.until("told", func(s seen) bool { return strings.Contains(s.nic("eth0").Problem, "has the address 10.99.0.7 too") })
	if n := s.nic("eth0"); len(n.Addresses) != 1 || n.Addresses[0] != "10.99.0.7/24" {
		t.Errorf("the address is not used: %+v", n)
	}
	nic.IPv4.Addresses[0] = "10.99.0.8/24"
	l.configure(sysconfig.Network{Interfaces: []sysconfig.NIC{nic}})
	l.until("no longer told", func(s seen) bool {
		return len(s.nic("eth0").Addresses) == 1 && s.nic("eth0").Addresses[0] == "10.99.0.8/24" && s.nic("eth0").Problem == ""
	})
}
