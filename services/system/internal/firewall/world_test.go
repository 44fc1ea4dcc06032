package firewall

import (
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"vigie/services/system/internal/links"
	"vigie/services/system/internal/netnstest"
)

// world is a machine between an office and a camera network, with a host in each that knows no rules.
type world struct {
	t       testing.TB
	machine *netnstest.Namespace
	keeper  *Keeper
	sides   map[Zone]*side
}

// side is a network as its host sees it.
type side struct {
	zone    Zone
	host    *netnstest.Namespace
	tap     *netnstest.Tap
	mac     net.HardwareAddr // the host's
	machine net.HardwareAddr
	nic     string        // the machine's
	own     [2]netip.Addr // the host's, IPv4 and IPv6
	theirs  [2]netip.Addr // the machine's
	network [2]netip.Prefix
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, machine: netnstest.New(t, "machine"), sides: map[Zone]*side{}}
	w.keeper = New("/proc/sys", slog.New(slog.DiscardHandler))
	for i, zone := range []Zone{Office, Cameras} {
		n := i + 1
		s := &side{zone: zone, host: netnstest.New(t, string(zone)), nic: fmt.Sprintf("lan%d", n)}
		for f, text := range []string{fmt.Sprintf("10.%d.0.0/24", n), fmt.Sprintf("fd0%d::/64", n)} {
			s.network[f] = netip.MustParsePrefix(text)
			s.theirs[f] = s.network[f].Addr().Next()
			s.own[f] = s.theirs[f].Next()
		}
		netnstest.Wire(t, w.machine, s.nic, s.host, "eth0")
		w.machine.Up(t, s.nic, s.theirs[0].String()+"/24", s.theirs[1].String()+"/64")
		s.host.Up(t, "eth0", s.own[0].String()+"/24", s.own[1].String()+"/64")
		s.host.Route(t, "0.0.0.0/0", s.theirs[0].String())
		s.host.Route(t, "::/0", s.theirs[1].String())
		s.mac, s.machine = s.host.MAC(t, "eth0"), w.machine.MAC(t, s.nic)
		s.tap = s.host.Tap(t, "eth0")
		w.sides[zone] = s
	}
	// The machine knows its hosts, so that nothing is lost to a question for them.
	for _, s := range w.sides {
		for f := range s.own {
			w.machine.Do(t, func() error {
				l, err := netlink.LinkByName(s.nic)
				if err != nil {
					return err
				}
				return netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: s.own[f].AsSlice(), HardwareAddr: s.mac, State: netlink.NUD_PERMANENT})
			})
		}
	}
	return w
}

func (w *world) other(z Zone) *side {
	if z == Office {
		return w.sides[Cameras]
	}
	return w.sides[Office]
}

// protect switches the firewall on: each interface in its zone, and these openings.
func (w *world) protect(openings ...Opening) {
	w.t.Helper()
	w.machine.Do(w.t, func() error {
		list, err := links.List()
		if err != nil {
			return err
		}
		s := Settings{Zones: map[string]Zone{}, Openings: openings}
		for _, l := range list {
			for _, side := range w.sides {
				if side.nic == l.Name {
					s.Zones[l.ID] = side.zone
				}
			}
		}
		w.keeper.SetLinks(list)
		w.keeper.Configure(s)
		w.keeper.Apply()
		if p := w.keeper.State().Problem; p != "" {
			return fmt.Errorf("%s", p)
		}
		return nil
	})
}

// expose is the reverse: no rules, and a kernel that passes on what it can.
func (w *world) expose() {
	w.t.Helper()
	w.machine.Do(w.t, func() error {
		table, err := NewTable()
		if err != nil {
			return err
		}
		if err := table.Remove(); err != nil {
			return err
		}
		for path, value := range map[string]string{
			"net/ipv4/ip_forward": "1", "net/ipv6/conf/all/forwarding": "1", "net/ipv4/conf/all/rp_filter": "0",
			"net/ipv4/conf/all/accept_source_route": "1", "net/ipv4/conf/lan1/accept_source_route": "1", "net/ipv4/conf/lan2/accept_source_route": "1",
			"net/ipv4/conf/lan1/rp_filter": "0", "net/ipv4/conf/lan2/rp_filter": "0", "net/ipv4/conf/lan1/bc_forwarding": "1",
			"net/ipv4/conf/lan2/bc_forwarding": "1", "net/ipv4/conf/all/bc_forwarding": "1",
		} {
			if err := os.WriteFile("/proc/sys/"+path, []byte(value), 0); err != nil {
				return err
			}
		}
		return nil
	})
}

func (w *world) counts(z Zone) map[string]Count {
	w.t.Helper()
	var c map[Zone]map[string]Count
	w.machine.Do(w.t, func() error {
		s := w.keeper.State()
		if s.Problem != "" {
			return fmt.Errorf("%s", s.Problem)
		}
		c = s.Counts
		return nil
	})
	return c[z]
}

// settle waits until a last frame that is sent from a side's machine's own side has come back, so that all before it were dealt
// with: an echo through the machine's own stack.
func (w *world) settle(s *side) [][]byte {
	w.t.Helper()
	mark := fmt.Appendf(nil, "settled %d", time.Now().UnixNano())
	protocol, body := echo(s.own[0], s.theirs[0], mark)
	var all [][]byte
	for range 250 {
		if err := s.tap.Send(frame(s.machine, s.mac, packet(s.own[0], s.theirs[0], protocol, body))); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
		now := s.tap.Frames()
		all = append(all, now...)
		for _, f := range now {
			if bytes.Contains(f, mark) {
				return all
			}
		}
	}
	w.t.Fatalf("%s: the machine does not answer echoes", s.zone)
	return nil
}

// neighbour4 tells the machine where an address of a side's network is.
func neighbour4(s *side, a netip.Addr) error {
	l, err := netlink.LinkByName(s.nic)
	if err != nil {
		return err
	}
	return netlink.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: a.AsSlice(), HardwareAddr: s.mac, State: netlink.NUD_PERMANENT})
}

// widen makes a side's network 10.n.0.0/16 for the machine.
func widen(s *side) error {
	l, err := netlink.LinkByName(s.nic)
	if err != nil {
		return err
	}
	a := &netlink.Addr{IPNet: &net.IPNet{IP: s.theirs[0].Next().Next().AsSlice(), Mask: net.CIDRMask(16, 32)}}
	return netlink.AddrAdd(l, a)
}
