package sysconfig

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of the network's section.
const (
	MaxNICs        = 10
	MaxBonds       = 5
	MaxVLANs       = 64
	MaxAddresses   = 16 // of one family on one interface
	MaxDNSServers  = 3  // resolvers look at no more
	MaxSearch      = 6
	MaxARPTargets  = 16
	maxLabel       = 40
	minMTU         = 576
	minMTUv6       = 1280 // RFC 8200, section 5
	maxMTU         = 9216
	defaultMTU     = 1500
	maxMetric      = 9999
	maxNameLength  = 15 // of an interface in Linux
	maxMonitorMs   = 10000
	minMIIMs       = 10
	minARPMs       = 100
	maxNameOrdinal = 999
)

// Network is how the machine's interfaces are used. The zero value: every NIC is up, asks DHCP for an IPv4 address and
// takes IPv6 addresses that routers announce.
//
// Interfaces are referred to by id: a NIC by its permanent MAC address in lower case with colons, a bond or VLAN by its
// name. A NIC that has no entry is used as by a zero one.
type Network struct {
	Interfaces []NIC  `json:"interfaces,omitempty"`
	Bonds      []Bond `json:"bonds,omitempty"`
	VLANs      []VLAN `json:"vlans,omitempty"`
	// DNSServers are addresses, in order; none means those that DHCP gives. Search are domains, likewise.
	DNSServers []string `json:"dnsServers,omitempty"`
	Search     []string `json:"search,omitempty"`
}

// ResetNetwork takes back what decides by which way the machine is reached: how interfaces are used, their zones and what is open
// in these, limits of what they send, the web admin's port. Cards keep the names by which people know them, and the machine its own.
func (c *Config) ResetNetwork() {
	var cards []NIC
	for _, n := range c.Network.Interfaces {
		cards = append(cards, NIC{ID: n.ID, Name: n.Name, Label: n.Label})
	}
	c.Network, c.Firewall, c.Bandwidth, c.Web = Network{Interfaces: cards}, Firewall{}, nil, Web{}
}

// NIC is one Ethernet card's entry. It also keeps the name that the card once got, whatever cards come and go.
type NIC struct {
	ID       string   `json:"id"`
	Name     string   `json:"name,omitempty"` // lan1, lan2, …; empty: none was given yet
	Label    string   `json:"label,omitempty"`
	Disabled bool     `json:"disabled,omitempty"`
	MTU      int      `json:"mtu,omitempty"` // bytes; 0: what DHCP says, or the card's own
	IPv4     IPv4     `json:"ipv4,omitzero"`
	IPv6     IPv6     `json:"ipv6,omitzero"`
	Zones    []string `json:"zones,omitempty"` // ZoneOffice, ZoneCameras; none: both
}

// Bond is several NICs that act as one.
type Bond struct {
	Name    string   `json:"name"` // its id
	Label   string   `json:"label,omitempty"`
	Mode    string   `json:"mode"`
	Members []string `json:"members"` // ids of NICs
	// Primary is the member to prefer; modes active-backup, balance-tlb and balance-alb.
	Primary string `json:"primary,omitempty"`
	// MIIMonitorMs is between two looks at the members' links; 0 is 100, unless ARP watches them.
	MIIMonitorMs int `json:"miiMonitorMs,omitempty"`
	// ARPIntervalMs is between two questions to ARPTargets, whose answers say that a member works.
	ARPIntervalMs int      `json:"arpIntervalMs,omitempty"`
	ARPTargets    []string `json:"arpTargets,omitempty"`
	LACPRate      string   `json:"lacpRate,omitempty"`   // slow (default), fast; mode 802.3ad
	HashPolicy    string   `json:"hashPolicy,omitempty"` // which member sends what; empty: layer2
	MTU           int      `json:"mtu,omitempty"`
	IPv4          IPv4     `json:"ipv4,omitzero"`
	IPv6          IPv6     `json:"ipv6,omitzero"`
	Zones         []string `json:"zones,omitempty"`
}

// VLAN is one tagged network (IEEE 802.1Q) on a NIC or a bond.
type VLAN struct {
	Name   string   `json:"name"` // its id
	Label  string   `json:"label,omitempty"`
	Parent string   `json:"parent"` // id of a NIC or name of a bond
	Tag    int      `json:"tag"`
	MTU    int      `json:"mtu,omitempty"`
	IPv4   IPv4     `json:"ipv4,omitzero"`
	IPv6   IPv6     `json:"ipv6,omitzero"`
	Zones  []string `json:"zones,omitempty"`
}

// IPv4 is how an interface gets its IPv4 addresses.
type IPv4 struct {
	Method    string   `json:"method,omitempty"`    // MethodDHCP (or empty), MethodStatic, MethodOff
	Addresses []string `json:"addresses,omitempty"` // with prefix length; with DHCP they come besides the lease's
	Gateway   string   `json:"gateway,omitempty"`
	Metric    int      `json:"metric,omitempty"` // of the routes: the lowest is used; 0: by the order of the interfaces
}

// IPv6 is how an interface gets its IPv6 addresses.
type IPv6 struct {
	Method    string   `json:"method,omitempty"` // MethodAuto (or empty), MethodStatic, MethodOff
	Addresses []string `json:"addresses,omitempty"`
	Gateway   string   `json:"gateway,omitempty"`
	Metric    int      `json:"metric,omitempty"`
}

// How an interface gets addresses.
const (
	MethodDHCP   = "dhcp"
	MethodAuto   = "auto" // SLAAC (RFC 4862)
	MethodStatic = "static"
	MethodOff    = "off"
)

// The two worlds that an interface can be in.
const (
	ZoneOffice  = "office"
	ZoneCameras = "cameras"
)

// The modes of a bond, as the kernel names them.
const (
	BondRoundRobin   = "balance-rr"
	BondActiveBackup = "active-backup"
	BondXOR          = "balance-xor"
	BondBroadcast    = "broadcast"
	BondLACP         = "802.3ad"
	BondTLB          = "balance-tlb"
	BondALB          = "balance-alb"
)

// Clone returns a copy that shares nothing with n.
func (n Network) Clone() Network {
	n.Interfaces, n.Bonds, n.VLANs = slices.Clone(n.Interfaces), slices.Clone(n.Bonds), slices.Clone(n.VLANs)
	n.DNSServers, n.Search = slices.Clone(n.DNSServers), slices.Clone(n.Search)
	for i := range n.Interfaces {
		c := &n.Interfaces[i]
		c.Zones, c.IPv4.Addresses, c.IPv6.Addresses = slices.Clone(c.Zones), slices.Clone(c.IPv4.Addresses), slices.Clone(c.IPv6.Addresses)
	}
	for i := range n.Bonds {
		b := &n.Bonds[i]
		b.Zones, b.IPv4.Addresses, b.IPv6.Addresses = slices.Clone(b.Zones), slices.Clone(b.IPv4.Addresses), slices.Clone(b.IPv6.Addresses)
		b.Members, b.ARPTargets = slices.Clone(b.Members), slices.Clone(b.ARPTargets)
	}
	for i := range n.VLANs {
		v := &n.VLANs[i]
		v.Zones, v.IPv4.Addresses, v.IPv6.Addresses = slices.Clone(v.Zones), slices.Clone(v.IPv4.Addresses), slices.Clone(v.IPv6.Addresses)
	}
	return n
}

// The kinds of a Port.
const (
	KindNIC  = "ethernet"
	KindBond = "bond"
	KindVLAN = "vlan"
)

// Port is one interface of whatever kind: what has addresses and belongs to zones.
type Port struct {
	Kind    string
	ID      string
	Name    string
	Label   string
	Field   string // where it stands in the document
	Bond    string // the bond that it is a member of: it has no addresses, and no zone of its own
	Enabled bool
	MTU     int
	IPv4    IPv4
	IPv6    IPv6
	Zones   []string
}

// In says whether the port belongs to a zone.
func (p Port) In(zone string) bool { return len(p.Zones) == 0 || slices.Contains(p.Zones, zone) }

// Title is the port's name for people.
func (p Port) Title() string {
	name := p.Name
	if name == "" {
		name = p.ID
	}
	if p.Label != "" {
		return fmt.Sprintf("%s (%s)", name, p.Label)
	}
	return name
}

// Ports lists NICs, bonds and VLANs in the order of the document.
func (n Network) Ports() []Port {
	bond := map[string]string{}
	for _, b := range n.Bonds {
		for _, m := range b.Members {
			bond[m] = b.Name
		}
	}
	var out []Port
	for i, c := range n.Interfaces {
		out = append(out, Port{KindNIC, c.ID, c.Name, c.Label, fmt.Sprintf("network.interfaces[%d]", i), bond[c.ID], !c.Disabled, c.MTU, c.IPv4, c.IPv6, c.Zones})
	}
	for i, b := range n.Bonds {
		out = append(out, Port{KindBond, b.Name, b.Name, b.Label, fmt.Sprintf("network.bonds[%d]", i), "", true, b.MTU, b.IPv4, b.IPv6, b.Zones})
	}
	for i, v := range n.VLANs {
		out = append(out, Port{KindVLAN, v.Name, v.Name, v.Label, fmt.Sprintf("network.vlans[%d]", i), "", true, v.MTU, v.IPv4, v.IPv6, v.Zones})
	}
	return out
}

// Port finds an interface by its id.
func (n Network) Port(id string) (Port, bool) {
	for _, p := range n.Ports() {
		if p.ID == id {
			return p, true
		}
	}
	return Port{}, false
}

// Named returns n with an entry and a name for each of the NICs given by id, in their order; entries that have a name keep
// it. NICs beyond MaxNICs get none.
func (n Network) Named(ids []string) Network {
	n = n.Clone()
	for _, id := range ids {
		if len(n.Interfaces) < MaxNICs && !slices.ContainsFunc(n.Interfaces, func(c NIC) bool { return c.ID == id }) {
			n.Interfaces = append(n.Interfaces, NIC{ID: id})
		}
	}
	for i := range n.Interfaces {
		for k := 1; n.Interfaces[i].Name == ""; k++ {
			name := "lan" + strconv.Itoa(k)
			if !slices.ContainsFunc(n.Interfaces, func(c NIC) bool { return c.Name == name }) {
				n.Interfaces[i].Name = name
			}
		}
	}
	return n
}

// Ordinal is the number in a NIC's name, or 0.
func (c NIC) Ordinal() int { return ordinal(c.Name) }

func ordinal(name string) int {
	digits, ok := strings.CutPrefix(name, "lan")
	k, err := strconv.Atoi(digits)
	if !ok || err != nil || k < 1 || k > maxNameOrdinal || strconv.Itoa(k) != digits {
		return 0
	}
	return k
}
