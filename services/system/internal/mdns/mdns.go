// Package mdns makes the machine known on its networks by a name, without any server or setting: multicast DNS
// (RFC 6762) for "name.local" and DNS-SD (RFC 6763) for the web admin as an "_https._tcp" service.
//
// A Responder claims the name on each interface by probing, announces it, answers questions, and takes another name
// ("name-2") where it belongs to somebody else; the name is the same on all interfaces. Each interface has sockets of its
// own, bound to it, and only tells its own addresses: nobody on one network learns those of another. Only who is on the
// link is answered: what was sent to the link's multicast group, which no router passes on, or comes from an address of
// the interface's own networks (section 11).
//
// The protocol is in responder, which is told the time and does no I/O. One goroutine (Run) owns all of it, and each
// socket has one that reads. It answers and never asks: the machine's own resolver knows nothing of .local.
package mdns

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"time"
)

// port is mDNS's.
const port = 5353

// Limits on renaming (section 8.1): that many conflicts in that time, and each further one waits.
const (
	manyConflicts  = 15
	conflictWindow = 10 * time.Second
	conflictPause  = 5 * time.Second
)

// ownFor is how long an address that the machine had is still its own: what was sent from it may be on its way.
const ownFor = time.Minute

// Interface is one network interface that has a link.
type Interface struct {
	Index    int
	Name     string
	Prefixes []netip.Prefix // its addresses, with the length of their networks
}

// Config is what a Responder is made of.
type Config struct {
	// Report is told the machine's name, "" while it has none. It must not block.
	Report func(fqdn string)
	Log    *slog.Logger
}

// Responder answers for one machine.
type Responder struct {
	cfg     Config
	wanted  chan wish
	packets chan packet
	open    func(Interface, chan<- packet) (link, error)
	kernel  func() []netip.Addr // the machine's addresses of this moment

	// The rest belongs to Run.
	name      string
	port      uint16
	attempt   int // the how manieth name
	conflicts []time.Time
	links     map[int]*active
	told      string
	had       map[netip.Addr]time.Time // the machine's addresses, with when they were last seen to be so
}

type wish struct {
	name       string
	port       uint16
	interfaces []Interface
}

// packet is what came in on an interface.
type packet struct {
	index int
	data  []byte
	from  netip.AddrPort
	group bool // sent to the multicast group
}

// link is the sockets of an interface.
type link interface {
	outlet
	close()
}

type active struct {
	Interface
	link      link
	responder *responder
}

// New returns a Responder that knows no name and no interface.
func New(c Config) *Responder {
	return &Responder{cfg: c, wanted: make(chan wish, 1), packets: make(chan packet, 64), open: openLink, kernel: addresses, links: map[int]*active{}, had: map[netip.Addr]time.Time{}}
}

// Configure says which name is wanted (a label, or a host name of which the first label counts), on which interfaces, and at
// which port the web admin is. It never blocks.
func (r *Responder) Configure(name string, port uint16, interfaces []Interface) {
	w := wish{name, port, slices.Clone(interfaces)}
	for {
		select {
		case r.wanted <- w:
			return
		default:
		}
		select {
		case <-r.wanted: // not taken yet, and out of date
		default:
		}
	}
}

// Run answers until ctx ends, and says good-bye then.
func (r *Responder) Run(ctx context.Context) error {
	defer func() {
		for _, l := range r.links {
			l.responder.goodbye()
			l.link.close()
		}
	}()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(r.turn(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case w := <-r.wanted:
			r.configure(time.Now(), w)
		case p := <-r.packets:
			r.receive(time.Now(), p)
		case <-timer.C:
		}
	}
}

// turn has every interface do what is due, and returns how long nothing will be.
func (r *Responder) turn(now time.Time) time.Duration {
	wait := time.Hour
	for _, l := range r.links {
		if next := l.responder.turn(now); !next.IsZero() {
			wait = min(wait, max(0, next.Sub(now)))
		}
	}
	r.report()
	return wait
}

// report tells the name once it stands on some interface.
func (r *Responder) report() {
	name := ""
	for _, l := range r.links {
		if l.responder.phase != probing {
			name = label(r.name, r.attempt) + ".local"
		}
	}
	if name != r.told {
		r.told = name
		r.cfg.Report(name)
	}
}

func (r *Responder) configure(now time.Time, w wish) {
	r.see(now, r.configured()) // some may go away now
	renamed, moved := w.name != r.name, w.port != r.port
	r.port = w.port
	if renamed {
		r.leave()
		r.name, r.attempt = w.name, 1
	}
	for index, l := range r.links {
		if i := slices.IndexFunc(w.interfaces, func(o Interface) bool { return o.Index == index && o.Name == l.Name }); i < 0 || r.name == "" {
			l.responder.goodbye()
			l.link.close()
			delete(r.links, index)
		}
	}
	if r.name == "" {
		return
	}
	for _, i := range w.interfaces {
		if l := r.links[i.Index]; l != nil {
			if !reflect.DeepEqual(l.Interface, i) || moved && !renamed {
				l.Interface = i
				l.responder.change(now, r.zone(l))
			} else if renamed {
				l.responder.begin(now, r.zone(l))
			}
			continue
		}
		sockets, err := r.open(i, r.packets)
		if err != nil {
			r.cfg.Log.Warn("mDNS", "nic", i.Name, "err", err) // tried again with the next Configure
			continue
		}
		l := &active{Interface: i, link: sockets, responder: newResponder(sockets, rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())))}
		r.links[i.Index] = l
		l.responder.begin(now, r.zone(l))
	}
}

func (r *Responder) zone(l *active) zone {
	var addresses []netip.Addr
	for _, p := range l.Prefixes {
		addresses = append(addresses, p.Addr().WithZone(""))
	}
	return newZone(label(r.name, r.attempt), addresses, r.port)
}

// leave gives the present name up everywhere.
func (r *Responder) leave() {
	for _, l := range r.links {
		l.responder.goodbye()
	}
}

func (r *Responder) receive(now time.Time, p packet) {
	l := r.links[p.index]
	if l == nil || r.own(now, p.from.Addr()) || !p.group && !l.local(p.from.Addr()) {
		return
	}
	m, err := parse(p.data)
	if err != nil {
		return
	}
	if l.responder.zone.claimed(m) {
		// By this machine itself, maybe, from an address that it got after Configure was told: two cards on one wire would take
		// the name from each other.
		r.see(now, r.kernel())
		if r.own(now, p.from.Addr()) {
			return
		}
	}
	if m.response && p.from.Port() != port { // section 11
		return
	}
	if !l.responder.receive(now, m, p.from) {
		return
	}
	r.leave()
	r.attempt++
	r.conflicts = append(slices.DeleteFunc(r.conflicts, func(t time.Time) bool { return now.Sub(t) > conflictWindow }), now)
	r.cfg.Log.Warn("mDNS: the name is another's", "nic", l.Name, "host", p.from.Addr().String(), "next", label(r.name, r.attempt))
	for _, l := range r.links {
		l.responder.begin(now, r.zone(l))
		if len(r.conflicts) >= manyConflicts {
			l.responder.probe(now, conflictPause)
		}
	}
}

// own says whether an address is this machine's, or was a moment ago, on whichever interface: two of them may be on one
// network.
func (r *Responder) own(now time.Time, a netip.Addr) bool {
	seen, ok := r.had[a.WithZone("").Unmap()]
	return ok && now.Sub(seen) < ownFor || slices.ContainsFunc(r.configured(), func(o netip.Addr) bool { return o == a.WithZone("").Unmap() })
}

// see takes note of addresses of this machine.
func (r *Responder) see(now time.Time, list []netip.Addr) {
	maps.DeleteFunc(r.had, func(_ netip.Addr, seen time.Time) bool { return now.Sub(seen) >= ownFor })
	for _, a := range list {
		r.had[a] = now
	}
}

// configured are the addresses of all interfaces, as Configure was told them.
func (r *Responder) configured() []netip.Addr {
	var list []netip.Addr
	for _, l := range r.links {
		for _, p := range l.Prefixes {
			list = append(list, p.Addr().WithZone(""))
		}
	}
	return list
}

// addresses are the machine's at this moment.
func addresses() []netip.Addr {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return nil // those of Configure are known
	}
	var out []netip.Addr
	for _, a := range list {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			out = append(out, p.Addr().WithZone("").Unmap())
		}
	}
	return out
}

// local says whether an address is of a network that the interface is on.
func (l *active) local(a netip.Addr) bool {
	a = a.WithZone("").Unmap()
	return a.Is6() && a.IsLinkLocalUnicast() || slices.ContainsFunc(l.Prefixes, func(p netip.Prefix) bool { return p.Masked().Contains(a) })
}
