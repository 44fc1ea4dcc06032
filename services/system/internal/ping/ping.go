// Package ping asks hosts for an ICMP echo (RFC 792; for IPv6 RFC 4443, section 4) and times the answer.
//
// One raw socket a family serves all requests, which many goroutines may have under way at once. The kernel is told to
// hand over echo replies and errors alone. An answer counts when it comes from the host that was asked and brings back
// the eight random bytes that were sent; an error of a router on the way when the request that it quotes is ours.
package ping

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Why a request is without an answer. Their texts are for people.
var (
	ErrNoAnswer    = errors.New("no answer")
	ErrUnreachable = errors.New("a router says that it cannot be reached")
	ErrNoRoute     = errors.New("this machine has no way there")
)

const tokenBytes = 8

// Pinger sends requests. It is made with Open.
type Pinger struct {
	id      uint16
	sockets map[bool]*icmp.PacketConn // by "is IPv6"
	readers sync.WaitGroup

	mu      sync.Mutex
	next    uint16
	waiting map[uint16]*request // by sequence number
}

// request is one that is under way.
type request struct {
	to    netip.Addr
	token [tokenBytes]byte
	done  chan result // holds one
}

type result struct {
	at  time.Time
	err error
}

// Open opens the sockets. Of a family whose socket cannot be opened, which the error tells, no host is ever reached; the
// Pinger is of use all the same.
func Open() (*Pinger, error) {
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	p := &Pinger{id: binary.BigEndian.Uint16(id[:]), sockets: map[bool]*icmp.PacketConn{}, waiting: map[uint16]*request{}}
	var errs []error
	for _, family := range []struct {
		six           bool
		network, bind string
	}{{false, "ip4:icmp", "0.0.0.0"}, {true, "ip6:ipv6-icmp", "::"}} {
		c, err := icmp.ListenPacket(family.network, family.bind)
		if err == nil {
			err = filter(c, family.six)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("open ICMP socket: %w", err))
			continue
		}
		p.sockets[family.six] = c
		p.readers.Go(func() { p.read(c, family.six) })
	}
	return p, errors.Join(errs...)
}

func filter(c *icmp.PacketConn, six bool) error {
	if six {
		var f ipv6.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv6.ICMPTypeEchoReply)
		f.Accept(ipv6.ICMPTypeDestinationUnreachable)
		return c.IPv6PacketConn().SetICMPFilter(&f)
	}
	var f ipv4.ICMPFilter
	f.SetAll(true)
	f.Accept(ipv4.ICMPTypeEchoReply)
	f.Accept(ipv4.ICMPTypeDestinationUnreachable)
	return c.IPv4PacketConn().SetICMPFilter(&f)
}

// Close ends all requests.
func (p *Pinger) Close() error {
	var errs []error
	for _, c := range p.sockets {
		errs = append(errs, c.Close())
	}
	p.readers.Wait()
	return errors.Join(errs...)
}

// Ping asks a host once and returns how long its answer took. It waits as long as ctx lives; its end is ErrNoAnswer.
func (p *Pinger) Ping(ctx context.Context, to netip.Addr) (time.Duration, error) {
	to = to.Unmap()
	c := p.sockets[to.Is6()]
	if c == nil {
		return 0, ErrNoRoute
	}
	r := &request{to: to, done: make(chan result, 1)}
	_, _ = rand.Read(r.token[:]) // never fails
	seq := p.enter(r)
	defer p.leave(seq, r)
	b, err := p.message(to.Is6(), seq, r.token[:])
	if err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := c.WriteTo(b, &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}); err != nil {
		return 0, fmt.Errorf("%w (%w)", ErrNoRoute, err)
	}
	select {
	case got := <-r.done:
		return got.at.Sub(began), got.err
	case <-ctx.Done():
		return 0, ErrNoAnswer
	}
}

func (p *Pinger) message(six bool, seq uint16, token []byte) ([]byte, error) {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(p.id), Seq: int(seq), Data: token}}
	if six {
		m.Type = ipv6.ICMPTypeEchoRequest // the kernel sees to its checksum
	}
	return m.Marshal(nil)
}

// enter gives a request a number that no other has.
func (p *Pinger) enter(r *request) uint16 {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.waiting[p.next] != nil {
		p.next++
	}
	seq := p.next
	p.waiting[seq] = r
	p.next++
	return seq
}

func (p *Pinger) leave(seq uint16, r *request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[seq] == r {
		delete(p.waiting, seq)
	}
}

// read hands over what comes until the socket is closed.
func (p *Pinger) read(c *icmp.PacketConn, six bool) {
	b := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(b)
		at := time.Now()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		addr, ok := from.(*net.IPAddr)
		if err != nil || !ok {
			continue
		}
		a, ok := parse(b[:n], six)
		if !ok || a.id != p.id {
			continue
		}
		source, _ := netip.AddrFromSlice(addr.IP)
		p.settle(a, source.Unmap(), at)
	}
}

func (p *Pinger) settle(a answer, from netip.Addr, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.waiting[a.seq]
	switch {
	case r == nil || a.exceeded:
	case a.unreachable && a.to == r.to.WithZone(""):
		delete(p.waiting, a.seq)
		r.done <- result{at, ErrUnreachable}
	case !a.unreachable && from == r.to.WithZone("") && a.token == r.token:
		delete(p.waiting, a.seq)
		r.done <- result{at, nil}
	}
}
