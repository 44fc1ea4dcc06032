// Package network brings the machine's interfaces to what the configuration (sysconfig.Network) says: bonds and VLANs,
// MTU, addresses, routes with metrics, DNS servers. Where nothing is configured it brings every Ethernet NIC up, keeps a
// DHCP lease on each that has a link, and lets the kernel take the IPv6 addresses that routers announce.
//
// It reconciles: what is true is read from the kernel, at each piece of news and every few seconds, compared with what
// should be, and only the difference is changed. What already is right is not touched, so that a change of one interface
// drops no connection of another. News may be lost; that costs seconds and no more.
//
// One goroutine (Run) owns all state. Each interface that uses DHCP has a client in a goroutine of its own (package dhcp),
// so that none waits for another's server; so have the watches over who else has addresses that are set by hand.
//
// Invariants: of an interface's IPv4 addresses only the configured ones and the lease's are there, once it is known whether
// there is a lease; each interface's routes have a metric of their own, so that two on one network do not fight. A lease's
// address carries its lifetime into the kernel: it goes even if this service does not live to take it away. When the service
// ends, everything stays, and a service that is started again takes it over. Addresses that a machine gives itself
// (IPv4 link-local, of scope link) are not this package's.
//
// NICs go by their permanent MAC address (package sysconfig): the kernel's names depend on the order in which it finds
// cards, and are shown for information only.
package network

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/console"
	"vigie/services/system/internal/dhcp"
)

const (
	// interval is between two looks at what the kernel says, counters included.
	interval = 5 * time.Second
	// quiet is how long news of the kernel are collected, which come in bursts.
	quiet = 20 * time.Millisecond
	// bootPatience is how long NICs wait at boot for a configuration, which lies on the data volumes.
	bootPatience = 3 * time.Second
	// mostPasses bounds the steps of one reconciliation: bonds, then members, then what is on them.
	mostPasses = 6
)

// Config is what the manager is made with.
type Config struct {
	Resolv   string // path of resolv.conf
	Observe  bool   // look, and change nothing, until SwitchOn
	Rescue   bool   // with Observe: the machine is ours all the same; its services reach each other, and its cards have their names
	Hostname func() string
	// Offered is told the NTP servers that DHCP gives, when they change.
	Offered func([]string)
	// Ours tells which links are NICs to be run. Nil: Ethernet NICs with hardware behind them.
	Ours    func(netlink.Link) bool
	Console *console.Console
	Log     *slog.Logger
}

// Board is where the state is shown.
type Board interface {
	SetInterfaces([]api.Interface)
	SetDNSServers([]string)
}

// Manager runs the interfaces of one machine.
type Manager struct {
	cfg     Config
	board   Board
	reports chan report
	rivals  chan rivalNews
	clients sync.WaitGroup
	news    chan struct{} // holds one: wanted or released changed

	mu       sync.Mutex
	wanted   sysconfig.Network
	released bool      // no other configuration is to be expected
	earliest time.Time // before it no configuration is taken into use
	on       bool      // SwitchOn

	// The rest belongs to Run.
	observe   bool
	config    sysconfig.Network // wanted, with a name for each NIC
	held      bool              // at boot: no addresses are set or asked for yet
	nics      map[int]*nic      // by index
	again     time.Time         // when what failed is tried again
	refusals  map[string]string // why bonds and VLANs could not be made, by name
	resolv    string            // what was written last
	unwritten bool              // the last try to write it failed
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
	return &Manager{cfg: cfg, board: board, observe: cfg.Observe, reports: make(chan report), rivals: make(chan rivalNews), news: make(chan struct{}, 1), nics: map[int]*nic{}, refusals: map[string]string{}, resolv: "\x00"}
}

// Configure says what the interfaces should be like from now on. It does not wait for it.
func (m *Manager) Configure(n sysconfig.Network) {
	m.mu.Lock()
	m.wanted = n.Clone()
	m.mu.Unlock()
	m.wake()
}

// Delay has the next configuration, or the one that waits, wait for a while from now on, so that the answer to who asked for
// it still gets out by the address that goes away.
func (m *Manager) Delay(d time.Duration) {
	m.mu.Lock()
	m.earliest = time.Now().Add(d)
	m.mu.Unlock()
	m.wake()
}

// Release says that at boot no other configuration is to be waited for.
func (m *Manager) Release() {
	m.mu.Lock()
	m.released = true
	m.mu.Unlock()
	m.wake()
}

// SwitchOn has interfaces that were only looked at (Config.Observe) brought to what the configuration says from now on.
func (m *Manager) SwitchOn() {
	m.mu.Lock()
	m.on, m.released = true, true
	m.mu.Unlock()
	m.wake()
}

func (m *Manager) wake() {
	select {
	case m.news <- struct{}{}:
	default:
	}
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
	if !m.observe || m.cfg.Rescue {
		m.loopback()
	}
	if !m.observe {
		promote()
	}
	links, addrs := m.listen(ctx)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	soon := time.NewTimer(0)
	defer soon.Stop()
	boot := time.NewTimer(bootPatience)
	defer boot.Stop()
	later := time.NewTimer(0)
	defer later.Stop()
	m.held = true
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-links:
			if !ok {
				links = nil // the look every few seconds goes on
				continue
			}
			soon.Reset(quiet)
		case _, ok := <-addrs:
			if !ok {
				addrs = nil
				continue
			}
			soon.Reset(quiet)
		case <-boot.C:
			m.Release()
		case <-m.news:
			m.mu.Lock()
			wait := time.Until(m.earliest)
			m.mu.Unlock()
			later.Reset(max(wait, 0))
		case <-later.C:
			m.take(ctx)
		case r := <-m.reports:
			if n := m.nics[r.index]; n != nil && n.run == r.run {
				m.follow(n, r.state)
				m.publish()
			}
		case r := <-m.rivals:
			m.meet(r)
		case <-soon.C:
			m.resync(ctx)
		case <-tick.C:
			m.again = time.Time{}
			m.resync(ctx)
		}
	}
}

// take takes a new configuration into use.
func (m *Manager) take(ctx context.Context) {
	m.mu.Lock()
	m.config, m.held = m.wanted.Clone(), m.held && !m.released
	on := m.on && m.observe
	m.mu.Unlock()
	if on {
		m.observe = false
		promote()
	}
	m.again = time.Time{}
	m.resync(ctx)
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

// resync brings the machine to the configuration, and shows what came of it.
func (m *Manager) resync(ctx context.Context) {
	for _, n := range m.nics {
		n.failed = false
	}
	for range mostPasses {
		if !m.look() {
			return
		}
		if m.observe || time.Now().Before(m.again) || !m.shape() {
			break
		}
	}
	for _, n := range m.ordered() {
		m.converse(ctx, n)
		if !m.observe {
			m.addresses(n)
		}
		m.guard(ctx, n)
	}
	m.publish()
}

// look reads all links. It returns false when they cannot be read.
func (m *Manager) look() bool {
	links, err := netlink.LinkList()
	if err != nil {
		if !m.sick {
			m.cfg.Log.Error("interfaces cannot be listed", "err", err)
		}
		m.sick = true
		return false
	}
	m.sick = false
	there := map[int]bool{}
	for _, l := range links {
		there[l.Attrs().Index] = true
		m.see(l)
	}
	for index := range m.nics {
		if !there[index] {
			m.forget(index)
		}
	}
	m.name()
	return true
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

// ordered lists the interfaces as people see them: NICs by their names, then bonds, then VLANs.
func (m *Manager) ordered() []*nic {
	out := make([]*nic, 0, len(m.nics))
	for _, n := range m.nics {
		out = append(out, n)
	}
	rank := map[string]int{sysconfig.KindNIC: 0, sysconfig.KindBond: 1, sysconfig.KindVLAN: 2}
	slices.SortFunc(out, func(a, b *nic) int {
		if d := rank[a.kind] - rank[b.kind]; d != 0 {
			return d
		}
		if d := a.order() - b.order(); d != 0 {
			return d
		}
		return a.index - b.index
	})
	return out
}

// complain logs what could not be done to an interface, once, and has it tried again later.
func (m *Manager) complain(n *nic, what string, err error) {
	m.again = time.Now().Add(interval)
	text := fmt.Sprintf("%s: %v", what, err)
	if n.complaint != text {
		n.complaint = text
		m.cfg.Log.Error("interface", "nic", n.name, "err", text)
	}
	n.failed = true
}
