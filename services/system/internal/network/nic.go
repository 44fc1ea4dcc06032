package network

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/services/system/internal/dhcp"
)

// nic is one Ethernet NIC. It belongs to Run.
type nic struct {
	index     int
	name      string
	link      netlink.Link
	carrier   bool
	since     time.Time // when it was taken up
	run       *clientRun
	state     dhcp.State
	last      *dhcp.Lease // survives the loss of the carrier
	complaint string      // logged last
}

// clientRun is one run of a DHCP client, from one coming of the carrier to its going.
type clientRun struct{ cancel context.CancelFunc }

// linkPatience is how long a NIC may need to find its link before the console says that there is none.
const linkPatience = 6 * time.Second

// see takes in what the kernel says about a link.
func (m *Manager) see(ctx context.Context, l netlink.Link) {
	a := l.Attrs()
	n := m.nics[a.Index]
	if n == nil {
		if !m.cfg.Ours(l) {
			return
		}
		n = &nic{index: a.Index, since: time.Now(), state: dhcp.State{Status: dhcp.Waiting, Reason: "No link: check the cable."}}
		m.nics[a.Index] = n
		m.cfg.Log.Info("NIC", "nic", a.Name, "mac", a.HardwareAddr.String())
	}
	if a.Statistics == nil && n.link != nil {
		a.Statistics = n.link.Attrs().Statistics
	}
	n.link, n.name = l, a.Name
	if a.RawFlags&unix.IFF_UP == 0 && !m.cfg.Observe {
		if err := netlink.LinkSetUp(l); err != nil {
			m.complain(n, "bring up", err)
		}
	}
	carrier := a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_LOWER_UP != 0
	switch {
	case carrier && !n.carrier:
		n.carrier = true
		m.begin(ctx, n)
	case !carrier && n.carrier:
		n.carrier = false
		m.end(n)
		n.state = dhcp.State{Status: dhcp.Waiting, Reason: "No link: check the cable."}
	}
	if !carrier && time.Since(n.since) > linkPatience {
		m.say(n, "no link")
	}
}

// begin starts DHCP on a NIC whose link came up.
func (m *Manager) begin(ctx context.Context, n *nic) {
	if m.cfg.Observe {
		return
	}
	if n.last == nil {
		if p, ok := m.address(n); ok { // from before a restart of the service
			n.last = dhcp.Guess(p)
		}
	}
	n.state = dhcp.State{Status: dhcp.Waiting, Reason: "Looking for a DHCP server."}
	ctx, cancel := context.WithCancel(ctx)
	run, index, last := &clientRun{cancel}, n.index, n.last
	n.run = run
	client := dhcp.New(dhcp.Config{
		Interface: n.name, MAC: n.link.Attrs().HardwareAddr, Hostname: m.cfg.Hostname(),
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

// forget drops a NIC that was removed.
func (m *Manager) forget(index int) {
	n := m.nics[index]
	if n == nil {
		return
	}
	m.end(n)
	delete(m.nics, index)
	m.cfg.Log.Warn("NIC is gone", "nic", n.name)
	m.say(n, "removed")
}

// follow makes the NIC what its DHCP client says.
func (m *Manager) follow(n *nic, s dhcp.State) {
	if s.Status != n.state.Status || s.Reason != n.state.Reason {
		m.cfg.Log.Info("dhcp", "nic", n.name, "status", string(s.Status), "reason", s.Reason)
	}
	n.state = s
	if s.Lease == nil {
		if n.last != nil && !s.Keep {
			m.clear(n)
		}
		n.last = nil
		if s.Status == dhcp.Failed {
			m.say(n, "%s", s.Reason)
		}
		return
	}
	n.last = s.Lease
	m.apply(n, s.Lease)
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

// describe is the NIC in the words of the API.
func (m *Manager) describe(n *nic) api.Interface {
	a := n.link.Attrs()
	out := api.Interface{Name: n.name, Mac: a.HardwareAddr.String(), Carrier: n.carrier, Addresses: []string{}}
	dir := filepath.Join("/sys/class/net", n.name)
	if driver, err := os.Readlink(filepath.Join(dir, "device/driver")); err == nil {
		out.Driver = filepath.Base(driver)
	}
	if b, err := os.ReadFile(filepath.Join(dir, "speed")); err == nil && n.carrier {
		if v, err := strconv.Atoi(strings.TrimSpace(string(b))); err == nil && v > 0 {
			out.SpeedMbps = v
		}
	}
	if s := a.Statistics; s != nil {
		out.RxBytes, out.TxBytes = int64(s.RxBytes), int64(s.TxBytes)
	}
	addrs, err := netlink.AddrList(n.link, netlink.FAMILY_ALL)
	if err != nil {
		m.complain(n, "list addresses", err)
	}
	for _, addr := range addrs {
		if !addr.IP.IsLinkLocalUnicast() {
			out.Addresses = append(out.Addresses, addr.IPNet.String())
		}
	}
	out.Dhcp = api.Dhcp{Status: api.DhcpStatus(n.state.Status), Reason: n.state.Reason}
	if m.cfg.Observe {
		out.Dhcp = api.Dhcp{Status: api.DhcpStatusOff}
		out.Gateway = m.gateway(n)
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
		}
	}
	return out
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
