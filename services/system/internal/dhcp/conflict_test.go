package dhcp

import (
	"net"
	"net/netip"
	"testing"
)

var (
	ours   = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 1}
	theirs = net.HardwareAddr{0x52, 0x54, 0, 0, 0, 2}
	want   = netip.MustParseAddr("192.0.2.7")
	other  = netip.MustParseAddr("192.0.2.8")
	none   = netip.IPv4Unspecified()
)

// reply is an ARP answer.
func reply(mac net.HardwareAddr, sender, target netip.Addr) []byte {
	b := arpPacket(mac, sender, target)
	b[7] = arpReply
	return b
}

var packets = []struct {
	name   string
	packet []byte
	yes    bool
}{
	{"somebody answers", reply(theirs, want, none), true},
	{"somebody asks from it", arpPacket(theirs, want, other), true},
	{"somebody announces it", arpPacket(theirs, want, want), true},
	{"somebody else probes for it", arpPacket(theirs, none, want), true},
	{"somebody asks for it", arpPacket(theirs, other, want), false},
	{"others speak", reply(theirs, other, want), false},
	{"our own probe", arpPacket(ours, none, want), false},
	{"our own announcement", arpPacket(ours, want, want), false},
	{"padded to 60 bytes", append(reply(theirs, want, none), make([]byte, 18)...), true},
	{"cut", reply(theirs, want, none)[:27], false},
	{"other hardware", append([]byte{0, 6}, reply(theirs, want, none)[2:]...), false},
	{"reverse ARP", func() []byte { b := reply(theirs, want, none); b[7] = 3; return b }(), false},
	{"nothing", nil, false},
}

func TestWhoElseHasAnAddressIsSeenInARP(t *testing.T) {
	for _, p := range packets {
		if holder, yes := contested(p.packet, ours, want); yes != p.yes || yes && holder.String() != theirs.String() {
			t.Errorf("%s: %v by %v", p.name, yes, holder)
		}
	}
}

func FuzzContested(f *testing.F) {
	for _, p := range packets {
		f.Add(p.packet)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		holder, yes := contested(b, ours, want)
		if yes && (len(holder) != 6 || holder.String() == ours.String()) {
			t.Errorf("%v of % x", holder, b)
		}
	})
}
