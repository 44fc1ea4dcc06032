// Package linklocal gives NICs an IPv4 address of 169.254.0.0/16 while nothing else gives them one (RFC 3927), so that a
// machine without DHCP and without settings can be reached by who is plugged in beside it.
//
// It is told which NICs lack an address (Configure) and does the rest: probes an address, announces it, defends it, and
// gives it up when a better one comes or the NIC goes. A NIC is given some time before, since a DHCP server may be slow
// and an address that comes and goes helps nobody.
//
// An address outlives this service, like those of leases: a restart of it takes no camera off the network. It is taken up
// again by the next run.
//
// Its addresses have scope "link", by which they are told from those of leases and settings. As every NIC's are in one
// and the same network, each has a routing rule of its own: an answer leaves by the NIC of the address that was asked.
//
// One goroutine (Run) owns the table of NICs, and each NIC has one more while it has or looks for an address.
package linklocal

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"vigie/services/system/internal/arp"
)

// patience is how long a NIC lacks an address before it gets one of its own: a DHCP client asks four times in that time.
const patience = 10 * time.Second

// NIC is an interface without an IPv4 address.
type NIC struct {
	Index int
	Name  string
}

// Manager runs the claims of one machine.
type Manager struct {
	log     *slog.Logger
	wait    time.Duration
	open    func(NIC) (device, error)
	wanted  chan []NIC
	running map[NIC]context.CancelCauseFunc
	left    map[int]netip.Addr // by the NIC's index: from an earlier run of the service
	find    func() (map[int]netip.Addr, error)
	drop    func(index int, a netip.Addr)
	claims  sync.WaitGroup
}

// device is what a claim works on: an interface of the kernel.
type device interface {
	wire
	mac() net.HardwareAddr
	install(netip.Addr) error
	remove(netip.Addr)
	close()
}

// New returns a manager; nothing is touched until Run.
func New(log *slog.Logger) *Manager {
	return &Manager{log: log, wait: patience, open: openDevice, find: present, drop: drop, wanted: make(chan []NIC, 1), running: map[NIC]context.CancelCauseFunc{}}
}

// Configure says which NICs lack an IPv4 address now, and are to be had one for. It never blocks.
func (m *Manager) Configure(nics []NIC) {
	for {
		select {
		case m.wanted <- slices.Clone(nics):
			return
		default:
		}
		select {
		case <-m.wanted: // not taken yet, and out of date
		default:
		}
	}
}

// Run works until ctx ends.
func (m *Manager) Run(ctx context.Context) error {
	defer m.claims.Wait()
	var err error
	if m.left, err = m.find(); err != nil {
		m.log.Warn("link-local addresses of an earlier run", "err", err)
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case nics := <-m.wanted:
			m.reconcile(ctx, nics)
		}
	}
}

func (m *Manager) reconcile(ctx context.Context, nics []NIC) {
	for _, nic := range slices.Collect(maps.Keys(m.running)) {
		if !slices.Contains(nics, nic) {
			m.running[nic](errNotWanted)
			delete(m.running, nic)
		}
	}
	for index, a := range m.left {
		if !slices.ContainsFunc(nics, func(n NIC) bool { return n.Index == index }) {
			m.drop(index, a)
			delete(m.left, index)
		}
	}
	for _, nic := range nics {
		if m.running[nic] != nil {
			continue
		}
		ctx, cancel := context.WithCancelCause(ctx)
		m.running[nic] = cancel
		has := m.left[nic.Index]
		delete(m.left, nic.Index)
		m.claims.Go(func() { m.serve(ctx, nic, has) })
	}
}

// serve has an address for one NIC until ctx ends.
func (m *Manager) serve(ctx context.Context, nic NIC, has netip.Addr) {
	log := m.log.With("nic", nic.Name)
	for has.IsValid() || pause(ctx, m.wait) {
		d, err := m.open(nic)
		if err != nil {
			log.Warn("no link-local address", "err", err)
			has = netip.Addr{}
			continue
		}
		mac, ok := arp.MACOf(d.mac())
		if ok {
			c := &claim{mac: mac, wire: d, random: newRandom(mac), install: d.install, remove: d.remove,
				log: func(what string, a netip.Addr) { log.Info("link-local address", "address", a.String(), "result", what) }}
			c.run(ctx, has)
		}
		d.close()
		return
	}
}
