package firewall

import (
	"bytes"

	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// A rule is a list of expressions: what a packet must be like, and what becomes of it then. The functions here make the
// pieces; all load into the first register.
const reg = 1

// The answers of fib type (enum in linux/rtnetlink.h).
const (
	typeLocal     = unix.RTN_LOCAL
	typeBroadcast = unix.RTN_BROADCAST
	typeAnycast   = unix.RTN_ANYCAST
	typeMulticast = unix.RTN_MULTICAST
)

func rule(pieces ...[]expr.Any) []expr.Any {
	var all []expr.Any
	for _, p := range pieces {
		all = append(all, p...)
	}
	return all
}

func ifname(name string) []byte {
	b := make([]byte, unix.IFNAMSIZ)
	copy(b, name)
	return b
}

func equal(data []byte) expr.Any    { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data} }
func notEqual(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: data} }

func native32(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }
func port(v uint16) []byte     { return binaryutil.BigEndian.PutUint16(v) }

func meta(key expr.MetaKey, data []byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: reg}, equal(data)}
}

// from, by: the interface that a packet came in by, or leaves by.
func from(name string) []expr.Any { return meta(expr.MetaKeyIIFNAME, ifname(name)) }
func by(name string) []expr.Any   { return meta(expr.MetaKeyOIFNAME, ifname(name)) }

// within: the interface is in a set.
func within(key expr.MetaKey, set string) []expr.Any {
	return []expr.Any{&expr.Meta{Key: key, Register: reg}, &expr.Lookup{SourceRegister: reg, SetName: set}}
}

func ipv4() []expr.Any { return meta(expr.MetaKeyNFPROTO, []byte{unix.NFPROTO_IPV4}) }
func ipv6() []expr.Any { return meta(expr.MetaKeyNFPROTO, []byte{unix.NFPROTO_IPV6}) }

func transport(protocol byte) []expr.Any { return meta(expr.MetaKeyL4PROTO, []byte{protocol}) }

func notTransport(protocols ...byte) []expr.Any {
	pieces := []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: reg}}
	for _, p := range protocols {
		pieces = append(pieces, notEqual([]byte{p}))
	}
	return pieces
}

func network(offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: length}
}

func header(offset, length uint32) expr.Any {
	return &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: length}
}

// nobody4, nobody6: the sender has no address yet.
func nobody4() []expr.Any { return rule(ipv4(), []expr.Any{network(12, 4), equal(make([]byte, 4))}) }
func nobody6() []expr.Any { return rule(ipv6(), []expr.Any{network(8, 16), equal(make([]byte, 16))}) }

func sourcePort(p uint16) []expr.Any { return []expr.Any{header(0, 2), equal(port(p))} }

func ports(first, last uint16) []expr.Any {
	if first == last {
		return []expr.Any{header(2, 2), equal(port(first))}
	}
	return []expr.Any{header(2, 2), &expr.Range{Op: expr.CmpOpEq, Register: reg, FromData: port(first), ToData: port(last)}}
}

func notPort(p uint16) []expr.Any { return []expr.Any{header(2, 2), notEqual(port(p))} }

// first: a packet that begins a TCP connection: SYN of SYN, ACK, RST, FIN.
func first() []expr.Any {
	const fin, syn, rst, ack = 1, 2, 4, 16
	return []expr.Any{
		header(13, 1),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{fin | syn | rst | ack}, Xor: []byte{0}},
		equal([]byte{syn}),
	}
}

// messages: ICMP, ICMPv6 or IGMP of one of these types.
func messages(types ...byte) []expr.Any {
	if len(types) == 1 {
		return []expr.Any{header(0, 1), equal(types)}
	}
	return []expr.Any{header(0, 1), &expr.Range{Op: expr.CmpOpEq, Register: reg, FromData: types[:1], ToData: types[len(types)-1:]}}
}

// onLink: the packet comes from this very link, for no router lets a hop limit of 255 pass (RFC 4861, section 6.1.1).
func onLink() []expr.Any { return []expr.Any{network(7, 1), equal([]byte{255})} }

// connection: connection tracking says one of these of the packet.
func connection(states uint32) []expr.Any {
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: native32(states), Xor: native32(0)},
		notEqual(native32(0)),
	}
}

// returns: the route back to the sender leaves by the interface that the packet came in by.
func returns() []expr.Any {
	return []expr.Any{&expr.Fib{Register: reg, FlagSADDR: true, FlagIIF: true, ResultOIF: true}, notEqual(native32(0))}
}

// neighbour: it leaves by one that is on the same network.
func neighbour() []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: reg},
		&expr.Fib{Register: reg + 1, FlagSADDR: true, ResultOIFNAME: true},
		&expr.Lookup{SourceRegister: reg, SetName: setNeighbours},
	}
}

// astray: the packet is for an address that the interface does not have, and for no group of hosts on it.
func astray() []expr.Any {
	pieces := []expr.Any{&expr.Fib{Register: reg, FlagDADDR: true, FlagIIF: true, ResultADDRTYPE: true}}
	for _, t := range []uint32{typeLocal, typeMulticast, typeBroadcast, typeAnycast} {
		pieces = append(pieces, notEqual(native32(t)))
	}
	return pieces
}

// own: the sender's address is that of the interface that the packet leaves by.
func own() []expr.Any {
	return []expr.Any{&expr.Fib{Register: reg, FlagSADDR: true, FlagOIF: true, ResultADDRTYPE: true}, equal(native32(typeLocal))}
}

// toGroup: the packet is for a multicast group.
func toGroup() []expr.Any {
	return []expr.Any{&expr.Fib{Register: reg, FlagDADDR: true, ResultADDRTYPE: true}, equal(native32(typeMulticast))}
}

// atMost: so many a second, and a burst, of all packets that come here; the others do not match.
func atMost(perSecond uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond, Burst: burst}}
}

// above is the reverse of atMost.
func above(perSecond uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: perSecond, Unit: expr.LimitTimeSecond, Burst: burst, Over: true}}
}

// callerAbove: the same for each sender that a set remembers.
func callerAbove(set string, perSecond uint64, burst uint32) []expr.Any {
	return []expr.Any{&expr.Dynset{
		SrcRegKey: reg, SetName: set, Operation: uint32(unix.NFT_DYNSET_OP_UPDATE),
		Exprs: above(perSecond, burst),
	}}
}

// way4 is where an IPv4 packet comes in, from whom and for whom, in the registers of checked and check.
func way4() []expr.Any {
	return rule(ipv4(), []expr.Any{
		&expr.Meta{Key: expr.MetaKeyIIF, Register: unix.NFT_REG32_00},
		&expr.Payload{DestRegister: unix.NFT_REG32_01, Base: expr.PayloadBaseNetworkHeader, Offset: 12, Len: 8},
	})
}

// checked: a packet by the same way was in order a moment ago.
func checked() []expr.Any {
	return []expr.Any{&expr.Lookup{SourceRegister: unix.NFT_REG32_00, SetName: setChecked}}
}

// check takes note that this one is. When there is no room it is examined again the next time.
func check() []expr.Any {
	return []expr.Any{&expr.Dynset{SrcRegKey: unix.NFT_REG32_00, SetName: setChecked, Operation: uint32(unix.NFT_DYNSET_OP_ADD)}}
}

func caller4() []expr.Any { return rule(ipv4(), []expr.Any{network(12, 4)}) }

// caller6: a network of 64 bits is one caller (RFC 4291, section 2.5.1): hosts take new addresses in it as they like.
func caller6() []expr.Any {
	return rule(ipv6(), []expr.Any{
		network(8, 16),
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 16, Mask: append(bytes.Repeat([]byte{0xff}, 8), make([]byte, 8)...), Xor: make([]byte, 16)},
	})
}

func count(counter string) []expr.Any {
	const object = 1 // NFT_OBJECT_COUNTER
	return []expr.Any{&expr.Objref{Type: object, Name: counter}}
}

func verdict(kind expr.VerdictKind, chain string) []expr.Any {
	return []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}
}

func accept() []expr.Any           { return verdict(expr.VerdictAccept, "") }
func drop() []expr.Any             { return verdict(expr.VerdictDrop, "") }
func to(chain string) []expr.Any   { return verdict(expr.VerdictGoto, chain) }
func jump(chain string) []expr.Any { return verdict(expr.VerdictJump, chain) }
