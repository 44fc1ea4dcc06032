package network

import (
	"net"
	"slices"

	"github.com/vishvananda/netlink"

	"vigie/internal/sysconfig"
)

// usualMonitorMs is how often the members' links are looked at.
const usualMonitorMs = 100

// notices are how often the others on the network are told, 100 ms apart, that another member answers for the bond now:
// of one that is lost nobody would learn before the machine sends something by itself.
const notices = 5

// newBond is a bond as it is made: what can be told before there are members.
func (m *Manager) newBond(b sysconfig.Bond) *netlink.Bond {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = b.Name
	if mac := m.firstMember(b); mac != nil {
		attrs.HardwareAddr = mac
	}
	bond := netlink.NewLinkBond(attrs)
	bond.Mode = netlink.StringToBondMode(b.Mode)
	if b.ARPIntervalMs > 0 {
		bond.ArpInterval, bond.ArpIpTargets = b.ARPIntervalMs, targets(b)
	} else {
		bond.Miimon = monitor(b)
	}
	if b.Mode == sysconfig.BondLACP {
		bond.LacpRate = rate(b)
	}
	if b.Mode == sysconfig.BondActiveBackup || b.Mode == sysconfig.BondTLB || b.Mode == sysconfig.BondALB {
		bond.NumPeerNotif = notices
	}
	if b.HashPolicy != "" {
		bond.XmitHashPolicy = netlink.StringToBondXmitHashPolicy(b.HashPolicy)
	}
	if b.Mode == sysconfig.BondTLB && b.HashPolicy != "" {
		bond.TlbDynamicLb = 0 // or the kernel would balance by load, and not look at the policy
	}
	return bond
}

func monitor(b sysconfig.Bond) int {
	switch {
	case b.ARPIntervalMs > 0:
		return 0
	case b.MIIMonitorMs > 0:
		return b.MIIMonitorMs
	}
	return usualMonitorMs
}

func rate(b sysconfig.Bond) netlink.BondLacpRate {
	if b.LACPRate == "fast" {
		return netlink.BOND_LACP_RATE_FAST
	}
	return netlink.BOND_LACP_RATE_SLOW
}

func policy(b sysconfig.Bond) netlink.BondXmitHashPolicy {
	if b.HashPolicy == "" {
		return netlink.BOND_XMIT_HASH_POLICY_LAYER2
	}
	return netlink.StringToBondXmitHashPolicy(b.HashPolicy)
}

func targets(b sysconfig.Bond) []net.IP {
	var out []net.IP
	for _, s := range b.ARPTargets {
		out = append(out, net.ParseIP(s).To4())
	}
	return out
}

// sameBond says whether a bond can become the wanted one without being made anew: the rest can be changed only while it
// has no members, or is down.
func sameBond(is *netlink.Bond, b sysconfig.Bond) bool {
	switch {
	case is.Mode != netlink.StringToBondMode(b.Mode):
		return false
	case b.Mode == sysconfig.BondLACP && is.LacpRate != rate(b):
		return false
	case b.Mode == sysconfig.BondTLB && (is.TlbDynamicLb == 0) != (b.HashPolicy != ""):
		return false
	}
	return (is.ArpInterval > 0) == (b.ARPIntervalMs > 0)
}

// tuneBonds changes what can be changed while a bond works.
func (m *Manager) tuneBonds() (changed bool) {
	for _, b := range m.config.Bonds {
		n := m.find(b.Name)
		if n == nil {
			continue
		}
		is, ok := n.link.(*netlink.Bond)
		if !ok {
			continue
		}
		if mac := m.firstMember(b); mac != nil && !hasMembers(m.nics, n.index) && !slices.Equal(is.HardwareAddr, mac) {
			changed = m.try(n, "set MAC address", netlink.LinkSetHardwareAddr(n.link, mac)) || changed
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.Index = is.Name, is.Index
		next, differs := netlink.NewLinkBond(attrs), false
		if want := monitor(b); is.Miimon != want {
			next.Miimon, differs = want, true
		}
		if b.ARPIntervalMs > 0 && is.ArpInterval != b.ARPIntervalMs {
			next.ArpInterval, differs = b.ARPIntervalMs, true
		}
		if b.ARPIntervalMs > 0 && !slices.EqualFunc(is.ArpIpTargets, targets(b), net.IP.Equal) {
			next.ArpIpTargets, differs = targets(b), true
		}
		if want := policy(b); is.XmitHashPolicy != want {
			next.XmitHashPolicy, differs = want, true
		}
		if want, known := m.primary(b, n.index); known && is.Primary != want {
			next.Primary, differs = want, true
		}
		if differs {
			changed = m.try(n, "change", netlink.LinkModify(next)) || changed
		}
	}
	return changed
}

// primary is the index of the member to prefer, 0 for none. It is not known before that NIC is a member.
func (m *Manager) primary(b sysconfig.Bond, bond int) (index int, known bool) {
	if b.Primary == "" {
		return 0, b.Mode == sysconfig.BondActiveBackup || b.Mode == sysconfig.BondTLB || b.Mode == sysconfig.BondALB
	}
	n := m.find(b.Primary)
	if n == nil || n.link.Attrs().MasterIndex != bond {
		return 0, false
	}
	return n.index, true
}

func hasMembers(nics map[int]*nic, bond int) bool {
	for _, n := range nics {
		if n.link.Attrs().MasterIndex == bond {
			return true
		}
	}
	return false
}
