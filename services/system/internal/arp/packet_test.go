package arp

import (
	"bytes"
	"net/netip"
	"testing"
)

var (
	ours   = MAC{0x52, 0x54, 0, 0, 0, 1}
	theirs = MAC{0x52, 0x54, 0, 0, 0, 2}
	want   = netip.MustParseAddr("192.0.2.7")
	other  = netip.MustParseAddr("192.0.2.8")
	none   = netip.IPv4Unspecified()
)

func reply(mac MAC, sender, target netip.Addr) Packet {
	return Packet{Op: Reply, SenderMAC: mac, SenderIP: sender, TargetIP: target, TargetMAC: MAC{1, 2, 3, 4, 5, 6}}
}

func request(mac MAC, sender, target netip.Addr) Packet {
	return Packet{Op: Request, SenderMAC: mac, SenderIP: sender, TargetIP: target}
}

var packets = []struct {
	name        string
	packet      Packet
	uses, wants bool
}{
	{"somebody answers", reply(theirs, want, none), true, false},
	{"somebody asks from it", request(theirs, want, other), true, false},
	{"somebody announces it", Announcement(theirs, want), true, false},
	{"somebody else probes for it", Probe(theirs, want), false, true},
	{"somebody asks for it", request(theirs, other, want), false, false},
	{"others speak", reply(theirs, other, want), false, false},
	{"our own probe", Probe(ours, want), false, false},
	{"our own announcement", Announcement(ours, want), false, false},
}

func TestWhoElseHasAnAddressIsSeen(t *testing.T) {
	for _, p := range packets {
		got, err := Parse(append(p.packet.Marshal(), make([]byte, 18)...)) // as Ethernet pads it
		if err != nil || got != p.packet {
			t.Errorf("%s: %+v, %v", p.name, got, err)
		}
		if got.Uses(ours, want) != p.uses || got.Wants(ours, want) != p.wants {
			t.Errorf("%s: uses %v, wants %v", p.name, got.Uses(ours, want), got.Wants(ours, want))
		}
	}
}

func TestWhatIsNoARPIsRefused(t *testing.T) {
	good := reply(theirs, want, none).Marshal()
	for name, b := range map[string][]byte{
		"cut": good[:Size-1], "nothing": nil,
		"other hardware": append([]byte{0, 6}, good[2:]...),
		"other protocol": append([]byte{0, 1, 0x86, 0xdd}, good[4:]...),
		"other lengths":  append([]byte{0, 1, 8, 0, 8, 4}, good[6:]...),
		"reverse ARP":    append([]byte{0, 1, 8, 0, 6, 4, 0, 3}, good[8:]...),
	} {
		if p, err := Parse(b); err == nil {
			t.Errorf("%s is read as %+v", name, p)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, p := range packets {
		f.Add(p.packet.Marshal())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := Parse(b); err == nil && !bytes.Equal(p.Marshal(), b[:Size]) {
			t.Errorf("%x is read as %+v", b, p)
		}
	})
}
