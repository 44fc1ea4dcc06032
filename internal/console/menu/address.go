package menu

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"

	"vigie/internal/console/machine"
)

// noMask is the length of the network of an address that was typed without one.
const noMask = 32

// readAddress reads an address with its network's length. An IPv4 one may have its netmask instead, or neither: then its
// length is noMask.
func readAddress(text string) (netip.Prefix, error) {
	host, mask, masked := strings.Cut(strings.Join(strings.Fields(text), "/"), "/")
	a, err := netip.ParseAddr(host)
	if err != nil || a.Zone() != "" || a.Is4In6() {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " is no IP address. Write for example 192.168.1.20/24, or 2001:db8::20/64.")
	}
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.Is4() && a.As4()[0] >= 240 || a.Is6() && a.IsLinkLocalUnicast() {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " cannot be this machine's address. Ask who looks after the network for one.")
	}
	if !masked && a.Is4() {
		return netip.PrefixFrom(a, noMask), nil
	}
	n, err := 64, error(nil)
	switch {
	case a.Is4():
		n, err = readMask(mask)
	case masked:
		n, err = readLength(mask)
	}
	if err != nil {
		return netip.Prefix{}, err
	}
	p := netip.PrefixFrom(a, n)
	if a == p.Masked().Addr() && n < 127 {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " is the network itself, not an address in it. Choose another last number.")
	}
	return p, nil
}

// readLength reads the length of an IPv6 network.
func readLength(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 128 {
		return 0, machine.Refusal(quoted(text) + " is no length of an IPv6 network. Write for example 64.")
	}
	return n, nil
}

// readMask reads a network's length, as a number of bits or as a netmask.
func readMask(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if a, no := netip.ParseAddr(text); no == nil && a.Is4() {
		b := a.As4()
		v := binary.BigEndian.Uint32(b[:])
		n, err = bits.LeadingZeros32(^v), nil
		if v<<n != 0 { // a one after a zero
			n = -1
		}
	}
	if err != nil || n < 1 || n > 30 {
		return 0, machine.Refusal(quoted(text) + " is no netmask. Write for example 255.255.255.0, or 24, which is the same.")
	}
	return n, nil
}

// readGateway reads the address of a router for who has an address, or nothing.
func readGateway(own netip.Addr) func(string) (string, error) {
	return func(text string) (string, error) {
		if text == "" {
			return "", nil
		}
		a, err := netip.ParseAddr(text)
		if err != nil || a.Is4() != own.Is4() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			family, example := "IPv4", "192.168.1.1"
			if own.Is6() {
				family, example = "IPv6", "fe80::1"
			}
			return "", machine.Refusal(quoted(text) + " is no " + family + " address of a router. Write for example " + example + ", or nothing.")
		}
		return a.String(), nil
	}
}

// readServers reads addresses of DNS servers, with spaces or commas between them.
func readServers(text string) ([]string, error) {
	const most = 3
	var out []string
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' || r == ';' }) {
		a, err := netip.ParseAddr(f)
		if err != nil || a.IsUnspecified() || a.IsMulticast() {
			return nil, machine.Refusal(quoted(f) + " is no IP address of a DNS server. Write for example 192.168.1.1, or nothing.")
		}
		out = append(out, a.String())
	}
	if len(out) > most {
		return nil, machine.Refusal("At most three DNS servers can be used.")
	}
	return out, nil
}

func quoted(s string) string { return strconv.Quote(s) }
