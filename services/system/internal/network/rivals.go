package network

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/arp"
)

// An address that is set by hand is used even where another machine has it: cameras may only be reached by it, and nobody may
// be there to choose another one. But the link is asked (RFC 5227), and who else has it is shown, for as long as he does.
const (
	askFirst = 3 // times, when the address or the link is new
	askSoon  = 200 * time.Millisecond
	askAgain = 20 * time.Second // for those that others had
	goneFor  = 3                // questions without an answer: he has given it up
)

// claim is an interface's claim to addresses. It is comparable but for its slices; another claim is another watch.
type claim struct {
	device    string
	mac       arp.MAC
	own       []arp.MAC // of the whole machine: its own cards are nobody else
	addresses []netip.Addr
}

func (c claim) equal(o claim) bool {
	return c.device == o.device && c.mac == o.mac && slices.Equal(c.own, o.own) && slices.Equal(c.addresses, o.addresses)
}

// watch listens for who else has the addresses, in a goroutine of its own.
type watch struct {
	claim
	cancel context.CancelFunc
	again  time.Duration // askAgain, but in tests
}

// rivalNews is what a watch has found out: all that is known, by address.
type rivalNews struct {
	index  int
	watch  *watch
	rivals map[netip.Addr]arp.MAC
}

// heard is who was heard with an address.
type heard struct {
	mac   arp.MAC
	asked int // how often since
}

// run tells of each change until ctx ends.
func (w *watch) run(ctx context.Context, tell func(map[netip.Addr]arp.MAC)) error {
	conn, err := arp.Listen(w.device)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	known := map[netip.Addr]*heard{}
	told := map[netip.Addr]arp.MAC{}
	for round, next := 0, time.Now(); ctx.Err() == nil; {
		if now := time.Now(); !now.Before(next) {
			for _, a := range w.addresses {
				k := known[a]
				if round >= askFirst && k == nil {
					continue
				}
				if k != nil {
					if k.asked++; k.asked > goneFor {
						delete(known, a)
						continue
					}
				}
				_ = conn.Send(arp.Probe(w.mac, a)) // a link that is down is up again, or the watch ends
			}
			wait := w.again
			if round++; round < askFirst {
				wait = askSoon
			}
			next = now.Add(wait)
		}
		p, err := conn.Receive(next)
		switch {
		case err == nil:
			for _, a := range w.addresses {
				if p.Uses(w.mac, a) && !slices.Contains(w.own, p.SenderMAC) {
					known[a] = &heard{mac: p.SenderMAC}
				}
			}
		case errors.Is(err, os.ErrDeadlineExceeded):
		case errors.Is(err, unix.ENETDOWN):
			select {
			case <-ctx.Done():
			case <-time.After(askSoon):
			}
		default:
			return errors.Join(ctx.Err(), err)
		}
		rivals := map[netip.Addr]arp.MAC{}
		for a, k := range known {
			rivals[a] = k.mac
		}
		if !maps.Equal(rivals, told) {
			told = rivals
			tell(maps.Clone(rivals))
		}
	}
	return nil
}

// stake is what an interface claims now; none: nothing is to be watched.
func (m *Manager) stake(n *nic) (c claim, some bool) {
	if m.observe || m.held || !n.alone() || !n.carrier {
		return c, false
	}
	for _, s := range n.port.IPv4.Addresses {
		if p, err := netip.ParsePrefix(s); err == nil {
			c.addresses = append(c.addresses, p.Addr())
		}
	}
	c.device = n.device
	mac, ok := arp.MACOf(n.link.Attrs().HardwareAddr)
	c.mac = mac
	for _, o := range m.nics {
		for _, hw := range []net.HardwareAddr{o.link.Attrs().HardwareAddr, o.link.Attrs().PermHWAddr} {
			if own, ok := arp.MACOf(hw); ok {
				c.own = append(c.own, own)
			}
		}
	}
	slices.SortFunc(c.own, func(a, b arp.MAC) int { return slices.Compare(a[:], b[:]) })
	c.own = slices.Compact(c.own)
	return c, ok && len(c.addresses) > 0
}

// guard has an interface's addresses watched.
func (m *Manager) guard(ctx context.Context, n *nic) {
	c, some := m.stake(n)
	if n.watch != nil && (!some || !n.watch.equal(c)) {
		n.watch.cancel()
		n.watch, n.rivals = nil, nil
	}
	if !some || n.watch != nil {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	w, index, name := &watch{claim: c, cancel: cancel, again: askAgain}, n.index, n.name
	n.watch = w
	m.clients.Add(1)
	go func() {
		defer m.clients.Done()
		err := w.run(ctx, func(rivals map[netip.Addr]arp.MAC) {
			select {
			case m.rivals <- rivalNews{index, w, rivals}:
			case <-ctx.Done():
			}
		})
		if err != nil && ctx.Err() == nil {
			m.cfg.Log.Warn("who else has the addresses is not watched", "nic", name, "err", err)
		}
	}()
}

// meet takes in who else has an interface's addresses.
func (m *Manager) meet(r rivalNews) {
	n := m.nics[r.index]
	if n == nil || n.watch != r.watch {
		return
	}
	n.rivals = r.rivals
	if text := n.contest(); text != "" {
		m.cfg.Log.Warn("address conflict", "nic", n.name, "err", text)
		m.say(n, "%s", text)
	} else {
		m.cfg.Log.Info("address conflict is over", "nic", n.name)
	}
	m.publish()
}

// contest says who else has which address; "": nobody.
func (n *nic) contest() string {
	var parts []string
	for _, a := range slices.SortedFunc(maps.Keys(n.rivals), netip.Addr.Compare) {
		parts = append(parts, contested(a, n.rivals[a]))
	}
	return strings.Join(parts, " ")
}

func contested(a netip.Addr, holder arp.MAC) string {
	return fmt.Sprintf("Another machine (%s) has the address %s too, and each disturbs the other. Give one of them another address.", holder, a)
}

// Rivals asks the links, before a change is made, whether others have addresses that this machine is to get, and says so in
// a sentence for each. It takes a second.
func Rivals(ctx context.Context, after sysconfig.Network, live []api.Interface) (warnings []string) {
	var own []arp.MAC
	has := map[netip.Addr]bool{}
	for _, i := range live {
		if hw, err := net.ParseMAC(i.Mac); err == nil {
			if m, ok := arp.MACOf(hw); ok {
				own = append(own, m)
			}
		}
		for _, s := range i.Addresses {
			has[parsed(s).Addr()] = true
		}
	}
	const most = 16
	var mu sync.Mutex
	var asked sync.WaitGroup
	questions := 0
	for _, port := range after.Ports() {
		at := slices.IndexFunc(live, func(i api.Interface) bool { return i.ID == port.ID })
		if at < 0 || !port.Enabled || port.Bond != "" || !live[at].Carrier || live[at].Device == "" {
			continue
		}
		hw, err := net.ParseMAC(live[at].Mac)
		mac, ok := arp.MACOf(hw)
		if err != nil || !ok {
			continue
		}
		for _, s := range port.IPv4.Addresses {
			a := parsed(s).Addr()
			if !a.Is4() || has[a] || questions == most {
				continue
			}
			conn, err := arp.Listen(live[at].Device)
			if err != nil {
				continue // the card has gone meanwhile
			}
			questions++
			asked.Go(func() {
				holder, err := conn.Holder(ctx, mac, a)
				if err == nil && holder != (arp.MAC{}) && !slices.Contains(own, holder) {
					mu.Lock()
					defer mu.Unlock()
					warnings = append(warnings, contested(a, holder))
				}
			})
		}
	}
	asked.Wait()
	slices.Sort(warnings)
	return warnings
}
