package ping

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	// MaxHops is how far Trace looks: nothing on the Internet is further away.
	MaxHops = 30
	// silence ends a trace: so many stations in a row that say nothing.
	silence = 8

	hopTries = 2
	hopWait  = time.Second
)

// Hop is one station on the way to a host.
type Hop struct {
	Number  int
	From    netip.Addr // not valid: nobody answered
	Took    time.Duration
	Reached bool  // it is the host
	Err     error // ErrUnreachable: the station says that it does not go on from there
}

// Trace finds the routers on the way to a host, by requests that may come ever further (TTL, or hop limit), and calls each
// with one after the other. It ends with the host, with a router that says that there is no way, after MaxHops, when nobody
// answers any more, when each fails, or with ctx, whose error it returns then. It has a socket of its own.
func Trace(ctx context.Context, to netip.Addr, each func(Hop) error) error {
	to = to.Unmap()
	t, err := newTracer(to)
	if err != nil {
		return err
	}
	defer t.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = t.conn.SetReadDeadline(time.Unix(1, 0)) })()
	silent := 0
	for n := 1; n <= MaxHops && silent < silence; n++ {
		hop := Hop{Number: n}
		for try := 0; try < hopTries && !hop.From.IsValid(); try++ {
			if hop, err = t.ask(ctx, n, try); err != nil {
				return err
			}
		}
		silent++
		if hop.From.IsValid() {
			silent = 0
		}
		if err := each(hop); err != nil {
			return err
		}
		if hop.Reached || hop.Err != nil {
			return nil
		}
	}
	return nil
}

type tracer struct {
	to    netip.Addr
	six   bool
	id    uint16
	token [tokenBytes]byte
	conn  *icmp.PacketConn
}

func newTracer(to netip.Addr) (*tracer, error) {
	t := &tracer{to: to, six: to.Is6()}
	var id [2]byte
	_, _ = rand.Read(id[:]) // never fails
	_, _ = rand.Read(t.token[:])
	t.id = binary.BigEndian.Uint16(id[:])
	network, bind := "ip4:icmp", "0.0.0.0"
	if t.six {
		network, bind = "ip6:ipv6-icmp", "::"
	}
	c, err := icmp.ListenPacket(network, bind)
	if err != nil {
		return nil, fmt.Errorf("open ICMP socket: %w", err)
	}
	t.conn = c
	if t.six {
		var f ipv6.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv6.ICMPTypeEchoReply)
		f.Accept(ipv6.ICMPTypeDestinationUnreachable)
		f.Accept(ipv6.ICMPTypeTimeExceeded)
		err = c.IPv6PacketConn().SetICMPFilter(&f)
	} else {
		var f ipv4.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv4.ICMPTypeEchoReply)
		f.Accept(ipv4.ICMPTypeDestinationUnreachable)
		f.Accept(ipv4.ICMPTypeTimeExceeded)
		err = c.IPv4PacketConn().SetICMPFilter(&f)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return t, nil
}

// ask sends one request that comes n stations far, and waits for what is said to it.
func (t *tracer) ask(ctx context.Context, n, try int) (Hop, error) {
	hop, seq := Hop{Number: n}, uint16(n*hopTries+try)
	var err error
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(t.id), Seq: int(seq), Data: t.token[:]}}
	if t.six {
		m.Type = ipv6.ICMPTypeEchoRequest
		err = t.conn.IPv6PacketConn().SetHopLimit(n)
	} else {
		err = t.conn.IPv4PacketConn().SetTTL(n)
	}
	b, bad := m.Marshal(nil)
	if err = errors.Join(err, bad); err != nil {
		return hop, err
	}
	began := time.Now()
	if _, err := t.conn.WriteTo(b, &net.IPAddr{IP: t.to.AsSlice(), Zone: t.to.Zone()}); err != nil {
		return hop, fmt.Errorf("%w (%w)", ErrNoRoute, err)
	}
	if err := t.conn.SetReadDeadline(began.Add(hopWait)); err != nil {
		return hop, err
	}
	in := make([]byte, 1500)
	for {
		if ctx.Err() != nil { // it may have ended before the deadline was set anew
			return hop, ctx.Err()
		}
		size, from, err := t.conn.ReadFrom(in)
		at := time.Now()
		var timeout net.Error
		switch {
		case ctx.Err() != nil:
			return hop, ctx.Err()
		case errors.As(err, &timeout) && timeout.Timeout():
			return hop, nil
		case err != nil:
			return hop, err
		}
		addr, ok := from.(*net.IPAddr)
		if !ok {
			continue
		}
		source, _ := netip.AddrFromSlice(addr.IP)
		a, ok := parse(in[:size], t.six)
		if !ok || !t.settles(&hop, a, source.Unmap(), seq) {
			continue
		}
		hop.From, hop.Took = source.Unmap(), at.Sub(began)
		return hop, nil
	}
}

// settles tells whether an answer is to the request, and what it means.
func (t *tracer) settles(hop *Hop, a answer, from netip.Addr, seq uint16) bool {
	if a.id != t.id || a.seq != seq {
		return false
	}
	to := t.to.WithZone("")
	switch {
	case a.exceeded && a.to == to:
		return true
	case a.unreachable && a.to == to:
		hop.Err = ErrUnreachable
		return true
	case !a.exceeded && !a.unreachable && a.token == t.token && from == to:
		hop.Reached = true
		return true
	}
	return false
}
