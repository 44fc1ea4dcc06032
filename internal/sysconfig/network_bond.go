package sysconfig

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// bondModes says what each mode of a bond can be told.
var bondModes = map[string]struct{ primary, hash, lacp, arp bool }{
	BondRoundRobin:   {arp: true},
	BondActiveBackup: {arp: true, primary: true},
	BondXOR:          {arp: true, hash: true},
	BondBroadcast:    {arp: true},
	BondLACP:         {hash: true, lacp: true},
	BondTLB:          {hash: true, primary: true},
	BondALB:          {primary: true},
}

// BondModes lists the seven modes in the kernel's order.
func BondModes() []string {
	return []string{BondRoundRobin, BondActiveBackup, BondXOR, BondBroadcast, BondLACP, BondTLB, BondALB}
}

// HashPolicies lists what can decide which member a packet goes by.
func HashPolicies() []string {
	return []string{"layer2", "layer2+3", "layer3+4", "encap2+3", "encap3+4", "vlan+srcmac"}
}

func (n Network) bonds() error {
	taken, member := map[string]bool{}, map[string]string{}
	for i, b := range n.Bonds {
		field := fmt.Sprintf("network.bonds[%d]", i)
		if err := n.made(field+".name", b.Name, taken); err != nil {
			return err
		}
		if err := n.members(field, b, member); err != nil {
			return err
		}
		if err := b.options(field); err != nil {
			return err
		}
		if err := b.monitor(field); err != nil {
			return err
		}
	}
	return nil
}

// options holds what the bond is told against its mode.
func (b Bond) options(field string) error {
	mode, ok := bondModes[b.Mode]
	switch {
	case !ok:
		return refuse(field+".mode", "%q is no mode of a bond. There are %s.", clip(b.Mode), strings.Join(BondModes(), ", "))
	case b.Primary != "" && !mode.primary:
		return refuse(field+".primary", "In mode %s no member is preferred: leave the primary away.", b.Mode)
	case b.Primary != "" && !slices.Contains(b.Members, b.Primary):
		return refuse(field+".primary", "The primary %q is no member of %s.", clip(b.Primary), b.Name)
	case b.LACPRate != "" && b.LACPRate != "slow" && b.LACPRate != "fast":
		return refuse(field+".lacpRate", "The LACP rate is slow or fast, not %q.", clip(b.LACPRate))
	case b.LACPRate != "" && !mode.lacp:
		return refuse(field+".lacpRate", "Only the mode %s speaks LACP: leave the rate away.", BondLACP)
	case b.HashPolicy != "" && !slices.Contains(HashPolicies(), b.HashPolicy):
		return refuse(field+".hashPolicy", "%q is no hash policy. There are %s.", clip(b.HashPolicy), strings.Join(HashPolicies(), ", "))
	case b.HashPolicy != "" && !mode.hash:
		return refuse(field+".hashPolicy", "In mode %s no hash decides who sends: leave the hash policy away.", b.Mode)
	}
	return nil
}

// members holds the members against the NICs; member collects whose each is.
func (n Network) members(field string, b Bond, member map[string]string) error {
	if len(b.Members) == 0 {
		return refuse(field+".members", "%s has no members: choose the network cards that it is made of.", b.Name)
	}
	for k, id := range b.Members {
		field := fmt.Sprintf("%s.members[%d]", field, k)
		at := slices.IndexFunc(n.Interfaces, func(c NIC) bool { return c.ID == id })
		if at < 0 {
			return refuse(field, "%q is no network card, and nothing else can be a member of a bond.", clip(id))
		}
		if other, ok := member[id]; ok && other == b.Name {
			return refuse(field, "%s is in %s twice.", n.title(at), b.Name)
		} else if ok {
			return refuse(field, "%s is a member of %s already: it can be in one bond only.", n.title(at), other)
		}
		member[id] = b.Name
		c, own := n.Interfaces[at], fmt.Sprintf("network.interfaces[%d]", at)
		switch {
		case c.Disabled:
			return refuse(own+".disabled", "%s is a member of %s, so it cannot be switched off.", n.title(at), b.Name)
		case c.MTU != 0:
			return refuse(own+".mtu", "%s is a member of %s: set the MTU there.", n.title(at), b.Name)
		case len(c.IPv4.Addresses) > 0 || c.IPv4.Gateway != "":
			return refuse(own+".ipv4", "%s is a member of %s, so it can have no addresses of its own: give them to the bond.", n.title(at), b.Name)
		case len(c.IPv6.Addresses) > 0 || c.IPv6.Gateway != "":
			return refuse(own+".ipv6", "%s is a member of %s, so it can have no addresses of its own: give them to the bond.", n.title(at), b.Name)
		}
	}
	return nil
}

func (n Network) title(nic int) string {
	c := n.Interfaces[nic]
	return Port{ID: c.ID, Name: c.Name, Label: c.Label}.Title()
}

func (b Bond) monitor(field string) error {
	switch {
	case b.ARPIntervalMs == 0 && len(b.ARPTargets) > 0:
		return refuse(field+".arpIntervalMs", "There are ARP targets but no interval at which they are asked. Write for example 1000.")
	case b.ARPIntervalMs != 0 && !bondModes[b.Mode].arp:
		return refuse(field+".arpIntervalMs", "In mode %s members are watched by their link alone: leave ARP away.", b.Mode)
	case b.ARPIntervalMs != 0 && b.MIIMonitorMs != 0:
		return refuse(field+".miiMonitorMs", "Members are watched by their link or by ARP, not by both: leave one away.")
	case b.ARPIntervalMs != 0 && (b.ARPIntervalMs < minARPMs || b.ARPIntervalMs > maxMonitorMs):
		return refuse(field+".arpIntervalMs", "The interval must be from %d to %d milliseconds.", minARPMs, maxMonitorMs)
	case b.MIIMonitorMs != 0 && (b.MIIMonitorMs < minMIIMs || b.MIIMonitorMs > maxMonitorMs):
		return refuse(field+".miiMonitorMs", "The interval must be from %d to %d milliseconds.", minMIIMs, maxMonitorMs)
	case b.ARPIntervalMs != 0 && len(b.ARPTargets) == 0:
		return refuse(field+".arpTargets", "Name at least one address that answers ARP on this network, for example the gateway.")
	case len(b.ARPTargets) > MaxARPTargets:
		return refuse(field+".arpTargets", "There are %d ARP targets; at most %d can be asked.", len(b.ARPTargets), MaxARPTargets)
	}
	for i, s := range b.ARPTargets {
		field := fmt.Sprintf("%s.arpTargets[%d]", field, i)
		if a, err := netip.ParseAddr(s); err != nil || !a.Is4() || !host(a) {
			return refuse(field, "%q is no IPv4 address. Write for example 192.168.1.1.", clip(s))
		}
		if slices.Contains(b.ARPTargets[:i], s) {
			return refuse(field, "%s is in the list twice.", s)
		}
	}
	return nil
}
