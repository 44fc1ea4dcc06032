package network

import (
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/sysconfig"
	"vigie/services/system/internal/dhcp"
)

// forever is the lifetime of an address that does not end, as the kernel tells it.
const forever = 1<<32 - 1

// retryEvery is between two tries of an IPv6 address that another machine had.
const retryEvery = 30 * time.Second

// address is one that an interface should have.
type address struct {
	netip.Prefix
	lease *dhcp.Lease // nil: configured
}

// metric ranks an interface's routes where none is set: NICs in the order of their names, then the others.
func (n *nic) metric(set int) int {
	switch {
	case set != 0:
		return set
	case n.order() != 0:
		return 100 + n.order()
	}
	return 1200 + n.index
}

// addresses gives the interface its addresses and routes, and takes others away.
func (m *Manager) addresses(n *nic) {
	if m.observe || m.held || n.link.Attrs().RawFlags&unix.IFF_UP == 0 {
		return
	}
	if !n.alone() {
		m.setIPv6(n, true, false)
		m.strip(n)
	} else {
		m.setIPv6(n, n.port.IPv6.Method == sysconfig.MethodOff, n.auto())
		for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
			m.family(n, family)
		}
		if n.carrier && n.port.IPv4.Method == sysconfig.MethodStatic {
			gateway := "no gateway"
			if n.port.IPv4.Gateway != "" {
				gateway = "gateway " + n.port.IPv4.Gateway
			}
			m.say(n, "up, %s, %s", n.port.IPv4.Addresses[0], gateway)
		}
	}
	if !n.failed {
		n.complaint = ""
	}
}

// strip takes all addresses and routes away.
func (m *Manager) strip(n *nic) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		m.dropOthers(n, family, nil, nil)
	}
}

// family brings one family to what it should be. A removed address may take others and routes with it, so that these
// are looked at once more.
func (m *Manager) family(n *nic, family int) {
	want := m.wantedAddresses(n, family)
	if family == netlink.FAMILY_V6 && n.port.IPv6.Method == sysconfig.MethodOff {
		return // the kernel has taken them
	}
	routes := n.routes(family, want)
	m.retry(n, family)
	for range 2 {
		m.addMissing(n, family, want, routes)
		if !m.dropOthers(n, family, want, routes) {
			return
		}
	}
}

// retry takes IPv6 addresses away that another machine had (RFC 4862, section 5.4.5), so that they are tried once more: he may
// have left.
func (m *Manager) retry(n *nic, family int) {
	if family != netlink.FAMILY_V6 || time.Since(n.retried) < retryEvery {
		return
	}
	n.retried = time.Now()
	there, err := netlink.AddrList(n.link, family)
	if err != nil {
		m.complain(n, "list addresses", err)
	}
	for _, a := range there {
		if a.Flags&unix.IFA_F_DADFAILED != 0 && a.Scope == int(netlink.SCOPE_UNIVERSE) {
			m.try(n, "remove address", netlink.AddrDel(n.link, &a))
		}
	}
}

// wantedAddresses are the configured ones, then the lease's.
func (m *Manager) wantedAddresses(n *nic, family int) []address {
	var out []address
	list := n.port.IPv4.Addresses
	if family == netlink.FAMILY_V6 {
		list = n.port.IPv6.Addresses
	}
	for _, s := range list {
		if p, err := netip.ParsePrefix(s); err == nil {
			out = append(out, address{Prefix: p})
		}
	}
	if family == netlink.FAMILY_V4 && n.last != nil && !n.last.Ended(time.Now()) {
		out = append(out, address{n.last.Address, n.last})
	}
	return out
}

// routes are those to the addresses' networks, and to everywhere by the gateway, which may lie outside of a lease's network.
func (n *nic) routes(family int, addresses []address) []netlink.Route {
	set := sysconfig.IPv6(n.port.IPv4)
	if family == netlink.FAMILY_V6 {
		set = n.port.IPv6
	}
	var out []netlink.Route
	networks := map[netip.Prefix]bool{}
	for _, a := range addresses {
		if a.lease.Guessed() {
			continue // its routes are not known, but there
		}
		base := netlink.Route{LinkIndex: n.index, Priority: n.metric(set.Metric), Protocol: unix.RTPROT_STATIC, Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST}
		if family == netlink.FAMILY_V4 {
			base.Src = a.Addr().AsSlice()
		}
		gateway := netip.Addr{}
		if a.lease != nil {
			base.Protocol, gateway = unix.RTPROT_DHCP, a.lease.Router
		}
		if network := a.Masked(); a.Bits() < a.Addr().BitLen() && !networks[network] {
			networks[network] = true
			r := base
			r.Dst = ipNet(network)
			if family == netlink.FAMILY_V4 {
				r.Scope = netlink.SCOPE_LINK
			}
			out = append(out, r)
		}
		if g, err := netip.ParseAddr(set.Gateway); err == nil && a.lease == nil && (a.Contains(g) || g.IsLinkLocalUnicast()) {
			gateway = g
			set.Gateway = "" // one route is enough
		}
		if !gateway.IsValid() {
			continue
		}
		r := base
		r.Dst, r.Gw = everywhere(family), gateway.AsSlice()
		if !a.Contains(gateway) && gateway.Is4() {
			r.SetFlag(netlink.FLAG_ONLINK)
		}
		out = append(out, r)
	}
	return out
}

func everywhere(family int) *net.IPNet {
	if family == netlink.FAMILY_V6 {
		return &net.IPNet{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)}
	}
	return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)}
}

// addMissing adds what is not there.
func (m *Manager) addMissing(n *nic, family int, want []address, routes []netlink.Route) {
	there, err := netlink.AddrList(n.link, family)
	if err != nil {
		m.complain(n, "list addresses", err)
		return
	}
	for _, w := range want {
		if !w.due(n, there) {
			continue
		}
		a := &netlink.Addr{IPNet: ipNet(w.Prefix), Flags: unix.IFA_F_NOPREFIXROUTE, Scope: int(netlink.SCOPE_UNIVERSE)}
		if w.lease != nil && !w.lease.Infinite() {
			left := max(int(time.Until(w.lease.Ends())/time.Second), 1)
			a.ValidLft, a.PreferedLft = left, left
		}
		if !m.try(n, "set address "+w.String(), netlink.AddrReplace(n.link, a)) {
			continue
		}
		if w.lease != nil {
			n.set = w.lease
		}
	}
	have, err := n.ourRoutes(family, false)
	if err != nil {
		m.complain(n, "list routes", err)
		return
	}
	for i, r := range routes {
		if !contains(have, r) {
			m.try(n, "set route to "+r.Dst.String(), netlink.RouteReplace(&routes[i]))
		}
	}
}

// due says whether the kernel must be told of an address: it is not there, or for another time.
func (w address) due(n *nic, there []netlink.Addr) bool {
	if w.lease.Guessed() {
		return false
	}
	for _, a := range there {
		if p, ok := prefix(a.IPNet); ok && p == w.Prefix {
			if w.lease != nil {
				return n.set != w.lease
			}
			return a.ValidLft != forever
		}
	}
	return true
}

// dropOthers removes all addresses and routes that should not be there, and says whether an address was removed. What the
// kernel makes of a router's announcements is its own while it is asked to.
func (m *Manager) dropOthers(n *nic, family int, keep []address, routes []netlink.Route) (removed bool) {
	auto := family == netlink.FAMILY_V6 && n.alone() && n.auto()
	guessed := family == netlink.FAMILY_V4 && n.alone() && n.last.Guessed() // its routes are not known
	addrs, err := netlink.AddrList(n.link, family)
	if err != nil {
		m.complain(n, "list addresses", err)
		return false
	}
	for _, a := range addrs {
		p, ok := prefix(a.IPNet)
		if !ok || a.Scope != int(netlink.SCOPE_UNIVERSE) || hasAddress(keep, p) || auto && a.Flags&unix.IFA_F_PERMANENT == 0 {
			continue
		}
		if err := netlink.AddrDel(n.link, &a); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			m.complain(n, "remove address", err)
			continue
		}
		removed = true
	}
	there, err := n.ourRoutes(family, family == netlink.FAMILY_V6 && !auto)
	if err != nil {
		m.complain(n, "list routes", err)
		return removed
	}
	for _, r := range there {
		if contains(routes, r) || guessed && r.Protocol == unix.RTPROT_DHCP {
			continue
		}
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) {
			m.complain(n, "remove route", err)
		}
	}
	return removed
}

func hasAddress(list []address, p netip.Prefix) bool {
	for _, a := range list {
		if a.Prefix == p {
			return true
		}
	}
	return false
}

// ourRoutes are the interface's routes that this package makes, and those by routers' announcements if asked for.
func (n *nic) ourRoutes(family int, announced bool) ([]netlink.Route, error) {
	all, err := netlink.RouteListFiltered(family, &netlink.Route{LinkIndex: n.index}, netlink.RT_FILTER_OIF)
	var out []netlink.Route
	for _, r := range all {
		switch r.Protocol {
		case unix.RTPROT_DHCP, unix.RTPROT_STATIC:
			out = append(out, r)
		case unix.RTPROT_RA:
			if announced {
				out = append(out, r)
			}
		}
	}
	return out, err
}

func contains(routes []netlink.Route, r netlink.Route) bool {
	for _, k := range routes {
		if destination(k) == destination(r) && k.Gw.Equal(r.Gw) && k.Src.Equal(r.Src) && k.Priority == r.Priority && k.Protocol == r.Protocol {
			return true
		}
	}
	return false
}

// destination is a route's, with the default route written in one way.
func destination(r netlink.Route) string {
	if r.Dst == nil {
		return "default"
	}
	if ones, _ := r.Dst.Mask.Size(); ones == 0 {
		return "default"
	}
	return r.Dst.String()
}

// inherited is an IPv4 address that the interface has and that is not configured: a lease's, of a former run.
func (m *Manager) inherited(n *nic) (netip.Prefix, bool) {
	addrs, err := netlink.AddrList(n.link, netlink.FAMILY_V4)
	if err != nil {
		m.complain(n, "list addresses", err)
	}
	configured := m.wantedAddresses(n, netlink.FAMILY_V4)
	for _, a := range addrs {
		if p, ok := prefix(a.IPNet); ok && a.Scope == int(netlink.SCOPE_UNIVERSE) && !hasAddress(configured, p) {
			return p, true
		}
	}
	return netip.Prefix{}, false
}

// gateway is the interface's default route's, whoever made it.
func (n *nic) gateway(family int) string {
	routes, _ := netlink.RouteList(n.link, family) // shown only; the next look shows it
	for _, r := range routes {
		if destination(r) == "default" && r.Gw != nil {
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
