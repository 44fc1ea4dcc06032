// Package network runs the NICs: it brings every Ethernet NIC up, keeps a DHCP lease on each that has a link, sets the
// addresses and routes that come of it, and writes resolv.conf from all of them.
//
// One goroutine (Run) owns all state. Netlink messages are hints and news of carriers; what is true is read from the
// kernel again every few seconds, so that a lost message costs seconds and no more. Each NIC has a DHCP client in a
// goroutine of its own (package dhcp), so that none waits for another's server.
//
// Invariants: of an Ethernet NIC's IPv4 addresses only the lease's is there once there is a lease; each NIC's routes
// have a metric of their own, so that two NICs on one network do not fight. A lease's address carries its lifetime
// into the kernel: it goes even if this service does not live to take it away. When the service ends, addresses stay.
package network

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/dhcp"
	"vigie/services/system/internal/resolvconf"
)

// interval is between two looks at what the kernel says, counters included.
const interval = 5 * time.Second

// Config is what the manager is made with.
type Config struct {
	Resolv   string // path of resolv.conf
	Observe  bool   // look, and change nothing
	Hostname func() string
	// Offered is told the NTP servers that DHCP gives, when they change.
	Offered func([]string)
	// Ours tells which links are run. Nil: Ethernet NICs with hardware behind them.
	Ours    func(netlink.Link) bool
	Console *console.Console
	Log     *slog.Logger
}

// Board is where the state is shown.
type Board interface {
	SetInterfaces([]api.Interface)
	SetDNSServers([]string)
}

// Manager runs the NICs of one machine.
type Manager struct {
	cfg     Config
	board   Board
	reports chan report
	clients sync.WaitGroup

	// The rest belongs to Run.
	nics      map[int]*nic // by index
	resolv    string       // what was written last
	unwritten bool         // the last try to write it failed
	ntp       []string
	sick      bool // the links cannot be listed
}

// report is what a DHCP client says.
type report struct {
	index int
	run   *clientRun
	state dhcp.State
}

// New returns a manager; nothing is touched until Run.
func New(cfg Config, board Board) *Manager {
	if cfg.Ours == nil {
		cfg.Ours = physical
	}
	return &Manager{cfg: cfg, board: board, reports: make(chan report), nics: map[int]*nic{}, resolv: "\x00"}
}

// physical accepts Ethernet NICs of a bus or a hypervisor, not what software made up.
func physical(l netlink.Link) bool {
	a := l.Attrs()
	if l.Type() != "device" || a.EncapType != "ether" || a.RawFlags&unix.IFF_LOOPBACK != 0 {
		return false
	}
	_, err := os.Stat("/sys/class/net/" + a.Name + "/device")
	return err == nil
}

// Run works until ctx is cancelled.
func (m *Manager) Run(ctx context.Context) error {
	defer m.clients.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !m.cfg.Observe {
		m.loopback()
	}
	links, addrs := m.listen(ctx)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	m.resync(ctx)
	for {
		m.publish()
		select {
		case <-ctx.Done():
			return nil
		case u, ok := <-links:
			if !ok {
				links = nil // the look every few seconds goes on
				continue
			}
			if u.Header.Type == unix.RTM_NEWLINK {
				m.see(ctx, u.Link)
			} else {
				m.forget(u.Attrs().Index)
			}
		case _, ok := <-addrs:
			if !ok {
				addrs = nil
			}
		case r := <-m.reports:
			if n := m.nics[r.index]; n != nil && n.run == r.run {
				m.follow(n, r.state)
			}
		case <-tick.C:
			m.resync(ctx)
		}
	}
}

// listen subscribes to the kernel's news.
func (m *Manager) listen(ctx context.Context) (<-chan netlink.LinkUpdate, <-chan netlink.AddrUpdate) {
	links, addrs := make(chan netlink.LinkUpdate, 64), make(chan netlink.AddrUpdate, 64)
	trouble := func(err error) {
		if ctx.Err() == nil {
			m.cfg.Log.Warn("netlink news", "err", err)
		}
	}
	if err := netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: trouble}); err != nil {
		trouble(err)
		links = nil
	}
	if err := netlink.AddrSubscribeWithOptions(addrs, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: trouble}); err != nil {
		trouble(err)
		addrs = nil
	}
	return links, addrs
}

// resync reads all links, so that what no message told is seen.
func (m *Manager) resync(ctx context.Context) {
	links, err := netlink.LinkList()
	if err != nil {
		if !m.sick {
			m.cfg.Log.Error("NICs cannot be listed", "err", err)
		}
		m.sick = true
		return
	}
	m.sick = false
	there := map[int]bool{}
	for _, l := range links {
		there[l.Attrs().Index] = true
		m.see(ctx, l)
	}
	for index := range m.nics {
		if !there[index] {
			m.forget(index)
		}
	}
}

func (m *Manager) loopback() {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		m.cfg.Log.Error("loopback", "err", err)
	}
}

// publish shows the NICs, and passes on what their leases bring.
func (m *Manager) publish() {
	var list []api.Interface
	var dns []netip.Addr
	var search, ntp []string
	for _, n := range m.ordered() {
		list = append(list, m.describe(n))
		if n.state.Lease == nil || !n.carrier {
			continue
		}
		for _, a := range n.state.Lease.DNS {
			if !slices.Contains(dns, a) {
				dns = append(dns, a)
			}
		}
		for _, a := range n.state.Lease.NTP {
			if !slices.Contains(ntp, a.String()) {
				ntp = append(ntp, a.String())
			}
		}
		for _, s := range n.state.Lease.Search {
			if !slices.Contains(search, s) {
				search = append(search, s)
			}
		}
	}
	m.board.SetInterfaces(list)
	if m.cfg.Observe {
		m.observeDNS()
		return
	}
	if text := string(resolvconf.Format(dns, search)); text != m.resolv {
		err := resolvconf.Write(m.cfg.Resolv, dns, search)
		switch {
		case err == nil:
			m.resolv = text
		case !m.unwritten:
			m.cfg.Log.Error("resolv.conf", "err", err) // and tried again at the next look
		}
		m.unwritten = err != nil
	}
	names := make([]string, len(dns))
	for i, a := range dns {
		names[i] = a.String()
	}
	m.board.SetDNSServers(names)
	if !slices.Equal(ntp, m.ntp) {
		m.ntp = ntp
		m.cfg.Offered(slices.Clone(ntp))
	}
}

func (m *Manager) observeDNS() {
	f, err := os.Open("/etc/resolv.conf")
	if err != nil {
		return
	}
	defer f.Close()
	m.board.SetDNSServers(resolvconf.Servers(f))
}

func (m *Manager) ordered() []*nic {
	out := make([]*nic, 0, len(m.nics))
	for _, n := range m.nics {
		out = append(out, n)
	}
	slices.SortFunc(out, func(a, b *nic) int { return a.index - b.index })
	return out
}

func (m *Manager) complain(n *nic, what string, err error) {
	text := fmt.Sprintf("%s: %v", what, err)
	if n.complaint != text {
		n.complaint = text
		m.cfg.Log.Error("NIC", "nic", n.name, "err", text)
	}
}
