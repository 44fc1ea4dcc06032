// Package arp speaks ARP for IPv4 on Ethernet (RFC 826), for who must know whether an address is somebody else's (RFC 5227):
// packets, and a Conn that sends and receives them on one interface.
//
// It owns no addresses and decides nothing. A Conn is for one goroutine, but for Close.
package arp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
)

// Size is that of a packet, in bytes:
//
//	0  hardware type 1        8  sender MAC
//	2  protocol 0x0800       14  sender IP
//	4  lengths 6, 4          18  target MAC
//	6  operation             24  target IP
const Size = 28

// The operations.
const (
	Request = 1
	Reply   = 2
)

// MAC is an Ethernet address as it stands in packets.
type MAC [6]byte

// MACOf is a hardware address as a MAC.
func MACOf(mac net.HardwareAddr) (m MAC, ok bool) {
	return m, copy(m[:], mac) == 6 && len(mac) == 6
}

func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Packet is one ARP packet.
type Packet struct {
	Op                 uint16
	SenderMAC          MAC
	SenderIP, TargetIP netip.Addr
	TargetMAC          MAC
}

var errNoARP = errors.New("not an ARP packet of IPv4 on Ethernet")

// Parse reads a packet; what follows it (Ethernet pads to 46 bytes) does not count.
func Parse(b []byte) (Packet, error) {
	var p Packet
	if len(b) < Size || binary.BigEndian.Uint16(b) != 1 || binary.BigEndian.Uint16(b[2:]) != 0x0800 || b[4] != 6 || b[5] != 4 {
		return p, errNoARP
	}
	p.Op = binary.BigEndian.Uint16(b[6:])
	if p.Op != Request && p.Op != Reply {
		return p, errNoARP
	}
	copy(p.SenderMAC[:], b[8:])
	p.SenderIP = netip.AddrFrom4([4]byte(b[14:18]))
	copy(p.TargetMAC[:], b[18:])
	p.TargetIP = netip.AddrFrom4([4]byte(b[24:28]))
	return p, nil
}

// Marshal writes it.
func (p Packet) Marshal() []byte {
	b := make([]byte, Size)
	binary.BigEndian.PutUint16(b, 1)
	binary.BigEndian.PutUint16(b[2:], 0x0800)
	b[4], b[5] = 6, 4
	binary.BigEndian.PutUint16(b[6:], p.Op)
	copy(b[8:], p.SenderMAC[:])
	sender, target := p.SenderIP.As4(), p.TargetIP.As4()
	copy(b[14:], sender[:])
	copy(b[18:], p.TargetMAC[:])
	copy(b[24:], target[:])
	return b
}

// Probe asks whether anybody has an address, without claiming it, so that nobody's table is spoilt (RFC 5227, section 1.1).
func Probe(mac MAC, a netip.Addr) Packet {
	return Packet{Op: Request, SenderMAC: mac, SenderIP: netip.IPv4Unspecified(), TargetIP: a}
}

// Announcement claims an address, so that nobody goes on to send to a former holder (section 2.3).
func Announcement(mac MAC, a netip.Addr) Packet {
	return Packet{Op: Request, SenderMAC: mac, SenderIP: a, TargetIP: a}
}

// Uses says whether somebody else has, or claims, the address.
func (p Packet) Uses(mac MAC, a netip.Addr) bool { return p.SenderMAC != mac && p.SenderIP == a }

// Wants says whether somebody else is about to take the address.
func (p Packet) Wants(mac MAC, a netip.Addr) bool {
	return p.SenderMAC != mac && p.Op == Request && p.SenderIP.IsUnspecified() && p.TargetIP == a
}
