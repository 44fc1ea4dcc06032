package sysconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	mac1 = "52:54:00:00:00:01"
	mac2 = "52:54:00:00:00:02"
	mac3 = "52:54:00:00:00:03"
	mac4 = "52:54:00:00:00:04"
)

// busy uses all that there is.
func busy() Network {
	return Network{
		Interfaces: []NIC{
			{ID: mac1, Name: "lan1", Label: "Büro", MTU: 1400, Zones: []string{ZoneOffice},
				IPv4: IPv4{Method: MethodStatic, Addresses: []string{"192.168.1.10/24", "192.168.1.11/24", "10.0.0.1/31"}, Gateway: "192.168.1.1", Metric: 50},
				IPv6: IPv6{Method: MethodStatic, Addresses: []string{"2001:db8::10/64"}, Gateway: "fe80::1", Metric: 50}},
			{ID: mac2, Name: "lan2"},
			{ID: mac3, Name: "lan7"},
			{ID: mac4, Name: "lan4", Disabled: true, IPv4: IPv4{Method: MethodStatic, Addresses: []string{"192.168.1.10/24"}}},
		},
		Bonds: []Bond{{Name: "bond0", Label: "cameras", Mode: BondActiveBackup, Members: []string{mac2, mac3}, Primary: mac3, ARPIntervalMs: 500, ARPTargets: []string{"172.16.0.1"},
			MTU: 9000, IPv4: IPv4{Addresses: []string{"172.16.0.9/16"}, Metric: 20}, IPv6: IPv6{Method: MethodOff}, Zones: []string{ZoneCameras, ZoneOffice}}},
		VLANs: []VLAN{
			{Name: "bond0.10", Parent: "bond0", Tag: 10, MTU: 9000, IPv4: IPv4{Method: MethodStatic, Addresses: []string{"10.10.0.1/24"}}},
			{Name: "voice", Parent: mac1, Tag: 10, IPv4: IPv4{Method: MethodOff}},
		},
		DNSServers: []string{"192.168.1.1", "2001:db8::53"}, Search: []string{"example.com"},
	}
}

func TestAWholeNetworkIsAccepted(t *testing.T) {
	if err := busy().Validate(); err != nil {
		t.Fatal(err)
	}
	if err := (Network{}).Validate(); err != nil {
		t.Fatal(err)
	}
	for _, mode := range BondModes() {
		n := Network{Interfaces: []NIC{{ID: mac1}}, Bonds: []Bond{{Name: "b", Mode: mode, Members: []string{mac1}}}}
		if err := n.Validate(); err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	for _, policy := range HashPolicies() {
		n := Network{Interfaces: []NIC{{ID: mac1}}, Bonds: []Bond{{Name: "b", Mode: BondLACP, LACPRate: "fast", HashPolicy: policy, MIIMonitorMs: 50, Members: []string{mac1}}}}
		if err := n.Validate(); err != nil {
			t.Errorf("%s: %v", policy, err)
		}
	}
}

func TestABadNetworkIsRefusedWithFieldAndReason(t *testing.T) {
	nic := func(n *Network) *NIC { return &n.Interfaces[0] }
	bond := func(n *Network) *Bond { return &n.Bonds[0] }
	vlan := func(n *Network) *VLAN { return &n.VLANs[0] }
	for _, c := range []struct {
		field, reason string
		spoil         func(*Network)
	}{
		{"interfaces", "at most 10", func(n *Network) {
			for i := range 8 {
				n.Interfaces = append(n.Interfaces, NIC{ID: fmt.Sprintf("52:54:00:00:01:%02x", i)})
			}
		}},
		{"interfaces[0].id", "no MAC", func(n *Network) { nic(n).ID = "52-54-00-00-00-01" }},
		{"interfaces[0].id", "no MAC", func(n *Network) { nic(n).ID = "01:54:00:00:00:01" }},
		{"interfaces[0].id", "no MAC", func(n *Network) { nic(n).ID = "52:54:00:00:00:AB" }},
		{"interfaces[1].id", "twice", func(n *Network) { n.Interfaces[1].ID = mac1 }},
		{"interfaces[0].name", "lan1, lan2", func(n *Network) { nic(n).Name = "lan01" }},
		{"interfaces[0].name", "lan1, lan2", func(n *Network) { nic(n).Name = "wan" }},
		{"interfaces[1].name", "are called lan1", func(n *Network) { n.Interfaces[1].Name = "lan1" }},
		{"interfaces[0].label", "short text", func(n *Network) { nic(n).Label = "a\x1b[2J" }},
		{"interfaces[0].label", "short text", func(n *Network) { nic(n).Label = strings.Repeat("é", 41) }},
		{"interfaces[0].mtu", "from 576", func(n *Network) { nic(n).MTU = 100 }},
		{"interfaces[0].mtu", "from 576", func(n *Network) { nic(n).MTU = -1 }},
		{"interfaces[0].mtu", "IPv6 needs", func(n *Network) { nic(n).MTU = 1000 }},
		{"interfaces[0].zones[0]", "office", func(n *Network) { nic(n).Zones = []string{"garden"} }},
		{"interfaces[0].zones[1]", "once", func(n *Network) { nic(n).Zones = []string{"office", "office"} }},
		{"interfaces[0].ipv4.method", "dhcp, static or off", func(n *Network) { nic(n).IPv4.Method = "auto" }},
		{"interfaces[0].ipv4.method", "switched off", func(n *Network) { nic(n).IPv4.Method = "off" }},
		{"interfaces[0].ipv6.method", "auto, static or off", func(n *Network) { nic(n).IPv6.Method = "dhcp" }},
		{"interfaces[0].ipv4.addresses", "write one", func(n *Network) { nic(n).IPv4 = IPv4{Method: MethodStatic} }},
		{"interfaces[0].ipv4.addresses[0]", "length of its network", func(n *Network) { nic(n).IPv4.Addresses[0] = "192.168.1.10" }},
		{"interfaces[0].ipv4.addresses[0]", "no IPv4 address", func(n *Network) { nic(n).IPv4.Addresses[0] = "2001:db8::1/64" }},
		{"interfaces[0].ipv4.addresses[0]", "no IPv4 address", func(n *Network) { nic(n).IPv4.Addresses[0] = "192.168.1.10/0" }},
		{"interfaces[0].ipv4.addresses[0]", "whole network", func(n *Network) { nic(n).IPv4.Addresses[0] = "192.168.1.0/24" }},
		{"interfaces[0].ipv4.addresses[0]", "everybody", func(n *Network) { nic(n).IPv4.Addresses[0] = "192.168.1.255/24" }},
		{"interfaces[0].ipv4.addresses[0]", "no single machine", func(n *Network) { nic(n).IPv4.Addresses[0] = "127.0.0.1/8" }},
		{"interfaces[0].ipv4.addresses[0]", "no single machine", func(n *Network) { nic(n).IPv4.Addresses[0] = "255.1.1.1/8" }},
		{"interfaces[0].ipv4.addresses[1]", "twice", func(n *Network) { nic(n).IPv4.Addresses[1] = "192.168.1.10/24" }},
		{"interfaces[0].ipv6.addresses[0]", "by itself", func(n *Network) { nic(n).IPv6.Addresses[0] = "fe80::2/64" }},
		{"interfaces[0].ipv6.addresses[0]", "no IPv6", func(n *Network) { nic(n).IPv6.Addresses[0] = "::ffff:10.0.0.1/120" }},
		{"interfaces[0].ipv4.gateway", "none of the networks", func(n *Network) { nic(n).IPv4.Gateway = "192.168.2.1" }},
		{"interfaces[0].ipv4.gateway", "own address", func(n *Network) { nic(n).IPv4.Gateway = "192.168.1.10" }},
		{"interfaces[0].ipv4.gateway", "no IPv4 address", func(n *Network) { nic(n).IPv4.Gateway = "router" }},
		{"interfaces[0].ipv4.gateway", "static", func(n *Network) { nic(n).IPv4 = IPv4{Gateway: "192.168.1.1"} }},
		{"interfaces[0].ipv6.gateway", "no IPv6 address", func(n *Network) { nic(n).IPv6.Gateway = "fe80::1%eth0" }},
		{"interfaces[0].ipv4.metric", "from 1", func(n *Network) { nic(n).IPv4.Metric = 10000 }},
		{"vlans[0].ipv4.metric", "left to chance", func(n *Network) { vlan(n).IPv4.Gateway, vlan(n).IPv4.Metric = "10.10.0.2", 50 }},
		{"vlans[0].ipv4.addresses[0]", "has the address", func(n *Network) { vlan(n).IPv4.Addresses[0] = "192.168.1.10/24" }},
		{"vlans[0].ipv4.addresses[0]", "overlaps that of 172.16.0.9/16 on bond0 (cameras)", func(n *Network) { vlan(n).IPv4.Addresses[0] = "172.16.5.1/24" }},
		{"interfaces[3].ipv4.addresses[1]", "twice", func(n *Network) { n.Interfaces[3].IPv4.Addresses = []string{"10.3.0.1/24", "10.3.0.1/16"} }},
		{"bonds[0].name", "no name", func(n *Network) { bond(n).Name = "Bond" }},
		{"bonds[0].name", "no name", func(n *Network) { bond(n).Name = "sixteen-letters-" }},
		{"bonds[0].name", "network card", func(n *Network) { bond(n).Name = "lan3" }},
		{"bonds[0].name", "network card", func(n *Network) { bond(n).Name = "eth0" }},
		{"bonds[0].name", "something else", func(n *Network) { bond(n).Name = "all" }},
		{"bonds[0].mode", "no mode", func(n *Network) { bond(n).Mode = "fast" }},
		{"bonds[0].members", "no members", func(n *Network) { bond(n).Members = nil }},
		{"bonds[0].members[0]", "no network card", func(n *Network) { bond(n).Members[0] = "voice" }},
		{"bonds[0].members[1]", "twice", func(n *Network) { bond(n).Members[1] = mac2 }},
		{"bonds[1].members[0]", "in one bond only", func(n *Network) {
			n.Bonds = append(n.Bonds, Bond{Name: "bond1", Mode: BondXOR, Members: []string{mac3}})
		}},
		{"bonds[1].name", "used twice", func(n *Network) {
			n.Bonds = append(n.Bonds, Bond{Name: "bond0", Mode: BondXOR, Members: []string{mac1}})
		}},
		{"interfaces[0].mtu", "set the MTU there", func(n *Network) { bond(n).Members[0], bond(n).Primary = mac1, "" }},
		{"interfaces[1].ipv4", "no addresses of its own", func(n *Network) {
			n.Interfaces[1].IPv4 = IPv4{Method: MethodStatic, Addresses: []string{"10.2.0.1/24"}}
		}},
		{"interfaces[1].ipv6", "no addresses of its own", func(n *Network) {
			n.Interfaces[1].IPv6 = IPv6{Method: MethodStatic, Addresses: []string{"2001:db8:1::1/64"}}
		}},
		{"interfaces[3].disabled", "cannot be switched off", func(n *Network) { bond(n).Members[0] = mac4 }},
		{"bonds[0].primary", "no member of", func(n *Network) { bond(n).Primary = mac1 }},
		{"bonds[0].primary", "no member is preferred", func(n *Network) { bond(n).Mode = BondRoundRobin }},
		{"bonds[0].lacpRate", "slow or fast", func(n *Network) { bond(n).LACPRate = "often" }},
		{"bonds[0].lacpRate", "speaks LACP", func(n *Network) { bond(n).LACPRate = "fast" }},
		{"bonds[0].hashPolicy", "no hash policy", func(n *Network) { bond(n).HashPolicy = "md5" }},
		{"bonds[0].hashPolicy", "no hash decides", func(n *Network) { bond(n).HashPolicy = "layer2" }},
		{"bonds[0].miiMonitorMs", "not by both", func(n *Network) { bond(n).MIIMonitorMs = 100 }},
		{"bonds[0].miiMonitorMs", "from 10", func(n *Network) { bond(n).ARPIntervalMs, bond(n).ARPTargets, bond(n).MIIMonitorMs = 0, nil, 5 }},
		{"bonds[0].arpIntervalMs", "by their link alone", func(n *Network) { bond(n).Mode = BondTLB }},
		{"bonds[0].arpIntervalMs", "no interval", func(n *Network) { bond(n).ARPIntervalMs = 0 }},
		{"bonds[0].arpIntervalMs", "from 100", func(n *Network) { bond(n).ARPIntervalMs = 1 }},
		{"bonds[0].arpTargets", "at least one", func(n *Network) { bond(n).ARPTargets = nil }},
		{"bonds[0].arpTargets[0]", "no IPv4", func(n *Network) { bond(n).ARPTargets[0] = "::1" }},
		{"bonds[0].arpTargets[1]", "twice", func(n *Network) { bond(n).ARPTargets = []string{"172.16.0.1", "172.16.0.1"} }},
		{"vlans[0].name", "used twice", func(n *Network) { vlan(n).Name = "bond0" }},
		{"vlans[0].name", "no name", func(n *Network) { vlan(n).Name = "a/b" }},
		{"vlans[0].tag", "1 to 4094", func(n *Network) { vlan(n).Tag = 0 }},
		{"vlans[0].tag", "1 to 4094", func(n *Network) { vlan(n).Tag = 4095 }},
		{"vlans[1].tag", "same tag", func(n *Network) { n.VLANs[1].Parent = "bond0" }},
		{"vlans[0].parent", "neither", func(n *Network) { vlan(n).Parent = "voice" }},
		{"vlans[0].parent", "neither", func(n *Network) { vlan(n).Parent = "" }},
		{"vlans[0].parent", "on the bond", func(n *Network) { vlan(n).Parent = mac2 }},
		{"vlans[0].parent", "switched off", func(n *Network) { vlan(n).Parent = mac4 }},
		{"vlans[1].mtu", "larger than that of lan1", func(n *Network) { n.VLANs[1].MTU = 1401 }},
		{"dnsServers", "at most 3", func(n *Network) { n.DNSServers = []string{"1.1.1.1", "1.1.1.2", "1.1.1.3", "1.1.1.4"} }},
		{"dnsServers[0]", "no address", func(n *Network) { n.DNSServers[0] = "dns.example.com" }},
		{"dnsServers[0]", "no address", func(n *Network) { n.DNSServers[0] = "0.0.0.0" }},
		{"dnsServers[1]", "twice", func(n *Network) { n.DNSServers[1] = "192.168.1.1" }},
		{"search[0]", "no domain", func(n *Network) { n.Search[0] = "a b\nnameserver 6.6.6.6" }},
		{"search[1]", "twice", func(n *Network) { n.Search = []string{"a.example", "A.example"} }},
	} {
		t.Run(c.field+" "+c.reason, func(t *testing.T) {
			n := busy()
			c.spoil(&n)
			var field *FieldError
			if err := (Config{Network: n}).Validate(); !errors.As(err, &field) || field.Field != "network."+c.field || !strings.Contains(field.Reason, c.reason) {
				t.Errorf("got %+v", err)
			}
		})
	}
}

func TestANetworksCopySharesNothing(t *testing.T) {
	n := busy()
	before, err := json.Marshal(n)
	if err != nil {
		t.Fatal(err)
	}
	c := n.Clone()
	for _, list := range [][]string{c.DNSServers, c.Search, c.Interfaces[0].IPv4.Addresses, c.Interfaces[0].IPv6.Addresses, c.Interfaces[0].Zones,
		c.Bonds[0].Members, c.Bonds[0].ARPTargets, c.Bonds[0].IPv4.Addresses, c.Bonds[0].Zones, c.VLANs[0].IPv4.Addresses} {
		list[0] = "x"
	}
	c.Interfaces[0].ID, c.Bonds[0].Name, c.VLANs[0].Name = "x", "x", "x"
	if after, err := json.Marshal(n); err != nil || string(after) != string(before) {
		t.Errorf("%s, %v", after, err)
	}
}

func TestNamesStayWhenCardsComeAndGo(t *testing.T) {
	n := Network{}.Named([]string{mac2, mac1})
	if diff := cmp.Diff([]NIC{{ID: mac2, Name: "lan1"}, {ID: mac1, Name: "lan2"}}, n.Interfaces); diff != "" {
		t.Error(diff)
	}
	n.Interfaces[0].Label = "cameras"
	n = n.Named([]string{mac3, mac1}) // another order, one more, one fewer
	if diff := cmp.Diff([]NIC{{ID: mac2, Name: "lan1", Label: "cameras"}, {ID: mac1, Name: "lan2"}, {ID: mac3, Name: "lan3"}}, n.Interfaces); diff != "" {
		t.Error(diff)
	}
	n.Interfaces = n.Interfaces[1:] // lan1 was forgotten: its name is free
	n = n.Named([]string{mac4})
	if diff := cmp.Diff(NIC{ID: mac4, Name: "lan1"}, n.Interfaces[2]); diff != "" {
		t.Error(diff)
	}
	if err := n.Validate(); err != nil {
		t.Error(err)
	}
}

func TestPortsKnowTheirZonesAndBond(t *testing.T) {
	n := busy()
	if p, ok := n.Port(mac3); !ok || p.Bond != "bond0" || p.Title() != "lan7" || !p.In(ZoneOffice) || !p.In(ZoneCameras) {
		t.Errorf("got %+v", p)
	}
	if p, ok := n.Port(mac1); !ok || p.In(ZoneCameras) || p.Title() != "lan1 (Büro)" {
		t.Errorf("got %+v", p)
	}
	if _, ok := n.Port("lan1"); ok {
		t.Error("a name is taken for an id")
	}
	if got := len(n.Ports()); got != 7 {
		t.Errorf("%d ports", got)
	}
}

func TestResetNetworkLeavesNamesAndWhatIsNotNetwork(t *testing.T) {
	c := Config{
		Hostname: "gate", NTPServers: []string{"time.lan"}, Network: busy(), Firewall: Firewall{Services: map[string][]string{ServiceWeb: {ZoneCameras}}},
		Bandwidth: []BandwidthLimit{{Interface: mac1, Kbps: MinKbps}}, Web: Web{Port: 8443}, SSH: SSH{Enabled: true},
	}
	want := Config{
		Hostname: "gate", NTPServers: []string{"time.lan"}, SSH: SSH{Enabled: true},
		Network: Network{Interfaces: []NIC{{ID: mac1, Name: "lan1", Label: "Büro"}, {ID: mac2, Name: "lan2"}, {ID: mac3, Name: "lan7"}, {ID: mac4, Name: "lan4"}}},
	}
	c.ResetNetwork()
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
