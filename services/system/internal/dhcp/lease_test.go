package dhcp

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
	"github.com/insomniacslk/dhcp/rfc1035label"
)

func ack(t testing.TB, ip string, mods ...dhcpv4.Modifier) *dhcpv4.DHCPv4 {
	t.Helper()
	p, err := dhcpv4.New(append([]dhcpv4.Modifier{dhcpv4.WithMessageType(dhcpv4.MessageTypeAck), dhcpv4.WithYourIP(net.ParseIP(ip)), dhcpv4.WithReply(&dhcpv4.DHCPv4{})}, mods...)...)
	if err != nil {
		t.Fatal(err)
	}
	p.YourIPAddr = net.ParseIP(ip)
	return p
}

func seconds(code uint8, s uint32) dhcpv4.Modifier {
	return dhcpv4.WithGeneric(dhcpv4.GenericOptionCode(code), []byte{byte(s >> 24), byte(s >> 16), byte(s >> 8), byte(s)})
}

var mask24 = dhcpv4.WithNetmask(net.CIDRMask(24, 32))

func TestNewLeaseTakesWhatMakesSense(t *testing.T) {
	l, err := NewLease(ack(t, "192.0.2.7", mask24, seconds(51, 1000),
		dhcpv4.WithRouter(net.IPv4(192, 0, 2, 7), net.IPv4(192, 0, 2, 1)), dhcpv4.WithDNS(net.IPv4zero, net.IPv4(192, 0, 2, 2)),
		dhcpv4.WithOption(dhcpv4.OptNTPServers(net.IPv4(192, 0, 2, 3))), dhcpv4.WithOption(dhcpv4.OptServerIdentifier(net.IPv4(192, 0, 2, 4))),
		dhcpv4.WithOption(dhcpv4.OptDomainName("bad\nname")),
		dhcpv4.WithOption(dhcpv4.OptDomainSearch(&rfc1035label.Labels{Labels: []string{"a.example", "b\nnameserver 6.6.6.6"}})),
		dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{0x05, 0x78})), time.Unix(100, 0))
	if err != nil {
		t.Fatal(err)
	}
	addr := netip.MustParseAddr
	if l.Address.String() != "192.0.2.7/24" || l.Router != addr("192.0.2.1") || l.Server != addr("192.0.2.4") || l.MTU != 1400 ||
		!slices.Equal(l.DNS, []netip.Addr{addr("192.0.2.2")}) || !slices.Equal(l.NTP, []netip.Addr{addr("192.0.2.3")}) || !slices.Equal(l.Search, []string{"a.example"}) {
		t.Errorf("got %+v", l)
	}
	if l.Renew != 500*time.Second || l.Rebind != 875*time.Second || !l.Ends().Equal(time.Unix(1100, 0)) {
		t.Errorf("times %v %v %v", l.Renew, l.Rebind, l.Ends())
	}
}

func TestLeaseTimesAreAlwaysInOrder(t *testing.T) {
	for _, c := range []struct {
		name               string
		lease, t1, t2      uint32
		renew, rebind, end time.Duration
	}{
		{"as given", 1000, 100, 200, 100 * time.Second, 200 * time.Second, 1000 * time.Second},
		{"none given", 0, 0, 0, minLease / 2, minLease / 8 * 7, minLease},
		{"T1 after T2", 1000, 300, 200, 500 * time.Second, 875 * time.Second, 1000 * time.Second},
		{"T2 after the end", 1000, 300, 2000, 500 * time.Second, 875 * time.Second, 1000 * time.Second},
		{"T1 zero", 1000, 0, 200, 500 * time.Second, 875 * time.Second, 1000 * time.Second},
		{"never ends", 0xffffffff, 5, 6, 0, 0, 0},
	} {
		l, err := NewLease(ack(t, "192.0.2.7", mask24, seconds(51, c.lease), seconds(58, c.t1), seconds(59, c.t2)), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if l.Renew != c.renew || l.Rebind != c.rebind || l.End != c.end || l.Infinite() != (c.end == 0) {
			t.Errorf("%s: %v %v %v", c.name, l.Renew, l.Rebind, l.End)
		}
	}
}

func TestNewLeaseRefusesWhatNoHostCanHave(t *testing.T) {
	for name, p := range map[string]*dhcpv4.DHCPv4{
		"nothing":   ack(t, "0.0.0.0", mask24),
		"loopback":  ack(t, "127.0.0.1", mask24),
		"multicast": ack(t, "224.0.0.5", mask24),
		"network":   ack(t, "192.0.2.0", mask24),
		"broadcast": ack(t, "192.0.2.255", mask24),
		"holes":     ack(t, "192.0.2.7", dhcpv4.WithNetmask(net.IPMask{255, 0, 255, 0})),
		"no mask":   ack(t, "192.0.2.7", dhcpv4.WithNetmask(net.IPMask{0, 0, 0, 0})),
	} {
		if l, err := NewLease(p, time.Now()); err == nil {
			t.Errorf("%s: %+v", name, l)
		}
	}
	if l, err := NewLease(ack(t, "10.1.2.3"), time.Now()); err != nil || l.Address.Bits() != 8 {
		t.Errorf("without a mask the class decides: %+v, %v", l, err)
	}
}

func FuzzNewLease(f *testing.F) {
	f.Add(ack(f, "192.0.2.7", mask24, seconds(51, 1000), dhcpv4.WithRouter(net.IPv4(192, 0, 2, 1)), dhcpv4.WithDNS(net.IPv4(8, 8, 8, 8))).ToBytes())
	f.Add(ack(f, "192.0.2.7", dhcpv4.WithOption(dhcpv4.OptDomainName("a b")), dhcpv4.WithGeneric(dhcpv4.OptionInterfaceMTU, []byte{1})).ToBytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := dhcpv4.FromBytes(b)
		if err != nil {
			return
		}
		l, err := NewLease(p, time.Unix(0, 0))
		if err != nil {
			return
		}
		if !l.Address.IsValid() || !usable(l.Address.Addr()) || !l.Infinite() && (l.Renew <= 0 || l.Renew >= l.Rebind || l.Rebind >= l.End) {
			t.Errorf("took %+v", l)
		}
		if strings.ContainsAny(strings.Join(l.Search, ""), " \n\x00") {
			t.Errorf("domains %q", l.Search)
		}
	})
}
