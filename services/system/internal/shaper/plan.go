package shaper

import (
	"fmt"
	"net/netip"
	"slices"
)

// The bounds of a limit, in kbit/s.
const (
	MinKbps = 128
	MaxKbps = 25_000_000
)

// Limit is what one interface may send; 0 is no limit.
type Limit struct {
	Kbps       int // in all
	RouterKbps int // of that, to addresses that are not in the interface's own networks
}

// none: the interface is to be left alone.
func (l Limit) none() bool { return l.Kbps == 0 && l.RouterKbps == 0 }

// Check tells whether a limit can be kept.
func (l Limit) Check() error {
	for _, n := range []int{l.Kbps, l.RouterKbps} {
		if n != 0 && (n < MinKbps || n > MaxKbps) {
			return fmt.Errorf("a limit of %d kbit/s is not within %d to %d", n, MinKbps, MaxKbps)
		}
	}
	return nil
}

// class is an HTB class; rates are in bits a second.
type class struct {
	minor, parent uint16 // of 1:
	rate, ceil    uint64
	prio          uint32 // whose turn is first when a parent lends; leaves only
	leaf          bool
}

// The classes.
const (
	classAll         = 0x1
	classNeighbours  = 0x2
	classRouter      = 0x3
	neighboursSmall  = 0x21
	neighboursLarge  = 0x22
	routerSmall      = 0x31
	routerLarge      = 0x32
	smallShare       = 8 // tenths of what its parent has for sure
	largeShare       = 10 - smallShare
	neighboursTenths = 5 // of the whole
)

// classes are those of a limit, parents first.
func classes(l Limit) []class {
	all := uint64(l.Kbps) * 1000
	if all == 0 {
		all = MaxKbps * 1000
	}
	router := all
	if l.RouterKbps != 0 {
		router = min(all, uint64(l.RouterKbps)*1000)
	}
	near := all * neighboursTenths / 10
	far := min(router, all-near)
	return []class{
		{minor: classAll, rate: all, ceil: all},
		{minor: classNeighbours, parent: classAll, rate: near, ceil: all},
		{minor: neighboursSmall, parent: classNeighbours, rate: near * smallShare / 10, ceil: all, leaf: true},
		{minor: neighboursLarge, parent: classNeighbours, rate: near * largeShare / 10, ceil: all, prio: 1, leaf: true},
		{minor: classRouter, parent: classAll, rate: far, ceil: router},
		{minor: routerSmall, parent: classRouter, rate: far * smallShare / 10, ceil: router, leaf: true},
		{minor: routerLarge, parent: classRouter, rate: far * largeShare / 10, ceil: router, prio: 1, leaf: true},
	}
}

// Kinds of packets by what is in the frame.
const (
	etherIPv4 = 0x0800
	etherARP  = 0x0806
	etherVLAN = 0x8100
	etherQinQ = 0x88a8
	etherIPv6 = 0x86dd
)

// filter sends packets of one protocol that have all of its keys to a class. Filters are tried in order of prio.
type filter struct {
	prio     uint16
	protocol uint16
	keys     []key
	class    uint16
}

// key: the 32 bits at an offset from the network header, masked, are a value.
type key struct {
	offset      int32
	mask, value uint32
}

// Below 128 bytes: the total length of IPv4 in bits 16 to 31 of its first word, the payload's length of IPv6 in the second's
// first half.
var (
	small4 = key{offset: 0, mask: 0x0000ff80}
	small6 = key{offset: 4, mask: 0xff800000}
)

// onLink are networks that no router passes on.
var onLink = []netip.Prefix{
	netip.MustParsePrefix("224.0.0.0/4"), netip.MustParsePrefix("255.255.255.255/32"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("ff00::/8"), netip.MustParsePrefix("fe80::/10"),
}

// filters are those of an interface in these networks.
func filters(networks []netip.Prefix) []filter {
	var four, six []netip.Prefix
	for _, p := range slices.Concat(onLink, networks) {
		if p = p.Masked(); p.Addr().Is4() && !slices.Contains(four, p) {
			four = append(four, p)
		} else if p.Addr().Is6() && !slices.Contains(six, p) {
			six = append(six, p)
		}
	}
	out := []filter{
		{prio: 1, protocol: etherARP, class: neighboursSmall},
		{prio: 2, protocol: etherVLAN, class: neighboursLarge},
		{prio: 3, protocol: etherQinQ, class: neighboursLarge},
	}
	for _, family := range []struct {
		protocol, prio uint16
		networks       []netip.Prefix
		small          key
		at             int32 // of the destination
	}{{etherIPv4, 10, four, small4, 16}, {etherIPv6, 20, six, small6, 24}} {
		for _, p := range family.networks {
			to := destination(p, family.at)
			out = append(out,
				filter{family.prio, family.protocol, append([]key{family.small}, to...), neighboursSmall},
				filter{family.prio + 1, family.protocol, to, neighboursLarge})
		}
		out = append(out, filter{family.prio + 2, family.protocol, []key{family.small}, routerSmall})
	}
	slices.SortStableFunc(out, func(a, b filter) int { return int(a.prio) - int(b.prio) })
	return out // the rest goes to routerLarge, as the qdisc's default
}

// destination are the keys of an address within a network, a word each.
func destination(p netip.Prefix, at int32) []key {
	b, left := p.Addr().AsSlice(), p.Bits()
	var keys []key
	for i := 0; i < len(b) && left > 0; i, left = i+4, left-32 {
		mask := uint32(0xffffffff)
		if left < 32 {
			mask <<= 32 - left
		}
		word := uint32(b[i])<<24 | uint32(b[i+1])<<16 | uint32(b[i+2])<<8 | uint32(b[i+3])
		keys = append(keys, key{offset: at + int32(i), mask: mask, value: word & mask})
	}
	return keys
}
