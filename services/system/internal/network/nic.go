package network

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/sysconfig"
	"vigie/services/system/internal/arp"
	"vigie/services/system/internal/dhcp"
)

// nic is one interface: a NIC, a bond or a VLAN. It belongs to Run.
type nic struct {
	index     int
	kind      string // of sysconfig
	id        string
	name      string // for people
	device    string // the kernel's name
	port      sysconfig.Port
	link      netlink.Link
	carrier   bool
	since     time.Time // when it was taken up
	run       *clientRun
	state     dhcp.State
	last      *dhcp.Lease // in use, or guessed; survives the loss of the carrier
	kept      bool        // last is a guess, and nobody has objected
	set       *dhcp.Lease // whose lifetime the kernel has
	failed    bool        // something could not be done in this pass
	complaint string      // logged last
	ownMTU    int         // of the card, when nothing is configured
	watch     *watch      // over its static addresses; nil: there are none
	rivals    map[netip.Addr]arp.MAC
	retried   time.Time // when IPv6 addresses that others had were tried again
}

// clientRun is one run of a DHCP client, from one coming of the carrier to its going.
type clientRun struct {
	cancel context.CancelFunc
	mac    string
}

// linkPatience is how long a NIC may need to find its link before the console says that there is none.
const linkPatience = 6 * time.Second

const noLink = "No link: check the cable."

// see takes in what the kernel says about a link.
func (m *Manager) see(l netlink.Link) {
	a := l.Attrs()
	n := m.nics[a.Index]
	if n == nil {
		kind := ""
		switch {
		case l.Type() == "bond":
			kind = sysconfig.KindBond
		case l.Type() == "vlan":
			kind = sysconfig.KindVLAN
		case m.cfg.Ours(l):
			kind = sysconfig.KindNIC
		default:
			return
		}
		n = &nic{index: a.Index, kind: kind, since: time.Now(), state: dhcp.State{Status: dhcp.Waiting, Reason: noLink}}
		n.id = identity(l, kind)
		m.nics[a.Index] = n
		m.cfg.Log.Info("interface", "nic", a.Name, "kind", kind, "id", n.id)
	}
	if kind := n.kind; kind == sysconfig.KindNIC && len(a.PermHWAddr) == 0 && n.link != nil && a.MasterIndex == 0 && n.link.Attrs().MasterIndex == 0 {
		n.id = identity(l, kind) // a NIC without a permanent address may be given another one
	}
	if a.Statistics == nil && n.link != nil {
		a.Statistics = n.link.Attrs().Statistics
	}
	n.link, n.device = l, a.Name
	n.carrier = a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0
}

// identity is the id by which the configuration knows a link.
func identity(l netlink.Link, kind string) string {
	a := l.Attrs()
	if kind != sysconfig.KindNIC {
		return a.Name
	}
	if len(a.PermHWAddr) == 6 && !slices.Equal(a.PermHWAddr, make(net.HardwareAddr, 6)) {
		return a.PermHWAddr.String()
	}
	if s, ok := a.Slave.(*netlink.BondSlave); ok && len(s.PermHardwareAddr) == 6 {
		return s.PermHardwareAddr.String()
	}
	return a.HardwareAddr.String()
}

// name gives each interface its name and its part of the configuration.
func (m *Manager) name() {
	var ids []string
	for _, n := range m.byIndex() {
		if n.kind == sysconfig.KindNIC {
			ids = append(ids, n.id)
		}
	}
	m.config = m.config.Named(ids)
	for _, n := range m.nics {
		port, ok := m.config.Port(n.id)
		if !ok || port.Kind != n.kind {
			port = sysconfig.Port{Kind: n.kind, ID: n.id, Name: n.device, Enabled: true}
		}
		n.port, n.name = port, port.Name
		if m.observe && !m.cfg.Rescue {
			n.name = n.device
		}
	}
}

func (m *Manager) byIndex() []*nic {
	out := make([]*nic, 0, len(m.nics))
	for _, n := range m.nics {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *nic) int { return a.index - b.index })
	return out
}

// order is the interface's place among those of its kind.
func (n *nic) order() int { return sysconfig.NIC{Name: n.port.Name}.Ordinal() }

// alone says that the interface has addresses of its own.
func (n *nic) alone() bool { return n.port.Enabled && n.port.Bond == "" }

// asks says that the interface is to have a DHCP client.
func (m *Manager) asks(n *nic) bool {
	return !m.observe && !m.held && n.carrier && n.alone() && (n.port.IPv4.Method == "" || n.port.IPv4.Method == sysconfig.MethodDHCP)
}

// converse starts and ends an interface's DHCP client.
func (m *Manager) converse(ctx context.Context, n *nic) {
	asks, mac := m.asks(n), n.link.Attrs().HardwareAddr.String()
	if n.run != nil && (!asks || n.run.mac != mac) {
		m.end(n)
		if n.carrier {
			n.last, n.kept = nil, false // the link stays, but is used in another way
		}
	}
	switch {
	case asks && n.run == nil:
		m.begin(ctx, n)
	case !asks:
		n.state = dhcp.State{Status: m.idle(n)}
		if n.alone() && !n.carrier {
			n.state.Reason = noLink
			if !m.observe && time.Since(n.since) > linkPatience { // one that is switched off has none
				m.say(n, "no link")
			}
		}
	}
}

// idle is the state of DHCP without a client.
func (m *Manager) idle(n *nic) dhcp.Status {
	if n.alone() && (n.port.IPv4.Method == "" || n.port.IPv4.Method == sysconfig.MethodDHCP) {
		return dhcp.Waiting
	}
	return dhcp.Off
}

// begin starts DHCP on an interface whose link came up.
func (m *Manager) begin(ctx context.Context, n *nic) {
	if n.last != nil && n.last.Ended(time.Now()) {
		n.last = nil
	}
	if n.last == nil {
		if p, ok := m.inherited(n); ok { // from before a restart of the service
			n.last, n.kept = dhcp.Guess(p), true
		}
	}
	n.state = dhcp.State{Status: dhcp.Waiting, Reason: "Looking for a DHCP server."}
	ctx, cancel := context.WithCancel(ctx)
	mac := n.link.Attrs().HardwareAddr
	run, index, last := &clientRun{cancel, mac.String()}, n.index, n.last
	n.run = run
	client := dhcp.New(dhcp.Config{
		Interface: n.device, MAC: mac, Hostname: m.cfg.Hostname(),
		Report: func(s dhcp.State) {
			select {
			case m.reports <- report{index, run, s}:
			case <-ctx.Done():
			}
		},
	})
	m.clients.Add(1)
	go func() {
		defer m.clients.Done()
		client.Run(ctx, last)
	}()
}

func (m *Manager) end(n *nic) {
	if n.run != nil {
		n.run.cancel()
		n.run = nil
	}
}

// forget drops an interface that was removed.
func (m *Manager) forget(index int) {
	n := m.nics[index]
	m.end(n)
	if n.watch != nil {
		n.watch.cancel()
	}
	delete(m.nics, index)
	if n.kind == sysconfig.KindNIC {
		m.cfg.Log.Warn("NIC is gone", "nic", n.name)
		m.say(n, "removed")
	}
}

// follow makes the interface what its DHCP client says.
func (m *Manager) follow(n *nic, s dhcp.State) {
	if s.Status != n.state.Status || s.Reason != n.state.Reason {
		m.cfg.Log.Info("dhcp", "nic", n.name, "status", string(s.Status), "reason", s.Reason)
	}
	n.state = s
	if s.Lease == nil {
		// Silence speaks against no address; a server's refusal does, and a lease's end.
		n.kept = n.kept && n.last.Guessed() && (s.Keep || s.Status == dhcp.Failed)
		if !n.kept {
			n.last = nil
		}
		m.addresses(n)
		if s.Status == dhcp.Failed {
			m.say(n, "%s", s.Reason)
		}
		return
	}
	n.last, n.kept = s.Lease, false
	m.addresses(n)
	gateway := "no gateway"
	if s.Lease.Router.IsValid() {
		gateway = "gateway " + s.Lease.Router.String()
	}
	m.say(n, "up, %s by DHCP, %s", s.Lease.Address, gateway)
}

// say tells the installer.
func (m *Manager) say(n *nic, format string, args ...any) {
	m.cfg.Console.Say("nic "+n.name, "nic %s: %s", n.name, fmt.Sprintf(format, args...))
}
