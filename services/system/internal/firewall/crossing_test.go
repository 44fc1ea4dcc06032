package firewall

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"testing"
)

// attack is a frame that tries to get from a network to the other one, or to act as if it came from there.
type attack struct {
	name   string
	frame  []byte
	marker []byte // in the frame, and in what would come of it
}

// attacks are those of a side on the other.
func attacks(from, on *side) []attack {
	var list []attack
	add := func(name string, to net.HardwareAddr, make func(marker []byte) []byte) {
		marker := fmt.Appendf(nil, "<%s %d %s>", from.zone, len(list), name)
		list = append(list, attack{name, frame(to, from.mac, make(marker)), marker})
	}
	all := net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	for f, family := range []string{"IPv4", "IPv6"} {
		own, theirs, target := from.own[f], from.theirs[f], on.own[f]
		stranger := on.own[f].Next()
		senders := map[string]netip.Addr{"own": own, "the target's neighbour": stranger, "the target": target, "the machine there": on.theirs[f], "the machine here": theirs}
		for _, who := range []string{"own", "the target's neighbour", "the target", "the machine there", "the machine here"} {
			s := senders[who]
			for _, dest := range []struct {
				name string
				addr netip.Addr
			}{{"host there", target}, {"machine there", on.theirs[f]}, {"nobody there", stranger.Next()}, {"machine here", theirs}} {
				if who == "own" && dest.name == "machine here" {
					continue // that is a service's to answer
				}
				title := fmt.Sprintf("%s from %s to %s", family, who, dest.name)
				add("tcp "+title, from.machine, func(m []byte) []byte { return packet(s, dest.addr, 6, tcp(s, dest.addr, 4000, 443, flagSYN, m)) })
				add("tcp ack "+title, from.machine, func(m []byte) []byte { return packet(s, dest.addr, 6, tcp(s, dest.addr, 4000, 443, flagACK, m)) })
				add("udp "+title, from.machine, func(m []byte) []byte { return packet(s, dest.addr, 17, udp(s, dest.addr, 4000, 123, m)) })
				add("echo "+title, from.machine, func(m []byte) []byte { p, b := echo(s, dest.addr, m); return packet(s, dest.addr, p, b) })
			}
		}
		add(family+" broadcast of the kernel's address, to all", all, func(m []byte) []byte {
			return packet(own, target, 17, udp(own, target, 4000, 123, m))
		})
	}
	own, target := from.own[0], on.own[0]
	directed := on.network[0].Masked().Addr().As4()
	directed[3] = 255
	for name, to := range map[string]netip.Addr{
		"directed": netip.AddrFrom4(directed), "limited": netip.AddrFrom4([4]byte{255, 255, 255, 255}),
		"group": netip.AddrFrom4([4]byte{239, 1, 2, 3}), "mdns": netip.AddrFrom4([4]byte{224, 0, 0, 251}), "ssdp": netip.AddrFrom4([4]byte{239, 255, 255, 250}),
	} {
		for _, mac := range []net.HardwareAddr{all, from.machine} {
			add(name+" broadcast", mac, func(m []byte) []byte { return packet(own, to, 17, udp(own, to, 5353, 5353, m)) })
			add(name+" broadcast, echo as the target", mac, func(m []byte) []byte { p, b := echo(target, to, m); return packet(target, to, p, b) })
		}
	}
	for name, to := range map[string]string{"all hosts": "ff02::1", "site": "ff05::2", "global": "ff0e::123"} {
		group := netip.MustParseAddr(to)
		mac := net.HardwareAddr{0x33, 0x33, 0, 0, 0, group.As16()[15]}
		add("IPv6 group "+name, mac, func(m []byte) []byte { return packet(from.own[1], group, 17, udp(from.own[1], group, 5353, 5353, m)) })
	}
	// Source routes (RFC 791, section 3.1): by the machine to the target.
	for name, kind := range map[string]byte{"loose": 131, "strict": 137} {
		add(name+" source route", from.machine, func(m []byte) []byte {
			via := append([]byte{kind, 7, 4}, target.AsSlice()...)
			return packet4(own, from.theirs[0], 17, via, udp(own, from.theirs[0], 4000, 123, m))
		})
	}
	// Routing headers of IPv6 (RFC 5095 forbids type 0; type 4 is segment routing, RFC 8754).
	for name, head := range map[string][]byte{"type 0": {17, 2, 0, 1, 0, 0, 0, 0}, "segments": {17, 2, 4, 1, 0, 0, 0, 0}} {
		add("IPv6 routing header "+name, from.machine, func(m []byte) []byte {
			body := append(append(append([]byte(nil), head...), on.own[1].AsSlice()...), udp(from.own[1], on.own[1], 4000, 123, m)...)
			return packet(from.own[1], from.theirs[1], 43, body)
		})
	}
	// Tunnels: a packet for the target within one for the machine.
	add("IPv4 in IPv4", from.machine, func(m []byte) []byte {
		return packet(own, from.theirs[0], 4, packet(own, target, 17, udp(own, target, 4000, 123, m)))
	})
	add("IPv6 in IPv4", from.machine, func(m []byte) []byte {
		return packet(own, from.theirs[0], 41, packet(from.own[1], on.own[1], 17, udp(from.own[1], on.own[1], 4000, 123, m)))
	})
	add("GRE", from.machine, func(m []byte) []byte {
		return packet(own, from.theirs[0], 47, append([]byte{0, 0, 8, 0}, packet(own, target, 17, udp(own, target, 4000, 123, m))...))
	})
	return list
}

// try sends all attacks of both sides and returns those that were seen on the other side, and the frames that came back.
func (w *world) try(t *testing.T) (crossed []string, back map[Zone][][]byte) {
	t.Helper()
	back = map[Zone][][]byte{}
	for _, from := range w.sides {
		on := w.other(from.zone)
		list := attacks(from, on)
		w.settle(on)
		w.settle(from)
		for _, a := range list {
			if err := from.tap.Send(a.frame); err != nil {
				t.Fatal(err)
			}
		}
		back[from.zone] = w.settle(from)
		there := w.settle(on)
		back[on.zone] = append(back[on.zone], there...)
		for _, a := range list {
			for _, f := range there {
				if bytes.Contains(f, a.marker) {
					crossed = append(crossed, string(a.marker))
					break
				}
			}
		}
	}
	return crossed, back
}

// foreign are the frames on a side's wire whose sender is the machine, with an address of the other side.
func (w *world) foreign(z Zone, frames [][]byte) (list []string) {
	s, o := w.sides[z], w.other(z)
	for _, f := range frames {
		v, ok := look(f)
		if ok && bytes.Equal(f[6:12], s.machine) && (o.network[0].Contains(v.from) || o.network[1].Contains(v.from)) {
			list = append(list, fmt.Sprintf("%+v", v))
		}
	}
	return list
}

// TestNothingCrossesBetweenZones: TCP, UDP, echoes, broadcasts, groups, source routes and tunnels, IPv4 and IPv6, with the
// senders and receivers that an honest host would not write. That the frames are good ones shows a machine without the
// firewall, which passes many of them on.
func TestNothingCrossesBetweenZones(t *testing.T) {
	w := newWorld(t)
	w.expose()
	crossed, back := w.try(t)
	t.Logf("without the firewall %d attacks cross", len(crossed))
	if len(crossed) < 20 {
		t.Errorf("only %d attacks cross a machine that passes everything on: the test tests nothing: %q", len(crossed), crossed)
	}
	if len(w.foreign(Office, back[Office])) == 0 {
		t.Error("a machine without the firewall answers for none of its other addresses")
	}

	w.protect(Opening{TCP, 443, 443, Office}, Opening{UDP, 123, 123, Cameras})
	before := map[Zone]map[string]Count{Office: w.counts(Office), Cameras: w.counts(Cameras)}
	crossed, back = w.try(t)
	if len(crossed) != 0 {
		t.Errorf("crossed: %q", crossed)
	}
	for z := range w.sides {
		if f := w.foreign(z, back[z]); len(f) != 0 {
			t.Errorf("%s sees the machine speak as the other network: %q", z, f)
		}
		for _, reason := range []string{Spoofed, Astray, Denied} {
			if w.counts(z)[reason].Packets == before[z][reason].Packets {
				t.Errorf("%s: nothing is counted as %s", z, reason)
			}
		}
	}
}
