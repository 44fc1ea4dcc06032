package network

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/services/system/internal/dhcp"
)

// metric ranks a NIC's routes: the kernel's first NIC is preferred.
func metric(n *nic) int { return 100 + n.index }

// apply gives the NIC the lease's address and routes, and takes others away.
func (m *Manager) apply(n *nic, l *dhcp.Lease) {
	if l.MTU != 0 && n.link.Attrs().MTU != l.MTU {
		if err := netlink.LinkSetMTU(n.link, l.MTU); err != nil {
			m.complain(n, "set MTU", err)
		}
	}
	ip := ipNet(l.Address)
	addr := &netlink.Addr{IPNet: ip, Flags: unix.IFA_F_NOPREFIXROUTE, Scope: int(netlink.SCOPE_UNIVERSE)}
	if !l.Infinite() {
		left := max(int(time.Until(l.Ends())/time.Second), 1)
		addr.ValidLft, addr.PreferedLft = left, left
	}
	if err := netlink.AddrReplace(n.link, addr); err != nil {
		m.complain(n, "set address", err)
		return
	}
	keep := m.routes(n, l)
	for i := range keep {
		if err := netlink.RouteReplace(&keep[i]); err != nil {
			m.complain(n, "set route", err)
		}
	}
	m.dropOthers(n, &l.Address, keep)
}

// routes are those of a lease: to its network, and to everywhere by its router, which may lie outside the network.
func (m *Manager) routes(n *nic, l *dhcp.Lease) []netlink.Route {
	base := netlink.Route{
		LinkIndex: n.index, Src: l.Address.Addr().AsSlice(), Priority: metric(n), Protocol: unix.RTPROT_DHCP,
		Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST,
	}
	var out []netlink.Route
	if l.Address.Bits() < 32 {
		r := base
		r.Dst, r.Scope = ipNet(l.Address.Masked()), netlink.SCOPE_LINK
		out = append(out, r)
	}
	if l.Router.IsValid() {
		r := base
		r.Dst, r.Gw = &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}, l.Router.AsSlice()
		if !l.Address.Contains(l.Router) {
			r.SetFlag(netlink.FLAG_ONLINK)
		}
		out = append(out, r)
	}
	return out
}

// clear takes the NIC's addresses and routes away.
func (m *Manager) clear(n *nic) { m.dropOthers(n, nil, nil) }

// dropOthers removes all IPv4 addresses but one and all our routes but those to keep.
func (m *Manager) dropOthers(n *nic, keep *netip.Prefix, routes []netlink.Route) {
	addrs, err := netlink.AddrList(n.link, netlink.FAMILY_V4)
	if err != nil {
		m.complain(n, "list addresses", err)
		return
	}
	for _, a := range addrs {
		if p, ok := prefix(a.IPNet); ok && keep != nil && p == *keep || a.Scope != int(netlink.SCOPE_UNIVERSE) {
			continue
		}
		if err := netlink.AddrDel(n.link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			m.complain(n, "remove address", err)
		}
	}
	filter := &netlink.Route{LinkIndex: n.index, Protocol: unix.RTPROT_DHCP}
	there, err := netlink.RouteListFiltered(netlink.FAMILY_V4, filter, netlink.RT_FILTER_OIF|netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		m.complain(n, "list routes", err)
		return
	}
	for _, r := range there {
		if contains(routes, r) {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			m.complain(n, "remove route", err)
		}
	}
}

func contains(routes []netlink.Route, r netlink.Route) bool {
	for _, k := range routes {
		if k.Dst.String() == destination(r) && k.Gw.Equal(r.Gw) && k.Src.Equal(r.Src) && k.Priority == r.Priority {
			return true
		}
	}
	return false
}

// destination is a route's, with the default route written out.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "0.0.0.0/0"
	}
	return r.Dst.String()
}

// address is the NIC's first IPv4 address.
func (m *Manager) address(n *nic) (netip.Prefix, bool) {
	addrs, err := netlink.AddrList(n.link, netlink.FAMILY_V4)
	if err != nil {
		m.complain(n, "list addresses", err)
	}
	for _, a := range addrs {
		if a.Scope == int(netlink.SCOPE_UNIVERSE) {
			return prefix(a.IPNet)
		}
	}
	return netip.Prefix{}, false
}

// gateway is the NIC's default route's, whoever made it.
func (m *Manager) gateway(n *nic) string {
	routes, err := netlink.RouteList(n.link, netlink.FAMILY_V4)
	if err != nil {
		m.complain(n, "list routes", err)
	}
	for _, r := range routes {
		if destination(r) == "0.0.0.0/0" && r.Gw != nil {
			return r.Gw.String()
		}
	}
	return ""
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func prefix(n *net.IPNet) (netip.Prefix, bool) {
	a, ok := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(a.Unmap(), ones), ok
}
