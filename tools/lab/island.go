package lab

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"github.com/vishvananda/netlink"
)

// IslandHost is the lab's address on an island.
func IslandHost() netip.Addr { return netip.AddrFrom4([4]byte{10, 78, 0, 1}) }

// Island makes a second network in the lab, with a DHCP server, for another NIC of a machine. The lab passes nothing on between
// the two.
func (l *Lab) Island(dir string) (Machine, error) {
	m := Machine{Tap: "island", MAC: "52:54:00:78:00:00", Addr: netip.AddrFrom4([4]byte{10, 78, 0, 100})}
	err := l.do(func() error {
		tap := &netlink.Tuntap{LinkAttrs: netlink.LinkAttrs{Name: m.Tap}, Mode: netlink.TUNTAP_MODE_TAP}
		if err := netlink.LinkAdd(tap); err != nil {
			return fmt.Errorf("make tap %s: %w", m.Tap, err)
		}
		for _, fd := range tap.Fds {
			fd.Close()
		}
		if err := netlink.AddrAdd(tap, &netlink.Addr{IPNet: &net.IPNet{IP: IslandHost().AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
			return fmt.Errorf("give the island its address: %w", err)
		}
		return netlink.LinkSetUp(tap)
	})
	if err != nil {
		return m, err
	}
	return m, l.start(filepath.Join(dir, "dnsmasq-island.log"), "dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--port=0",
		"--interface="+m.Tap, "--bind-interfaces", "--no-ping", "--dhcp-authoritative", "--dhcp-range=10.78.0.100,10.78.0.199,255.255.255.0,2m",
		"--dhcp-option=option:router", "--dhcp-host="+fmt.Sprintf("%s,%s", m.MAC, m.Addr),
		"--pid-file="+filepath.Join(dir, "dnsmasq-island.pid"), "--dhcp-leasefile="+filepath.Join(dir, "dnsmasq-island.leases"))
}

// Inside runs f in the lab's namespace, on one thread; sockets that f opens stay in the lab.
func (l *Lab) Inside(f func() error) error { return l.do(f) }
