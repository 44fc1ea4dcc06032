package sysconfig

import (
	"fmt"
	"net/netip"
	"slices"
)

// owned is an address with the interface that has it.
type owned struct {
	prefix netip.Prefix
	port   Port
}

// common checks what all interfaces have.
func (n Network) common() error {
	for _, p := range n.Ports() {
		if err := p.common(); err != nil {
			return err
		}
	}
	return nil
}

// addressing checks the interfaces' addresses, each by itself and against the others.
func (n Network) addressing() error {
	var all []owned
	metrics := map[string]string{}
	for _, p := range n.Ports() {
		own, err := p.addresses(4, p.IPv4.Method, p.IPv4.Addresses, p.IPv4.Gateway, p.IPv4.Metric)
		if err != nil {
			return err
		}
		own6, err := p.addresses(6, p.IPv6.Method, p.IPv6.Addresses, p.IPv6.Gateway, p.IPv6.Metric)
		if err != nil {
			return err
		}
		own = append(own, own6...)
		others := all
		if !p.Enabled {
			others = nil
		}
		for i, o := range own {
			for _, other := range slices.Concat(others, own[:i]) {
				if err := apart(o.prefix, p, other, fieldOf(p, o.prefix)); err != nil {
					return err
				}
			}
		}
		if !p.Enabled {
			continue
		}
		all = append(all, own...)
		for family, g := range map[int]IPv6{4: IPv6(p.IPv4), 6: p.IPv6} {
			key := fmt.Sprint(family, " ", g.Metric)
			if g.Gateway == "" || g.Metric == 0 {
				continue
			}
			if other, ok := metrics[key]; ok {
				return refuse(fmt.Sprintf("%s.ipv%d.metric", p.Field, family), "The gateways of %s and %s have the same metric %d, so which one is used would be left to chance.", other, p.Title(), g.Metric)
			}
			metrics[key] = p.Title()
		}
	}
	return nil
}

// fieldOf finds where an address stands.
func fieldOf(p Port, prefix netip.Prefix) string {
	family, list := 4, p.IPv4.Addresses
	if prefix.Addr().Is6() {
		family, list = 6, p.IPv6.Addresses
	}
	at := 0
	for i, s := range list {
		if q, err := netip.ParsePrefix(s); err == nil && q == prefix {
			at = i // the last, if it is there twice
		}
	}
	return fmt.Sprintf("%s.ipv%d.addresses[%d]", p.Field, family, at)
}

// apart refuses two interfaces on one network, and one address on two, for answers would go out by either.
func apart(a netip.Prefix, p Port, other owned, field string) error {
	switch {
	case a.Addr() == other.prefix.Addr() && p.ID == other.port.ID:
		return refuse(field, "%s is in the list twice.", a.Addr())
	case a.Addr() == other.prefix.Addr():
		return refuse(field, "%s has the address %s already.", other.port.Title(), a.Addr())
	case p.ID != other.port.ID && a.Overlaps(other.prefix):
		return refuse(field, "The network of %s overlaps that of %s on %s: each network can be on one interface only.", a, other.prefix, other.port.Title())
	}
	return nil
}

func (p Port) common() error {
	if !validLabel(p.Label) {
		return refuse(p.Field+".label", "The label must be a short text, at most %d characters.", maxLabel)
	}
	if p.MTU != 0 && (p.MTU < minMTU || p.MTU > maxMTU) {
		return refuse(p.Field+".mtu", "The MTU must be from %d to %d; 1500 is usual.", minMTU, maxMTU)
	}
	if p.MTU != 0 && p.MTU < minMTUv6 && p.IPv6.Method != MethodOff && p.Bond == "" {
		return refuse(p.Field+".mtu", "IPv6 needs an MTU of %d at least: raise it, or switch IPv6 off here.", minMTUv6)
	}
	for i, z := range p.Zones {
		if z != ZoneOffice && z != ZoneCameras || i == 1 && z == p.Zones[0] || i > 1 {
			return refuse(fmt.Sprintf("%s.zones[%d]", p.Field, i), "The zones are %s and %s, each once; none means both.", ZoneOffice, ZoneCameras)
		}
	}
	return nil
}

// addresses checks one family of a port, and returns its addresses.
func (p Port) addresses(family int, method string, list []string, gateway string, metric int) ([]owned, error) {
	field, example, self := fmt.Sprintf("%s.ipv%d", p.Field, family), "192.168.1.10/24", MethodDHCP
	if family == 6 {
		example, self = "2001:db8::10/64", MethodAuto
	}
	switch {
	case method != "" && method != self && method != MethodStatic && method != MethodOff:
		return nil, refuse(field+".method", "%q is no way to get an address: it is %s, %s or %s.", clip(method), self, MethodStatic, MethodOff)
	case method == MethodStatic && len(list) == 0:
		return nil, refuse(field+".addresses", "%s has no IPv%d address: write one as in %s.", p.Title(), family, example)
	case method == MethodOff && (len(list) > 0 || gateway != ""):
		return nil, refuse(field+".method", "IPv%d of %s is switched off, so it can have no address and no gateway.", family, p.Title())
	case gateway != "" && method != MethodStatic:
		return nil, refuse(field+".gateway", "A gateway is set with static addresses only; otherwise the network tells it.")
	case len(list) > MaxAddresses:
		return nil, refuse(field+".addresses", "There are %d addresses; at most %d fit.", len(list), MaxAddresses)
	case metric < 0 || metric > maxMetric:
		return nil, refuse(field+".metric", "The metric must be from 1 to %d, or 0 for the order of the interfaces.", maxMetric)
	}
	var own []owned
	for i, s := range list {
		prefix, err := netip.ParsePrefix(s)
		if err != nil || prefix.Addr().Is4() != (family == 4) || prefix.Addr().Is4In6() || prefix.Bits() == 0 {
			return nil, refuse(fmt.Sprintf("%s.addresses[%d]", field, i), "%q is no IPv%d address with the length of its network. Write it as in %s.", clip(s), family, example)
		}
		if reason := unusable(prefix); reason != "" {
			return nil, refuse(fmt.Sprintf("%s.addresses[%d]", field, i), "%s cannot be the address of an interface: %s.", s, reason)
		}
		own = append(own, owned{prefix, p})
	}
	if gateway == "" {
		return own, nil
	}
	return own, p.reaches(field+".gateway", family, gateway, own)
}

// reaches refuses a gateway that is no neighbour.
func (p Port) reaches(field string, family int, gateway string, own []owned) error {
	g, err := netip.ParseAddr(gateway)
	if err != nil || g.Is4() != (family == 4) || g.Is4In6() || g.Zone() != "" || !host(g) {
		return refuse(field, "%q is no IPv%d address of a gateway.", clip(gateway), family)
	}
	if family == 6 && g.IsLinkLocalUnicast() {
		return nil // every link has these
	}
	inside := false
	for _, o := range own {
		if o.prefix.Addr() == g {
			return refuse(field, "%s is this machine's own address; the gateway is another machine.", g)
		}
		inside = inside || o.prefix.Contains(g)
	}
	if !inside {
		return refuse(field, "The gateway %s is in none of the networks of %s, so it cannot be reached.", g, p.Title())
	}
	return nil
}

// unusable says why no interface can have the address; empty when it can.
func unusable(p netip.Prefix) string {
	a := p.Addr()
	switch {
	case !host(a):
		return "it belongs to no single machine"
	case a.Is6() && a.IsLinkLocalUnicast():
		return "every interface has one of that kind by itself"
	case a.Is4() && p.Bits() < 31 && a == p.Masked().Addr():
		return "it is that of the whole network"
	case a.Is4() && p.Bits() < 31 && a == last(p):
		return "it is that of everybody in the network"
	}
	return ""
}

// host accepts addresses of one machine.
func host(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && (!a.Is4() || a.As4()[0] != 0 && a.As4()[0] < 224)
}

// last is the highest address of an IPv4 network.
func last(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}
