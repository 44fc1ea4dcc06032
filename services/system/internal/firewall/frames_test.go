package firewall

import (
	"encoding/binary"
	"net"
	"net/netip"
)

// Frames made by hand, with all that a network stack would refuse to send.

// frame is Ethernet around a packet of IPv4 or IPv6.
func frame(to, from net.HardwareAddr, packet []byte) []byte {
	kind := uint16(0x0800)
	if packet[0]>>4 == 6 {
		kind = 0x86dd
	}
	b := append(append([]byte(nil), to...), from...)
	return append(binary.BigEndian.AppendUint16(b, kind), packet...)
}

// packet is IPv4 or IPv6, by the addresses.
func packet(from, to netip.Addr, protocol byte, payload []byte) []byte {
	if from.Is4() {
		return packet4(from, to, protocol, nil, payload)
	}
	b := []byte{0x60, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(len(payload)))
	b = append(b, protocol, 64)
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	return append(b, payload...)
}

func packet4(from, to netip.Addr, protocol byte, options, payload []byte) []byte {
	for len(options)%4 != 0 {
		options = append(options, 0)
	}
	size := 20 + len(options)
	b := []byte{0x40 | byte(size/4), 0}
	b = binary.BigEndian.AppendUint16(b, uint16(size+len(payload)))
	b = append(b, 0, 1, 0, 0, 64, protocol, 0, 0)
	b = append(append(b, from.AsSlice()...), to.AsSlice()...)
	b = append(b, options...)
	binary.BigEndian.PutUint16(b[10:], ^sum(0, b))
	return append(b, payload...)
}

// sum is the Internet checksum (RFC 1071) before it is inverted.
func sum(start uint32, b []byte) uint16 {
	s := start
	for i := 0; i+1 < len(b); i += 2 {
		s += uint32(b[i])<<8 | uint32(b[i+1])
	}
	if len(b)%2 == 1 {
		s += uint32(b[len(b)-1]) << 8
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return uint16(s)
}

// sealed puts the checksum over payload and addresses at an offset of the payload.
func sealed(from, to netip.Addr, protocol byte, payload []byte, at int) []byte {
	pseudo := append(append([]byte(nil), from.AsSlice()...), to.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(payload)))
	pseudo = append(pseudo, 0, 0, 0, protocol)
	binary.BigEndian.PutUint16(payload[at:], ^sum(uint32(sum(0, pseudo)), payload))
	return payload
}

func udp(from, to netip.Addr, sport, dport uint16, data []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
	return sealed(from, to, 17, append(append(b, 0, 0), data...), 6)
}

const (
	flagSYN = 2
	flagRST = 4
	flagACK = 16
)

func tcp(from, to netip.Addr, sport, dport uint16, flags byte, data []byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, sport)
	b = binary.BigEndian.AppendUint16(b, dport)
	b = append(b, 0, 0, 0, 1, 0, 0, 0, 0, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return sealed(from, to, 6, append(b, data...), 16)
}

// message is ICMP or ICMPv6, by the addresses.
func message(from, to netip.Addr, kind byte, body []byte) (protocol byte, payload []byte) {
	b := append([]byte{kind, 0, 0, 0}, body...)
	if from.Is4() {
		binary.BigEndian.PutUint16(b[2:], ^sum(0, b))
		return 1, b
	}
	return 58, sealed(from, to, 58, b, 2)
}

func echo(from, to netip.Addr, data []byte) (protocol byte, payload []byte) {
	kind := byte(8)
	if from.Is6() {
		kind = 128
	}
	return message(from, to, kind, append([]byte{0, 7, 0, 1}, data...))
}

// view is what a test wants to know of a frame that came in.
type view struct {
	from, to     netip.Addr
	protocol     byte
	sport, dport uint16
	flags        byte
}

// look reads a frame; false: it is no IP.
func look(f []byte) (v view, ok bool) {
	if len(f) < 34 {
		return v, false
	}
	kind, p := binary.BigEndian.Uint16(f[12:]), f[14:]
	var rest []byte
	switch {
	case kind == 0x0800 && len(p) >= int(p[0]&15)*4:
		v.from, _ = netip.AddrFromSlice(p[12:16])
		v.to, _ = netip.AddrFromSlice(p[16:20])
		v.protocol, rest = p[9], p[int(p[0]&15)*4:]
	case kind == 0x86dd && len(p) >= 40:
		v.from, _ = netip.AddrFromSlice(p[8:24])
		v.to, _ = netip.AddrFromSlice(p[24:40])
		v.protocol, rest = p[6], p[40:]
	default:
		return v, false
	}
	if (v.protocol == 6 || v.protocol == 17) && len(rest) >= 8 {
		v.sport, v.dport = binary.BigEndian.Uint16(rest), binary.BigEndian.Uint16(rest[2:])
		if v.protocol == 6 && len(rest) >= 14 {
			v.flags = rest[13]
		}
	}
	return v, true
}
