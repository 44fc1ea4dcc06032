// Package dhcp is a DHCPv4 client for one NIC (RFC 2131): it gets a lease, renews it by unicast at T1, rebinds by
// broadcast at T2, gives the address up when the lease ends, and starts again with growing pauses. An address that is new
// to the NIC is asked for by ARP first (RFC 5227), and declined when somebody has it. It speaks through the codec and raw
// socket of insomniacslk/dhcp.
//
// It decides and speaks; it does not touch the NIC: each change of state goes to the caller, who adds and removes
// addresses. A client belongs to one link that has a carrier: its caller runs it while the link is up and hands the
// last lease back when the link returns, which is then confirmed (INIT-REBOOT) before anything else is tried.
//
// What a server sends is foreign: a lease leaves this package with a usable address, sane times and printable names,
// or not at all.
package dhcp

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"
)

const (
	defaultLease = time.Hour        // for a server that names none
	minLease     = 10 * time.Second // for a server that names nonsense
	maxServers   = 8                // of DNS or NTP
)

// Lease is what a server granted.
type Lease struct {
	Address netip.Prefix
	Server  netip.Addr
	Router  netip.Addr // not valid when there is none
	DNS     []netip.Addr
	NTP     []netip.Addr
	Search  []string // domains
	MTU     int      // bytes; 0: not given

	At     time.Time     // when it was asked for
	Renew  time.Duration // T1, from At
	Rebind time.Duration // T2
	End    time.Duration // of the lease; 0: it never ends

	ack *dhcpv4.DHCPv4
}

// Infinite tells whether the lease never ends.
func (l *Lease) Infinite() bool { return l.End == 0 }

// Ends is when the lease ends; the zero time when it never does.
func (l *Lease) Ends() time.Time {
	if l.Infinite() {
		return time.Time{}
	}
	return l.At.Add(l.End)
}

// Ended says whether the lease is over.
func (l *Lease) Ended(now time.Time) bool { return !l.Infinite() && now.After(l.Ends()) }

// Guessed says whether it was made by Guess, of an address that the interface has, and nobody has confirmed it yet.
func (l *Lease) Guessed() bool { return l != nil && l.ack == nil }

// NewLease takes a server's acknowledgement apart. at is when the request for it was sent.
func NewLease(ack *dhcpv4.DHCPv4, at time.Time) (*Lease, error) {
	ip, ok := netip.AddrFromSlice(ack.YourIPAddr.To4())
	if !ok || !usable(ip) {
		return nil, fmt.Errorf("the server gave the address %s, which no host can have", ack.YourIPAddr)
	}
	bits, err := prefixLength(ack, ip)
	if err != nil {
		return nil, err
	}
	l := &Lease{Address: netip.PrefixFrom(ip, bits), At: at, ack: ack}
	l.Server, _ = netip.AddrFromSlice(ack.ServerIdentifier().To4())
	for _, r := range addrs(ack.Router()) {
		if r != ip {
			l.Router = r
			break
		}
	}
	l.DNS, l.NTP = addrs(ack.DNS()), addrs(ack.NTPServers())
	l.Search = domains(ack)
	if b := ack.Options.Get(dhcpv4.OptionInterfaceMTU); len(b) == 2 {
		if mtu := int(b[0])<<8 | int(b[1]); mtu >= 576 && mtu <= 9216 {
			l.MTU = mtu
		}
	}
	l.times()
	return l, nil
}

// times sets T1, T2 and the end, with RFC 2131's defaults (4.4.5) for what is missing or out of order.
func (l *Lease) times() {
	end := l.ack.IPAddressLeaseTime(defaultLease)
	if end >= time.Duration(1<<32-1)*time.Second {
		return // never ends, never renewed
	}
	l.End = max(end, minLease)
	l.Renew = l.ack.IPAddressRenewalTime(l.End / 2)
	l.Rebind = l.ack.IPAddressRebindingTime(l.End / 8 * 7)
	if l.Renew < time.Second || l.Renew >= l.Rebind || l.Rebind >= l.End {
		l.Renew, l.Rebind = l.End/2, l.End/8*7
	}
}

func usable(a netip.Addr) bool {
	return a.IsValid() && !a.IsUnspecified() && !a.IsLoopback() && !a.IsMulticast() && a.As4()[0] < 224 && a.As4()[0] != 0
}

func prefixLength(ack *dhcpv4.DHCPv4, ip netip.Addr) (int, error) {
	mask := ack.SubnetMask()
	if mask == nil {
		mask = net.IP(ip.AsSlice()).DefaultMask()
	}
	ones, bits := mask.Size()
	if bits != 32 || ones < 1 {
		return 0, fmt.Errorf("the server gave the network mask %s, which is none", net.IP(mask))
	}
	if p := netip.PrefixFrom(ip, ones); ones < 31 && (p.Masked().Addr() == ip || broadcast(p) == ip) {
		return 0, errors.New("the server gave the address of a whole network")
	}
	return ones, nil
}

func broadcast(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	return netip.AddrFrom4(b)
}

func addrs(ips []net.IP) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ips {
		if a, ok := netip.AddrFromSlice(ip.To4()); ok && usable(a) && len(out) < maxServers {
			out = append(out, a)
		}
	}
	return out
}

// domains are the search list (RFC 3397), or else the one domain.
func domains(ack *dhcpv4.DHCPv4) []string {
	names := []string{ack.DomainName()}
	if labels := ack.DomainSearch(); labels != nil && len(labels.Labels) > 0 {
		names = labels.Labels
	}
	var out []string
	for _, n := range names {
		n = strings.TrimSuffix(n, ".")
		if n != "" && len(n) <= 253 && len(out) < 6 && strings.Trim(strings.ToLower(n), "abcdefghijklmnopqrstuvwxyz0123456789-._") == "" {
			out = append(out, n)
		}
	}
	return out
}
