package linklocal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/services/system/internal/arp"
)

// Rules and tables are told from others' by these numbers; the NIC's index comes on top of the table's.
const (
	rulePriority = 20169
	firstTable   = 1692540000
)

// nicDevice is a NIC of this machine.
type nicDevice struct {
	nic      NIC
	link     netlink.Link
	fd       int
	received chan arp.Packet
	done     chan struct{}
	reader   sync.WaitGroup
}

func openDevice(nic NIC) (device, error) {
	link, err := netlink.LinkByIndex(nic.Index)
	if err != nil {
		return nil, fmt.Errorf("NIC %s: %w", nic.Name, err)
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, int(swap(unix.ETH_P_ARP)))
	if err != nil {
		return nil, fmt.Errorf("ARP on %s: %w", nic.Name, err)
	}
	err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ARP), Ifindex: nic.Index})
	if err == nil { // so that the reader sees the end of it
		err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 200_000})
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("ARP on %s: %w", nic.Name, err)
	}
	d := &nicDevice{nic: nic, link: link, fd: fd, received: make(chan arp.Packet, 64), done: make(chan struct{})}
	d.reader.Go(d.read)
	return d, nil
}

// read takes packets until close. When nobody takes them from here, the oldest news is as good as any: later ones are
// dropped.
func (d *nicDevice) read() {
	b := make([]byte, 128)
	for {
		select {
		case <-d.done:
			return
		default:
		}
		n, _, err := unix.Recvfrom(d.fd, b, 0)
		if err != nil {
			if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
				continue
			}
			if errors.Is(err, unix.ENETDOWN) { // told once; it comes up again, or the NIC is given up
				continue
			}
			return
		}
		p, err := arp.Parse(b[:n])
		if err != nil {
			continue
		}
		select {
		case d.received <- p:
		default:
		}
	}
}

func (d *nicDevice) close() {
	close(d.done)
	d.reader.Wait()
	unix.Close(d.fd)
}

func (d *nicDevice) packets() <-chan arp.Packet { return d.received }
func (d *nicDevice) mac() net.HardwareAddr      { return d.link.Attrs().HardwareAddr }

func (d *nicDevice) send(p arp.Packet) error {
	to := &unix.SockaddrLinklayer{Protocol: swap(unix.ETH_P_ARP), Ifindex: d.nic.Index, Halen: 6, Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}
	return unix.Sendto(d.fd, p.Marshal(), 0, to)
}

func (d *nicDevice) network() *net.IPNet {
	return &net.IPNet{IP: net.IPv4(169, 254, 0, 0).To4(), Mask: net.CIDRMask(16, 32)}
}

func (d *nicDevice) install(a netip.Addr) error {
	address := &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(16, 32)}, Scope: unix.RT_SCOPE_LINK}
	if err := netlink.AddrReplace(d.link, address); err != nil {
		return err
	}
	route := d.route(a)
	if err := netlink.RouteReplace(&route); err != nil {
		return err
	}
	if err := netlink.RuleAdd(d.rule(a)); err != nil && !errors.Is(err, unix.EEXIST) {
		return err
	}
	return nil
}

func (d *nicDevice) route(a netip.Addr) netlink.Route {
	return netlink.Route{LinkIndex: d.nic.Index, Dst: d.network(), Src: a.AsSlice(), Scope: netlink.SCOPE_LINK, Table: firstTable + d.nic.Index}
}

func (d *nicDevice) rule(a netip.Addr) *netlink.Rule {
	r := netlink.NewRule()
	r.Priority, r.Table, r.Family = rulePriority, firstTable+d.nic.Index, unix.AF_INET
	r.Src = &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(32, 32)}
	return r
}

// remove takes all of it away. The NIC may be gone, and with it what is to be removed.
func (d *nicDevice) remove(a netip.Addr) {
	_ = netlink.RuleDel(d.rule(a))
	route := d.route(a)
	_ = netlink.RouteDel(&route)
	_ = netlink.AddrDel(d.link, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(16, 32)}})
}

// present finds the addresses that an earlier run of the service has left.
func present() (map[int]netip.Addr, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, err
	}
	found := map[int]netip.Addr{}
	for _, l := range list {
		if a, ok := netip.AddrFromSlice(l.IP.To4()); ok && a.IsLinkLocalUnicast() && l.Scope == unix.RT_SCOPE_LINK {
			found[l.LinkIndex] = a
		}
	}
	return found, nil
}

// drop removes an address that an earlier run has left.
func drop(index int, a netip.Addr) {
	link, err := netlink.LinkByIndex(index)
	if err != nil {
		return // and with the NIC the address
	}
	(&nicDevice{nic: NIC{Index: index}, link: link}).remove(a)
}

// swap is a number in network byte order.
func swap(v uint16) uint16 { return binary.NativeEndian.Uint16([]byte{byte(v >> 8), byte(v)}) }
