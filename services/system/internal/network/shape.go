package network

import (
	"errors"
	"net"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/sysconfig"
)

const usualMTU = 1500

// shape takes one step towards the bonds, VLANs, memberships, MTUs and switches of the configuration, and says whether
// anything changed: then the kernel is looked at again before the next step.
func (m *Manager) shape() bool {
	if m.held {
		m.rouse()
		return false
	}
	for _, step := range []func() bool{m.unmake, m.makeBonds, m.tuneBonds, m.enlist, m.makeVLANs, m.sizes, m.switches} {
		if step() {
			return true
		}
	}
	return false
}

// rouse switches the NICs on, so that they find their links while the configuration is awaited.
func (m *Manager) rouse() {
	for _, n := range m.nics {
		if a := n.link.Attrs(); n.kind == sysconfig.KindNIC && a.MasterIndex == 0 && a.RawFlags&unix.IFF_UP == 0 {
			m.try(n, "bring up", netlink.LinkSetUp(n.link))
		}
	}
}

// try complains when something could not be done, and says whether it could.
func (m *Manager) try(n *nic, what string, err error) bool {
	if err != nil {
		m.complain(n, what, err)
	}
	return err == nil
}

// find returns the interface with an id, or nil.
func (m *Manager) find(id string) *nic {
	for _, n := range m.nics {
		if n.id == id {
			return n
		}
	}
	return nil
}

// unmake removes bonds and VLANs that are not wanted, or not in this way.
func (m *Manager) unmake() (changed bool) {
	for _, n := range m.nics {
		switch l := n.link.(type) {
		case *netlink.Vlan:
			at := slices.IndexFunc(m.config.VLANs, func(v sysconfig.VLAN) bool { return v.Name == n.id })
			if at >= 0 {
				v := m.config.VLANs[at]
				if parent := m.find(v.Parent); parent != nil && parent.index == l.ParentIndex && l.VlanId == v.Tag {
					continue
				}
			}
		case *netlink.Bond:
			at := slices.IndexFunc(m.config.Bonds, func(b sysconfig.Bond) bool { return b.Name == n.id })
			if at >= 0 && sameBond(l, m.config.Bonds[at]) {
				continue
			}
		default:
			continue
		}
		m.end(n)
		if m.try(n, "remove", netlink.LinkDel(n.link)) {
			m.cfg.Log.Info("interface removed", "nic", n.name)
			changed = true
		}
	}
	return changed
}

func (m *Manager) makeBonds() (changed bool) {
	for _, b := range m.config.Bonds {
		if n := m.find(b.Name); n != nil && n.kind == sysconfig.KindBond {
			continue
		}
		link := m.newBond(b)
		err := netlink.LinkAdd(link)
		if err != nil && !errors.Is(err, unix.EEXIST) { // loading the driver makes one, which is then made fit
			m.refused("bond", b.Name, err)
			continue
		}
		m.cfg.Log.Info("bond made", "nic", b.Name, "mode", b.Mode)
		changed = true
	}
	return changed
}

func (m *Manager) makeVLANs() (changed bool) {
	for _, v := range m.config.VLANs {
		parent := m.find(v.Parent)
		if parent == nil || m.find(v.Name) != nil {
			continue // the card is not there
		}
		attrs := netlink.NewLinkAttrs()
		attrs.Name, attrs.ParentIndex = v.Name, parent.index
		err := netlink.LinkAdd(&netlink.Vlan{LinkAttrs: attrs, VlanId: v.Tag, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
		if err != nil {
			m.refused("VLAN", v.Name, err)
			continue
		}
		m.cfg.Log.Info("VLAN made", "nic", v.Name, "tag", v.Tag)
		changed = true
	}
	return changed
}

// refused notes what could not be made, once, and has it tried again later.
func (m *Manager) refused(what, name string, err error) {
	m.again = time.Now().Add(interval)
	if m.refusals[name] != err.Error() {
		m.refusals[name] = err.Error()
		m.cfg.Log.Error(what+" cannot be made", "nic", name, "err", err)
	}
	m.cfg.Console.Say("nic "+name, "%s %s cannot be made: %v", what, name, err)
}

// enlist puts members into their bonds and takes others out.
func (m *Manager) enlist() (changed bool) {
	for _, n := range m.byIndex() {
		if n.kind != sysconfig.KindNIC {
			continue
		}
		is, wants := n.link.Attrs().MasterIndex, 0
		if bond := m.find(n.port.Bond); bond != nil && n.port.Bond != "" {
			wants = bond.index
		}
		if is == wants {
			continue
		}
		if is != 0 {
			changed = m.try(n, "leave the bond", netlink.LinkSetNoMaster(n.link)) || changed
			continue
		}
		if err := m.join(n, m.nics[wants].link); err != nil {
			m.complain(n, "join "+n.port.Bond, err)
			continue
		}
		m.cfg.Log.Info("bond has a member more", "nic", n.port.Bond, "member", n.name)
		changed = true
	}
	return changed
}

// join makes a NIC a member; the kernel takes none that is up or has addresses.
func (m *Manager) join(n *nic, bond netlink.Link) error {
	m.end(n)
	n.last, n.kept = nil, false
	m.strip(n)
	m.setIPv6(n, true, false)
	if err := netlink.LinkSetDown(n.link); err != nil {
		return err
	}
	return netlink.LinkSetMaster(n.link, bond)
}

// sizes sets MTUs: of what carries others first, which takes theirs along when it shrinks.
func (m *Manager) sizes() (changed bool) {
	for _, n := range m.ordered() {
		if mtu := m.mtu(n); mtu != 0 && n.link.Attrs().MTU != mtu {
			changed = m.try(n, "set MTU", netlink.LinkSetMTU(n.link, mtu)) || changed
		}
	}
	return changed
}

// mtu is what the interface's should be; 0: as it is.
func (m *Manager) mtu(n *nic) int {
	if n.kind == sysconfig.KindNIC && n.ownMTU == 0 {
		n.ownMTU = usualMTU
		if n.port.MTU == 0 && n.link.Attrs().MasterIndex == 0 {
			n.ownMTU = n.link.Attrs().MTU // a hypervisor's network may take less
		}
	}
	switch {
	case n.port.Bond != "":
		return 0 // the bond's
	case n.port.MTU != 0:
		return n.port.MTU
	case n.last != nil && n.last.MTU != 0:
		return n.last.MTU
	case n.kind == sysconfig.KindNIC:
		return n.ownMTU
	case n.kind == sysconfig.KindVLAN:
		if v, ok := n.link.(*netlink.Vlan); ok {
			if parent := m.nics[v.ParentIndex]; parent != nil {
				return min(usualMTU, max(parent.link.Attrs().MTU, m.mtu(parent)))
			}
		}
	}
	return usualMTU
}

// switches brings interfaces up, and down those that are switched off.
func (m *Manager) switches() (changed bool) {
	for _, n := range m.ordered() {
		up := n.link.Attrs().RawFlags&unix.IFF_UP != 0
		switch {
		case n.port.Enabled && !up:
			if n.alone() {
				m.setIPv6(n, n.port.IPv6.Method == sysconfig.MethodOff, n.auto())
			}
			changed = m.try(n, "bring up", netlink.LinkSetUp(n.link)) || changed
		case !n.port.Enabled && up:
			m.end(n)
			n.last, n.kept = nil, false
			m.strip(n)
			changed = m.try(n, "switch off", netlink.LinkSetDown(n.link)) || changed
			m.say(n, "switched off")
		}
	}
	return changed
}

// firstMember is the MAC address that a bond has: that of the first of its members that is there.
func (m *Manager) firstMember(b sysconfig.Bond) net.HardwareAddr {
	for _, id := range b.Members {
		if m.find(id) != nil {
			mac, _ := net.ParseMAC(id)
			return mac
		}
	}
	return nil
}
