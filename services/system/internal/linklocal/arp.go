package linklocal

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

// ARP for IPv4 on Ethernet (RFC 826): 28 bytes.
//
//	0  hardware type 1        8  sender MAC
//	2  protocol 0x0800       14  sender IP
//	4  lengths 6, 4          18  target MAC
//	6  operation             24  target IP
const arpSize = 28

const (
	opRequest = 1
	opReply   = 2
)

// packet is one ARP packet.
type packet struct {
	op                 uint16
	senderMAC          [6]byte
	senderIP, targetIP netip.Addr
	targetMAC          [6]byte
}

var errNoARP = errors.New("not an ARP packet of IPv4 on Ethernet")

// parse reads an ARP packet; what follows it (Ethernet pads to 46 bytes) does not count.
func parse(b []byte) (packet, error) {
	var p packet
	if len(b) < arpSize || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return p, errNoARP
	}
	p.op = binary.BigEndian.Uint16(b[6:])
	if p.op != opRequest && p.op != opReply {
		return p, errNoARP
	}
	copy(p.senderMAC[:], b[8:])
	p.senderIP = netip.AddrFrom4([4]byte(b[14:18]))
	copy(p.targetMAC[:], b[18:])
	p.targetIP = netip.AddrFrom4([4]byte(b[24:28]))
	return p, nil
}

func (p packet) marshal() []byte {
	b := make([]byte, arpSize)
	binary.BigEndian.PutUint16(b, 1)
	binary.BigEndian.PutUint16(b[2:], 0x0800)
	b[4], b[5] = 6, 4
	binary.BigEndian.PutUint16(b[6:], p.op)
	copy(b[8:], p.senderMAC[:])
	sender, target := p.senderIP.As4(), p.targetIP.As4()
	copy(b[14:], sender[:])
	copy(b[18:], p.targetMAC[:])
	copy(b[24:], target[:])
	return b
}

// probe asks whether anybody has an address, without claiming it (RFC 3927, section 2.2.1).
func probe(mac [6]byte, a netip.Addr) packet {
	return packet{op: opRequest, senderMAC: mac, senderIP: netip.IPv4Unspecified(), targetIP: a}
}

// announcement claims an address (section 2.4).
func announcement(mac [6]byte, a netip.Addr) packet {
	return packet{op: opRequest, senderMAC: mac, senderIP: a, targetIP: a}
}

// uses says whether somebody else has, or claims, the address.
func (p packet) uses(mac [6]byte, a netip.Addr) bool { return p.senderMAC != mac && p.senderIP == a }

// wants says whether somebody else is about to take the address.
func (p packet) wants(mac [6]byte, a netip.Addr) bool {
	return p.senderMAC != mac && p.op == opRequest && p.senderIP.IsUnspecified() && p.targetIP == a
}

// six is a MAC as it stands in packets.
func six(mac net.HardwareAddr) (b [6]byte, ok bool) {
	return b, copy(b[:], mac) == 6 && len(mac) == 6
}
