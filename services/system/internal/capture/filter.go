package capture

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/bpf"
)

// Filter says which packets are wanted. The zero value: all.
type Filter struct {
	Host       netip.Addr // sender or receiver; not valid: any
	Port       uint16     // of TCP or UDP, at either end; 0: any
	Protocol   Protocol
	ExceptPort uint16 // of TCP, at either end; 0: none
}

// Protocol is what a packet carries.
type Protocol string

// The protocols. ICMP is that of both families.
const (
	Any  Protocol = ""
	TCP  Protocol = "tcp"
	UDP  Protocol = "udp"
	ICMP Protocol = "icmp"
	ARP  Protocol = "arp"
)

// Offsets in an Ethernet frame.
const (
	etherType  = 12
	ipv4Start  = 14
	ipv4Frag   = ipv4Start + 6
	ipv4Proto  = ipv4Start + 9
	ipv4Source = ipv4Start + 12
	ipv4Target = ipv4Start + 16
	ipv6Next   = ipv4Start + 6
	ipv6Source = ipv4Start + 8
	ipv6Target = ipv4Start + 24
	ipv6Ports  = ipv4Start + 40
	arpSource  = ipv4Start + 14
	arpTarget  = ipv4Start + 24
)

const (
	typeIPv4, typeARP, typeIPv6 = 0x0800, 0x0806, 0x86dd

	protoICMP, protoTCP, protoUDP, protoICMPv6 = 1, 6, 17, 58
)

// check is a test of a frame: instructions, of which the last jumps on when it fails.
type check []bpf.Instruction

// rule accepts or drops a frame that passes all its checks.
type rule struct {
	checks []check
	accept bool
}

func equals(offset uint32, size int, value uint32) check {
	return check{bpf.LoadAbsolute{Off: offset, Size: size}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: value}}
}

// whole: not a later fragment, which has no ports.
func whole() check {
	return check{bpf.LoadAbsolute{Off: ipv4Frag, Size: 2}, bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff}}
}

// port4 is at 0 (sender) or 2 (receiver) after the IPv4 header, whose length varies.
func port4(offset uint32, port uint16) check {
	return check{bpf.LoadMemShift{Off: ipv4Start}, bpf.LoadIndirect{Off: ipv4Start + offset, Size: 2}, bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: uint32(port)}}
}

func host(offset uint32, a netip.Addr) []check {
	var out []check
	for b := a.AsSlice(); len(b) > 0; b, offset = b[4:], offset+4 {
		out = append(out, equals(offset, 4, binary.BigEndian.Uint32(b)))
	}
	return out
}

// with are all ways to go on from each of the rules by one of the alternatives.
func with(rules []rule, alternatives ...[]check) []rule {
	if len(alternatives) == 0 {
		return rules
	}
	var out []rule
	for _, r := range rules {
		for _, a := range alternatives {
			out = append(out, rule{append(append([]check{}, r.checks...), a...), r.accept})
		}
	}
	return out
}

// transports are the rules for packets of TCP or UDP, or other protocols of IP where no port is asked for.
func transports(six bool, a netip.Addr, protocols []uint32, port uint16, accept bool) []rule {
	kind, proto, source, target := uint32(typeIPv4), uint32(ipv4Proto), uint32(ipv4Source), uint32(ipv4Target)
	if six {
		kind, proto, source, target = typeIPv6, ipv6Next, ipv6Source, ipv6Target
	}
	rules := []rule{{[]check{equals(etherType, 2, kind)}, accept}}
	var of [][]check
	for _, p := range protocols {
		of = append(of, []check{equals(proto, 1, p)})
	}
	rules = with(rules, of...)
	if a.IsValid() {
		rules = with(rules, host(source, a), host(target, a))
	}
	if port == 0 {
		return rules
	}
	if six {
		return with(rules, []check{equals(ipv6Ports, 2, uint32(port))}, []check{equals(ipv6Ports+2, 2, uint32(port))})
	}
	return with(rules, []check{whole(), port4(0, port)}, []check{whole(), port4(2, port)})
}

// rules are what the filter means, the first that fits first; what none fits is dropped.
func (f Filter) rules() ([]rule, error) {
	var out []rule
	if f.ExceptPort != 0 {
		for _, six := range []bool{false, true} {
			out = append(out, transports(six, netip.Addr{}, []uint32{protoTCP}, f.ExceptPort, false)...)
		}
	}
	a := f.Host.Unmap().WithZone("")
	protocols := map[Protocol][]uint32{TCP: {protoTCP}, UDP: {protoUDP}, ICMP: {protoICMP}}[f.Protocol]
	protocols6 := map[Protocol][]uint32{TCP: {protoTCP}, UDP: {protoUDP}, ICMP: {protoICMPv6}}[f.Protocol]
	switch {
	case f.Port != 0 && (f.Protocol == ICMP || f.Protocol == ARP):
		return nil, fmt.Errorf("%s has no ports", f.Protocol)
	case f.Port != 0 && f.Protocol == Any:
		protocols, protocols6 = []uint32{protoTCP, protoUDP}, []uint32{protoTCP, protoUDP}
	}
	if f.Protocol == Any && f.Port == 0 && !a.IsValid() {
		return append(out, rule{accept: true}), nil
	}
	if (f.Protocol == ARP || f.Protocol == Any) && f.Port == 0 && !a.Is6() {
		arp := []rule{{[]check{equals(etherType, 2, typeARP)}, true}}
		if a.IsValid() {
			arp = with(arp, host(arpSource, a), host(arpTarget, a))
		}
		out = append(out, arp...)
	}
	if f.Protocol == ARP {
		return out, nil
	}
	if !a.Is6() {
		out = append(out, transports(false, a, protocols, f.Port, true)...)
	}
	if !a.Is4() {
		out = append(out, transports(true, a, protocols6, f.Port, true)...)
	}
	return out, nil
}

// instructions are the filter's program: each rule's checks jump to the next rule when they fail.
func (f Filter) instructions() ([]bpf.Instruction, error) {
	rules, err := f.rules()
	if err != nil {
		return nil, err
	}
	var out []bpf.Instruction
	for _, r := range rules {
		var body []bpf.Instruction
		for _, c := range r.checks {
			body = append(body, c...)
		}
		for i, in := range body {
			if jump, ok := in.(bpf.JumpIf); ok {
				jump.SkipTrue = uint8(len(body) - i) // past the rule's own end, which follows
				body[i] = jump
			}
		}
		end := bpf.RetConstant{Val: 0}
		if r.accept {
			end.Val = Snap
		}
		out = append(append(out, body...), end)
	}
	return append(out, bpf.RetConstant{Val: 0}), nil
}

func (f Filter) program() ([]bpf.RawInstruction, error) {
	list, err := f.instructions()
	if err != nil {
		return nil, err
	}
	return bpf.Assemble(list)
}
