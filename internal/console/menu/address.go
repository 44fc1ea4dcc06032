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

// readAddress reads an IPv4 address, with its network's length, its netmask, or neither: then its length is noMask.
func readAddress(text string) (netip.Prefix, error) {
	host, mask, masked := strings.Cut(strings.Join(strings.Fields(text), "/"), "/")
	a, err := netip.ParseAddr(host)
	if err != nil || !a.Is4() {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " is no IPv4 address. Write four numbers from 0 to 255 with dots, for example 192.168.1.20/24.")
	}
	if a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a.As4()[0] >= 240 {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " cannot be this machine's address. Ask who looks after the network for one.")
	}
	if !masked {
		return netip.PrefixFrom(a, noMask), nil
	}
	n, err := readMask(mask)
	if err != nil {
		return netip.Prefix{}, err
	}
	p := netip.PrefixFrom(a, n)
	if a == p.Masked().Addr() {
		return netip.Prefix{}, machine.Refusal(quoted(text) + " is the network itself, not an address in it. Choose another last number.")
	}
	return p, nil
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

// readGateway reads the address of a router, or nothing.
func readGateway(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	a, err := netip.ParseAddr(text)
	if err != nil || !a.Is4() || a.IsUnspecified() || a.IsMulticast() {
		return "", machine.Refusal(quoted(text) + " is no IPv4 address of a router. Write for example 192.168.1.1, or nothing.")
	}
	return a.String(), nil
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
