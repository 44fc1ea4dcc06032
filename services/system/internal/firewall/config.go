package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Zone is a world of its own that interfaces are in.
type Zone string

// The zones. An interface in both takes what is open in either.
const (
	Office  Zone = "office"
	Cameras Zone = "cameras"
	Both    Zone = "both"
)

// Zones are all of them, in the order in which they are shown.
func Zones() []Zone { return []Zone{Office, Cameras, Both} }

// overlaps tells whether two interfaces may be on one network.
func (z Zone) overlaps(o Zone) bool { return z == o || z == Both || o == Both }

// ZoneOf is the zone of an interface that is in the named ones; none is both.
func ZoneOf(names []string) Zone {
	office, cameras := slices.Contains(names, string(Office)), slices.Contains(names, string(Cameras))
	switch {
	case office && !cameras:
		return Office
	case cameras && !office:
		return Cameras
	}
	return Both
}

// Protocol carries a service.
type Protocol string

// The protocols.
const (
	TCP Protocol = "tcp"
	UDP Protocol = "udp"
)

// Interface is one that the machine has.
type Interface struct {
	Name string // the kernel's
	Zone Zone
	// Networks are those that it has addresses in. Two interfaces with a network in common, in zones that allow it, may get
	// each other's packets: the kernel sends by either.
	Networks []netip.Prefix
}

// Opening is a range of ports that is open in a zone, and on the interfaces in both.
type Opening struct {
	Protocol    Protocol
	First, Last uint16
	Zone        Zone // Office or Cameras
}

// Config is what the rules are made of. The zero value: no interface is known, nothing is open.
type Config struct {
	Interfaces []Interface
	Openings   []Opening
}

// maxName is the longest name of an interface (IFNAMSIZ, without the zero at its end).
const maxName = 15

// Check tells what of the configuration rules cannot be made of.
func (c Config) Check() error {
	for i, n := range c.Interfaces {
		if n.Name == "" || len(n.Name) > maxName || strings.ContainsAny(n.Name, "\x00/ ") {
			return fmt.Errorf("%q is no name of an interface", n.Name)
		}
		if !slices.Contains(Zones(), n.Zone) {
			return fmt.Errorf("interface %s: no zone %q", n.Name, n.Zone)
		}
		if slices.ContainsFunc(c.Interfaces[:i], func(o Interface) bool { return o.Name == n.Name }) {
			return fmt.Errorf("interface %s is there twice", n.Name)
		}
	}
	for _, o := range c.Openings {
		if o.Protocol != TCP && o.Protocol != UDP {
			return fmt.Errorf("no protocol %q", o.Protocol)
		}
		if o.First == 0 || o.Last < o.First {
			return fmt.Errorf("ports %d to %d", o.First, o.Last)
		}
		if o.Zone != Office && o.Zone != Cameras {
			return fmt.Errorf("no zone %q to open a port in", o.Zone)
		}
	}
	return nil
}

// in are the names of the interfaces of a zone, sorted.
func (c Config) in(z Zone) []string {
	var names []string
	for _, n := range c.Interfaces {
		if n.Zone == z {
			names = append(names, n.Name)
		}
	}
	slices.Sort(names)
	return names
}

// neighbours are the pairs of interfaces that are on one network, each in both orders, sorted.
func (c Config) neighbours() [][2]string {
	var pairs [][2]string
	for i, a := range c.Interfaces {
		for _, b := range c.Interfaces[:i] {
			if a.Zone.overlaps(b.Zone) && share(a.Networks, b.Networks) {
				pairs = append(pairs, [2]string{a.Name, b.Name}, [2]string{b.Name, a.Name})
			}
		}
	}
	slices.SortFunc(pairs, func(a, b [2]string) int { return slices.Compare(a[:], b[:]) })
	return pairs
}

func share(a, b []netip.Prefix) bool {
	for _, p := range a {
		if slices.ContainsFunc(b, p.Overlaps) {
			return true
		}
	}
	return false
}

// open are a zone's openings, sorted, those that touch or overlap made one.
func (c Config) open(z Zone, p Protocol) []Opening {
	var list []Opening
	for _, o := range c.Openings {
		if o.Protocol == p && (o.Zone == z || z == Both) {
			list = append(list, Opening{p, o.First, o.Last, z})
		}
	}
	slices.SortFunc(list, func(a, b Opening) int { return int(a.First) - int(b.First) })
	var merged []Opening
	for _, o := range list {
		if n := len(merged); n > 0 && int(o.First) <= int(merged[n-1].Last)+1 {
			merged[n-1].Last = max(merged[n-1].Last, o.Last)
			continue
		}
		merged = append(merged, o)
	}
	return merged
}
