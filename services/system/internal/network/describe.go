package network

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
)

// describe is the interface in the words of the API.
func (m *Manager) describe(n *nic) api.Interface {
	a := n.link.Attrs()
	out := api.Interface{
		ID: n.id, Kind: api.InterfaceKind(n.kind), Name: n.name, Device: n.device, Label: n.port.Label, Disabled: !n.port.Enabled || m.observe && a.RawFlags&unix.IFF_UP == 0,
		Mac: a.HardwareAddr.String(), Carrier: n.carrier, Mtu: a.MTU, Addresses: []string{}, Bond: n.port.Bond, Problem: sentence(n.complaint),
	}
	if driver, err := os.Readlink(filepath.Join("/sys/class/net", n.device, "device/driver")); err == nil {
		out.Driver = filepath.Base(driver)
	}
	out.Slot = slot("/sys/class/net", n.device)
	if n.carrier {
		if v, err := strconv.Atoi(n.sys("speed")); err == nil && v > 0 {
			out.SpeedMbps = v
		}
		if d := api.InterfaceDuplex(n.sys("duplex")); d.Valid() {
			out.Duplex = d
		}
	}
	if s := a.Statistics; s != nil {
		out.RxBytes, out.TxBytes = int64(s.RxBytes), int64(s.TxBytes)
		out.RxPackets, out.TxPackets = int64(s.RxPackets), int64(s.TxPackets)
		out.RxErrors, out.TxErrors = int64(s.RxErrors), int64(s.TxErrors)
		out.RxDropped, out.TxDropped = int64(s.RxDropped), int64(s.TxDropped)
	}
	m.describeAddresses(n, &out)
	m.describeDHCP(n, &out)
	switch l := n.link.(type) {
	case *netlink.Bond:
		out.BondState = m.describeBond(n, l)
	case *netlink.Vlan:
		out.Tag = l.VlanId
		if parent := m.nics[l.ParentIndex]; parent != nil {
			out.Parent = parent.id
		}
	}
	if s, ok := a.Slave.(*netlink.BondSlave); ok {
		out.Member = api.BondMember{
			Active: s.State == netlink.BondStateActive, Link: api.BondMemberLink(strings.ToLower(s.MiiStatus.String())),
			Failures: int(s.LinkFailureCount), Aggregator: int(s.AggregatorId),
		}
		if !out.Member.Link.Valid() {
			out.Member.Link = api.BondMemberLinkDown
		}
	}
	return out
}

// sys reads one of the kernel's files about the interface; empty when it says nothing.
func (n *nic) sys(name string) string {
	b, _ := os.ReadFile(filepath.Join("/sys/class/net", n.device, name))
	return strings.TrimSpace(string(b))
}

func (m *Manager) describeAddresses(n *nic, out *api.Interface) {
	addrs, err := netlink.AddrList(n.link, netlink.FAMILY_ALL)
	if err != nil {
		m.complain(n, "list addresses", err)
	}
	for _, addr := range addrs {
		switch {
		case addr.IP.IsLinkLocalUnicast() && addr.IP.To4() == nil:
			out.LinkLocal = addr.IP.String()
		default:
			out.Addresses = append(out.Addresses, addr.IPNet.String())
		}
		if addr.Flags&unix.IFA_F_DADFAILED != 0 {
			out.Problem = "Another machine has the address " + addr.IP.String() + ", so that this one does not use it. Give one of them another address."
		}
	}
	if text := n.contest(); text != "" {
		out.Problem = text
	}
	out.Gateway, out.Gateway6 = n.gateway(netlink.FAMILY_V4), n.gateway(netlink.FAMILY_V6)
}

func (m *Manager) describeDHCP(n *nic, out *api.Interface) {
	out.Dhcp = api.Dhcp{Status: api.DhcpStatus(n.state.Status), Reason: n.state.Reason}
	if m.observe {
		out.Dhcp = api.Dhcp{Status: api.DhcpStatusOff}
	}
	if l := n.state.Lease; l != nil {
		if l.Router.IsValid() {
			out.Gateway = l.Router.String()
		}
		if l.Server.IsValid() {
			out.Dhcp.Server = l.Server.String()
		}
		if !l.Infinite() {
			out.Dhcp.LeaseEndMs = onTheClock(l.Ends(), time.Until(l.Ends()), time.Now()).UnixMilli()
			out.Dhcp.RenewMs = onTheClock(l.At.Add(l.Renew), time.Until(l.At.Add(l.Renew)), time.Now()).UnixMilli()
		}
	}
}

// describeBond tells what the bond is and whom it speaks to.
func (m *Manager) describeBond(n *nic, l *netlink.Bond) api.BondState {
	out := api.BondState{Mode: api.BondMode(l.Mode.String()), Members: []string{}}
	for _, c := range m.ordered() {
		if c.link.Attrs().MasterIndex == n.index {
			out.Members = append(out.Members, c.id)
		}
	}
	if active := m.nics[l.ActiveSlave]; active != nil {
		out.Active = active.id
	}
	if l.Mode == netlink.BOND_MODE_802_3AD {
		number := func(name string) int {
			v, _ := strconv.Atoi(n.sys("bonding/" + name))
			return v
		}
		out.Aggregator, out.Ports, out.PartnerMac = number("ad_aggregator"), number("ad_num_ports"), n.sys("bonding/ad_partner_mac")
		if out.PartnerMac == "00:00:00:00:00:00" {
			out.PartnerMac = ""
		} else {
			out.PartnerKey = number("ad_partner_key")
		}
	}
	return out
}

// sentence makes one of what was logged.
func sentence(complaint string) string {
	if complaint == "" {
		return ""
	}
	return "The kernel refused: " + complaint + "."
}

// onTheClock is an instant that is left away, by the clock as it is now. What the clock said when the instant was fixed
// (then) is good enough unless the clock has been set since, as it is at the first answer of an NTP server.
func onTheClock(then time.Time, left time.Duration, now time.Time) time.Time {
	const slewed = 2 * time.Second
	end := now.Round(0).Add(left)
	if end.Sub(then.Round(0)).Abs() < slewed {
		return then
	}
	return end.Round(time.Second)
}
