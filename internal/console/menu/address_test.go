package menu

import (
	"net/netip"
	"strings"
	"testing"
)

var addressCases = []struct{ in, want, refused string }{
	{"192.168.1.20/24", "192.168.1.20/24", ""},
	{"192.168.1.20 255.255.255.0", "192.168.1.20/24", ""},
	{"192.168.1.20/255.255.252.0", "192.168.1.20/22", ""},
	{"192.168.1.20", "192.168.1.20/32", ""}, // the mask is asked for
	{"10.0.0.1/8", "10.0.0.1/8", ""},
	{"2001:db8::20/56", "2001:db8::20/56", ""},
	{"2001:DB8::20 64", "2001:db8::20/64", ""},
	{"fd00::1", "fd00::1/64", ""},
	{"2001:db8::/127", "2001:db8::/127", ""}, // RFC 6164
	{"", "", "no IP address"},
	{"192.168.1", "", "no IP address"},
	{"192.168.1.256/24", "", "no IP address"},
	{"fe80::1%eth0/64", "", "no IP address"},
	{"::ffff:192.168.1.20/96", "", "no IP address"},
	{"2001:db8::/64", "", "the network itself"},
	{"2001:db8::1/129", "", "no length"},
	{"2001:db8::1/ffff::", "", "no length"},
	{"fe80::1/64", "", "cannot be this machine's"},
	{"::1/128", "", "cannot be this machine's"},
	{"ff02::1/64", "", "cannot be this machine's"},
	{"192.168.1.0/24", "", "the network itself"},
	{"192.168.1.20/33", "", "no netmask"},
	{"192.168.1.20/0", "", "no netmask"},
	{"192.168.1.20/255.0.255.0", "", "no netmask"},
	{"192.168.1.20/24/24", "", "no netmask"},
	{"127.0.0.1/8", "", "cannot be this machine's"},
	{"224.0.0.1/24", "", "cannot be this machine's"},
	{"0.0.0.0/0", "", "cannot be this machine's"},
}

func TestAddressesAreReadAsPeopleWriteThem(t *testing.T) {
	for _, c := range addressCases {
		got, err := readAddress(c.in)
		switch {
		case c.refused == "" && (err != nil || got.String() != c.want):
			t.Errorf("%q: %v, %v", c.in, got, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%q: %v, %v, want %q", c.in, got, err, c.refused)
		}
	}
	for in, want := range map[string][2]bool{"": {true, true}, "10.0.0.1": {true, false}, "fe80::1": {false, true}, "fe80::1%2": {}, "x": {}, "0.0.0.0": {}, "::": {}} {
		for i, own := range []string{"10.0.0.9", "2001:db8::9"} {
			if _, err := readGateway(netip.MustParseAddr(own))(in); (err == nil) != want[i] {
				t.Errorf("gateway %q of %s: %v", in, own, err)
			}
		}
	}
	for in, want := range map[string]string{"": "", "10.0.0.1": "10.0.0.1", "10.0.0.1, 2001:db8::53": "10.0.0.1 2001:db8::53", "1.1.1.1 2.2.2.2 3.3.3.3 4.4.4.4": "!", "dns": "!"} {
		got, err := readServers(in)
		if err != nil && want != "!" || err == nil && strings.Join(got, " ") != want {
			t.Errorf("DNS %q: %q, %v", in, got, err)
		}
	}
}

func FuzzReadAddress(f *testing.F) {
	for _, c := range addressCases {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		p, err := readAddress(in)
		if err == nil && (!p.IsValid() || p.Bits() < 1) {
			t.Errorf("%q is read as %v", in, p)
		}
		_, _ = readMask(in)
		_, _ = readGateway(netip.IPv4Unspecified())(in)
		_, _ = readGateway(netip.IPv6Unspecified())(in)
		_, _ = readServers(in)
	})
}
