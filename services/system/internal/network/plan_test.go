package network

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
)

const (
	nic1 = "52:54:00:00:00:01"
	nic2 = "52:54:00:00:00:02"
	nic3 = "52:54:00:00:00:03"
)

// threeNICs is a machine with a lease on lan1, a static address on lan2, and an idle lan3.
func threeNICs() (sysconfig.Network, []api.Interface) {
	n := sysconfig.Network{Interfaces: []sysconfig.NIC{{ID: nic1}, static(nic2, "", "10.0.0.1/24"), {ID: nic3}}}.Named(nil)
	return n, []api.Interface{
		{ID: nic1, Name: "lan1", Addresses: []string{"192.168.1.100/24", "2001:db8::5/64"}, LinkLocal: "fe80::5"},
		{ID: nic2, Name: "lan2", Addresses: []string{"10.0.0.1/24"}},
		{ID: nic3, Name: "lan3", Addresses: []string{}},
	}
}

func TestAPlanSaysWhatChangesAndWhetherTheAdminIsLockedOut(t *testing.T) {
	for _, c := range []struct {
		name, reached string
		change        func(*sysconfig.Network)
		loses         bool
		says          []string
		urls          []string
	}{
		{"nothing", "192.168.1.100", func(*sysconfig.Network) {}, false, nil, []string{"https://192.168.1.100/", "https://10.0.0.1/", "https://[2001:db8::5]/"}},
		{"static instead of DHCP", "192.168.1.100", func(n *sysconfig.Network) {
			n.Interfaces[0] = named(static(nic1, "192.168.1.1", "192.168.1.5/24"), "lan1")
		}, true,
			[]string{"You will lose this address: you have come by 192.168.1.100, which goes away. Afterwards open https://192.168.1.5/", "lan1 gets no IPv4 address from the network", "lan1 gets 192.168.1.5/24", "The IPv4 gateway of lan1 becomes 192.168.1.1."},
			[]string{"https://192.168.1.5/", "https://10.0.0.1/", "https://[2001:db8::5]/"}},
		{"the lease's address becomes static", "192.168.1.100", func(n *sysconfig.Network) { n.Interfaces[0] = named(static(nic1, "", "192.168.1.100/24"), "lan1") }, false, []string{"lan1 gets 192.168.1.100/24"}, nil},
		{"another NIC's address", "192.168.1.100", func(n *sysconfig.Network) { n.Interfaces[1].IPv4.Addresses[0] = "10.0.0.2/24" }, false, []string{"lan2 gets 10.0.0.2/24", "lan2 loses 10.0.0.1/24"}, nil},
		{"the static address by which one came", "10.0.0.1", func(n *sysconfig.Network) { n.Interfaces[1].IPv4.Addresses[0] = "10.0.0.2/24" }, true, []string{"You will lose", "open https://10.0.0.2/"}, nil},
		{"DHCP instead of static", "10.0.0.1", func(n *sysconfig.Network) { n.Interfaces[1].IPv4 = sysconfig.IPv4{} }, true, []string{"lan2 asks a DHCP server", "lan2 loses 10.0.0.1/24"}, nil},
		{"switched off", "10.0.0.1", func(n *sysconfig.Network) { n.Interfaces[1].Disabled = true }, true, []string{"lan2 is switched off"}, nil},
		{"all goes", "10.0.0.1", func(n *sysconfig.Network) { n.Interfaces[0].Disabled, n.Interfaces[1].Disabled = true, true }, true, []string{"look at its console"}, []string{}},
		{"IPv6 off", "2001:db8::5", func(n *sysconfig.Network) { n.Interfaces[0].IPv6.Method = sysconfig.MethodOff }, true, []string{"lan1 has no IPv6 any more"}, nil},
		{"IPv6 off, link-local", "fe80::5%eth0", func(n *sysconfig.Network) { n.Interfaces[0].IPv6.Method = sysconfig.MethodOff }, true, nil, nil},
		{"an address that is not the machine's", "127.0.0.1", func(n *sysconfig.Network) { n.Interfaces[0].Disabled = true }, false, nil, nil},
		{"a bond of what one came by", "192.168.1.100", func(n *sysconfig.Network) {
			n.Bonds = []sysconfig.Bond{{Name: "bond0", Mode: sysconfig.BondActiveBackup, Members: []string{nic1, nic3}}}
		}, true, []string{"The bond bond0 is made of lan1 and lan3, in mode active-backup", "bond0 asks a DHCP server"}, []string{"https://10.0.0.1/"}},
		{"a bond of others", "10.0.0.1", func(n *sysconfig.Network) {
			n.Bonds = []sysconfig.Bond{{Name: "bond0", Mode: sysconfig.BondXOR, Members: []string{nic1, nic3}, IPv4: sysconfig.IPv4{Method: sysconfig.MethodStatic, Addresses: []string{"172.16.0.1/24"}}}}
		}, false, []string{"bond0 gets 172.16.0.1/24"}, []string{"https://10.0.0.1/", "https://172.16.0.1/"}},
		{"a VLAN", "10.0.0.1", func(n *sysconfig.Network) {
			n.VLANs = []sysconfig.VLAN{{Name: "voice", Parent: nic3, Tag: 7, IPv4: sysconfig.IPv4{Method: sysconfig.MethodOff}}}
		}, false, []string{"The VLAN voice with tag 7 is made on lan3."}, nil},
		{"names", "10.0.0.1", func(n *sysconfig.Network) {
			n.Interfaces[2].Label, n.Interfaces[2].Zones, n.Interfaces[2].MTU, n.DNSServers = "cameras", []string{"cameras"}, 9000, []string{"9.9.9.9"}
		}, false, []string{"lan3 is called “cameras”.", "lan3 (cameras) belongs to the zone cameras alone.", "The MTU of lan3 (cameras) becomes 9000", "The DNS servers are 9.9.9.9."}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, live := threeNICs()
			after := before.Clone()
			c.change(&after)
			if err := after.Validate(); err != nil {
				t.Fatal(err)
			}
			p := NewPlan(before, after, live, netip.MustParseAddr(c.reached), Web{everywhereOpen, 443})
			var text []string
			for _, s := range p.Steps {
				text = append(text, s.Text)
			}
			all := strings.Join(text, "\n")
			if p.Loses != c.loses || p.Loses != strings.HasPrefix(all, "You will lose this address") {
				t.Errorf("loses the address: %v\n%s", p.Loses, all)
			}
			for _, want := range c.says {
				if !strings.Contains(all, want) {
					t.Errorf("does not say %q:\n%s", want, all)
				}
			}
			if c.name == "nothing" && len(p.Steps) > 0 {
				t.Errorf("says %s", all)
			}
			if c.urls != nil && !slices.Equal(c.urls, p.URLs) {
				t.Errorf("addresses %v", p.URLs)
			}
		})
	}
}

func everywhereOpen(string) bool { return true }

// TestAPlanKnowsWhereTheWebAdminIsShut: the address stays, but is of no use.
func TestAPlanKnowsWhereTheWebAdminIsShut(t *testing.T) {
	n, live := threeNICs()
	for shut, loses := range map[string]bool{nic1: true, nic2: false} {
		p := NewPlan(n, n, live, netip.MustParseAddr("192.168.1.100"), Web{func(id string) bool { return id != shut }, 443})
		if p.Loses != loses || len(p.Steps) > 0 != loses {
			t.Errorf("without %s: %+v", shut, p)
		}
		if loses && (!strings.HasPrefix(p.Steps[0].Text, "You will be locked out: you have come by 192.168.1.100, where the web admin will not be open. Afterwards open https://10.0.0.1/") || !slices.Equal(p.URLs, []string{"https://10.0.0.1/"})) {
			t.Errorf("without %s: %+v", shut, p)
		}
	}
}

func named(n sysconfig.NIC, name string) sysconfig.NIC {
	n.Name = name
	return n
}

func TestAPlanOfABondsChanges(t *testing.T) {
	before, live := threeNICs()
	before.Bonds = []sysconfig.Bond{{Name: "bond0", Mode: sysconfig.BondActiveBackup, Members: []string{nic1}}}
	says := func(change func(*sysconfig.Network), want string) {
		t.Helper()
		after := before.Clone()
		change(&after)
		for _, s := range NewPlan(before, after, live, netip.Addr{}, Web{everywhereOpen, 443}).Steps {
			if strings.Contains(s.Text, want) {
				return
			}
		}
		t.Errorf("does not say %q", want)
	}
	says(func(n *sysconfig.Network) { n.Bonds = nil }, "The bond bond0 is taken apart; lan1 work")
	says(func(n *sysconfig.Network) { n.Bonds = nil }, "lan1 asks a DHCP server")
	says(func(n *sysconfig.Network) { n.Bonds[0].Members = []string{nic1, nic3} }, "lan3 joins bond0")
	says(func(n *sysconfig.Network) { n.Bonds[0].Members = []string{nic3} }, "lan1 leaves bond0")
	says(func(n *sysconfig.Network) { n.Bonds[0].Mode = sysconfig.BondLACP }, "anew in mode 802.3ad")
	says(func(n *sysconfig.Network) { n.Bonds[0].Primary = nic1 }, "change while it works")
	says(func(n *sysconfig.Network) {
		n.Bonds[0].ARPIntervalMs, n.Bonds[0].ARPTargets = 500, []string{"10.9.9.9"}
	}, "anew with other options")
}
