package ping

import (
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// answer is what a packet says of a request of this machine's.
type answer struct {
	id, seq     uint16
	token       [tokenBytes]byte // of a reply
	unreachable bool             // a router's, about a request to `to`
	exceeded    bool             // the same: it came further than it may
	to          netip.Addr
}

// The numbers of the protocols, as icmp.ParseMessage wants them.
const (
	protocolICMP   = 1
	protocolICMPv6 = 58
)

// parse understands a packet without its IP header; ok is false when it is neither a reply nor an error about a request.
func parse(b []byte, six bool) (a answer, ok bool) {
	protocol := protocolICMP
	if six {
		protocol = protocolICMPv6
	}
	m, err := icmp.ParseMessage(protocol, b)
	if err != nil {
		return a, false
	}
	switch body := m.Body.(type) {
	case *icmp.Echo:
		if m.Type != ipv4.ICMPTypeEchoReply && m.Type != ipv6.ICMPTypeEchoReply || len(body.Data) != tokenBytes {
			return a, false
		}
		a.id, a.seq = uint16(body.ID), uint16(body.Seq)
		copy(a.token[:], body.Data)
		return a, true
	case *icmp.DstUnreach:
		a, ok := quoted(body.Data, six)
		a.unreachable = ok
		return a, ok
	case *icmp.TimeExceeded:
		a, ok := quoted(body.Data, six)
		a.exceeded = ok
		return a, ok
	}
	return a, false
}

// quoted understands what an error repeats of the packet that it is about: its IP header and at least eight bytes more.
func quoted(b []byte, six bool) (a answer, ok bool) {
	header, request := 0, byte(ipv4.ICMPTypeEcho)
	if six {
		const next, length = 6, 40
		if len(b) < length+8 || b[0]>>4 != 6 || b[next] != protocolICMPv6 {
			return a, false
		}
		header, request = length, byte(ipv6.ICMPTypeEchoRequest)
		a.to = netip.AddrFrom16([16]byte(b[24:40]))
	} else {
		const protocol, least = 9, 20
		if len(b) < least || b[0]>>4 != 4 || b[protocol] != protocolICMP {
			return a, false
		}
		header = int(b[0]&0x0f) * 4
		if header < least || len(b) < header+8 {
			return a, false
		}
		a.to = netip.AddrFrom4([4]byte(b[16:20]))
	}
	echo := b[header:]
	if echo[0] != request {
		return a, false
	}
	a.id, a.seq = uint16(echo[4])<<8|uint16(echo[5]), uint16(echo[6])<<8|uint16(echo[7])
	return a, true
}
