package shaper

import (
	"encoding/binary"
	"net/netip"
	"testing"
)

func TestLimitsAreChecked(t *testing.T) {
	for l, good := range map[Limit]bool{
		{}: true, {Kbps: MinKbps}: true, {Kbps: MaxKbps, RouterKbps: MinKbps}: true,
		{Kbps: MinKbps - 1}: false, {RouterKbps: MaxKbps + 1}: false, {Kbps: -1}: false,
	} {
		if err := l.Check(); (err == nil) != good {
			t.Errorf("%+v: %v", l, err)
		}
	}
}

// TestClassesAddUp: what children have for sure is no more than what their parent has, and nobody may exceed what the limit is.
func TestClassesAddUp(t *testing.T) {
	for _, l := range []Limit{{Kbps: MinKbps}, {Kbps: MaxKbps}, {Kbps: 20_000, RouterKbps: 2_000}, {Kbps: 20_000, RouterKbps: 20_000}, {RouterKbps: MinKbps}} {
		list := classes(l)
		by := map[uint16]class{}
		sure := map[uint16]uint64{}
		for _, c := range list {
			by[c.minor] = c
			sure[c.parent] += c.rate
			if c.rate == 0 || c.rate > c.ceil {
				t.Errorf("%+v: class %+v", l, c)
			}
		}
		for _, c := range list {
			if !c.leaf && sure[c.minor] > c.rate {
				t.Errorf("%+v: children of 1:%x have %d for sure, of %d", l, c.minor, sure[c.minor], c.rate)
			}
			if c.parent != 0 && c.ceil > by[c.parent].ceil {
				t.Errorf("%+v: 1:%x may have more than its parent", l, c.minor)
			}
		}
		if l.RouterKbps != 0 && by[classRouter].ceil != uint64(l.RouterKbps)*1000 {
			t.Errorf("%+v: the router's limit is %d", l, by[classRouter].ceil)
		}
	}
}

// classify finds the class of a packet as the kernel does.
func classify(list []filter, protocol uint16, packet []byte) uint16 {
	for _, f := range list {
		if f.protocol != protocol {
			continue
		}
		all := true
		for _, k := range f.keys {
			if int(k.offset)+4 > len(packet) || binary.BigEndian.Uint32(packet[k.offset:])&k.mask != k.value {
				all = false
			}
		}
		if all {
			return f.class
		}
	}
	return routerLarge
}

func TestPacketsBelongWhereTheirDestinationIs(t *testing.T) {
	list := filters([]netip.Prefix{netip.MustParsePrefix("10.1.2.0/23"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("2001:db8:0:8000::/49")})
	for _, c := range []struct {
		to    string
		bytes int
		want  uint16
	}{
		{"10.1.2.9", 1500, neighboursLarge}, {"10.1.3.255", 127, neighboursSmall}, {"10.1.3.255", 128, neighboursLarge},
		{"10.1.4.1", 1500, routerLarge}, {"10.1.1.1", 52, routerSmall}, {"192.0.2.7", 1500, neighboursLarge}, {"192.0.2.8", 1500, routerLarge},
		{"239.1.2.3", 1400, neighboursLarge}, {"255.255.255.255", 300, neighboursLarge}, {"169.254.7.7", 60, neighboursSmall},
		{"2001:db8:0:8000::1", 1500, neighboursLarge}, {"2001:db8:0:ffff::1", 100, neighboursSmall}, {"2001:db8:0:7fff::1", 1500, routerLarge},
		{"2001:db8:1::1", 100, routerSmall}, {"fe80::1", 1500, neighboursLarge}, {"ff02::fb", 90, neighboursSmall},
	} {
		to := netip.MustParseAddr(c.to)
		p, protocol := make([]byte, 40), uint16(etherIPv4)
		if to.Is4() {
			binary.BigEndian.PutUint16(p[2:], uint16(c.bytes))
			copy(p[16:], to.AsSlice())
		} else {
			protocol = etherIPv6
			binary.BigEndian.PutUint16(p[4:], uint16(c.bytes)) // of the payload
			copy(p[24:], to.AsSlice())
		}
		if got := classify(list, protocol, p); got != c.want {
			t.Errorf("%s, %d bytes: 1:%x, want 1:%x", c.to, c.bytes, got, c.want)
		}
	}
	if classify(list, etherARP, make([]byte, 28)) != neighboursSmall || classify(list, etherVLAN, make([]byte, 28)) != neighboursLarge || classify(list, 0x88cc, make([]byte, 28)) != routerLarge {
		t.Error("what is no IP is in the wrong class")
	}
}

func FuzzFilters(f *testing.F) {
	f.Add("10.0.0.0/8", []byte{10, 1, 2, 3})
	f.Add("::/0", make([]byte, 16))
	f.Add("2001:db8::/33", make([]byte, 16))
	f.Fuzz(func(t *testing.T, text string, address []byte) {
		network, err := netip.ParsePrefix(text)
		a, ok := netip.AddrFromSlice(address)
		if err != nil || !ok || network.Addr().Is4() != a.Is4() || network.Addr().Is4In6() || a.Is4In6() || network.Addr().Zone() != "" {
			return
		}
		p, protocol := make([]byte, 40), uint16(etherIPv4)
		p[2], p[4] = 0xff, 0xff
		if a.Is4() {
			copy(p[16:], address)
		} else {
			protocol = etherIPv6
			copy(p[24:], address)
		}
		near := network.Contains(a)
		for _, n := range onLink {
			near = near || n.Contains(a)
		}
		want := uint16(routerLarge)
		if near {
			want = neighboursLarge
		}
		if got := classify(filters([]netip.Prefix{network}), protocol, p); got != want {
			t.Errorf("%s in %s: 1:%x, want 1:%x", a, network, got, want)
		}
	})
}
