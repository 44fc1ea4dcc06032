// Package responder makes the answer to a request for the time: NTP's server mode and nothing else.
//
// A request is a packet of mode 3 (client) and version 3 or 4, and gets 48 bytes of the same version, which is never
// more than it has itself. What stands behind its header, extension fields and authentication codes, is checked to be
// in order and then passed over: this server has no keys, and who wants an answer that is signed does not take one that
// is not. All else gets no answer at all: broadcast and symmetric modes, the control modes 6 and 7 by which other
// servers are read, configured and made to flood others, answers of other servers, and what is no NTP.
//
// Who asks too often is refused by the kiss code RATE, now and then, and left without an answer else (package clients).
//
// The package does no I/O and knows no sockets. All methods may be called from many goroutines.
//
// Specification: RFC 5905, sections 7.3, 7.4, 8 and 9; RFC 8633 (best current practices).
package responder

import (
	"net/netip"
	"sync/atomic"
	"time"

	"vigie/services/ntp/internal/clients"
	"vigie/services/ntp/internal/packet"
)

// ratePoll is what those who ask too often are told to wait at least, as log2 of seconds.
const ratePoll = 6

// Counts are how many packets came, and what became of them.
type Counts struct{ Requests, Answered, Limited, Ignored int64 }

// Responder answers requests.
type Responder struct {
	clients   *clients.Table
	now       func() time.Time
	precision int8
	state     atomic.Pointer[State]

	requests, answered, limited, ignored atomic.Int64
}

// New returns a responder that is not synchronised.
func New(t *clients.Table, now func() time.Time) *Responder {
	r := &Responder{clients: t, now: now, precision: precision(now)}
	r.state.Store(&State{})
	return r
}

// Set changes what is told from now on.
func (r *Responder) Set(s State) { r.state.Store(&s) }

// Tell is what clients are told now.
func (r *Responder) Tell() Told { return r.state.Load().Tell(r.now()) }

// Counts are the packets so far.
func (r *Responder) Counts() Counts {
	return Counts{r.requests.Load(), r.answered.Load(), r.limited.Load(), r.ignored.Load()}
}

// Answer appends the answer to a packet that was received from somebody at an instant, or returns out as it is where
// there is none.
func (r *Responder) Answer(out, b []byte, from netip.Addr, received time.Time) []byte {
	r.requests.Add(1)
	p, err := packet.Parse(b)
	if err != nil || p.Mode != packet.ModeClient || p.Version < 3 || p.Version > 4 {
		r.ignored.Add(1)
		return out
	}
	now := r.now()
	switch r.clients.Ask(from, p.Version, now) {
	case clients.Refuse:
		r.limited.Add(1)
		return r.refusal(p, received, now).Append(out)
	case clients.Drop:
		r.limited.Add(1)
		return out
	}
	r.answered.Add(1)
	return r.Say(out, p, received)
}

// Say appends the answer to a request whose sender is not counted.
func (r *Responder) Say(out []byte, p packet.Packet, received time.Time) []byte {
	s := r.state.Load()
	told := s.Tell(r.now())
	a := packet.Packet{
		Leap: told.Leap, Version: p.Version, Mode: packet.ModeServer, Stratum: uint8(told.Stratum), Poll: p.Poll, Precision: r.precision,
		RootDelay: packet.ShortOf(told.RootDelay), RootDispersion: packet.ShortOf(told.RootDispersion), ReferenceID: told.ID,
		Reference: packet.TimestampOf(told.Reference), Origin: p.Transmit, Receive: packet.TimestampOf(received),
	}
	now := r.now()
	if now.Before(received) { // set back in between
		a.Receive = packet.TimestampOf(now)
	}
	a.Transmit = packet.TimestampOf(now)
	return a.Append(out)
}

// refusal is the kiss-o'-death packet (RFC 5905, section 7.4).
func (r *Responder) refusal(p packet.Packet, received, now time.Time) packet.Packet {
	return packet.Packet{
		Leap: packet.LeapUnsynchronised, Version: p.Version, Mode: packet.ModeServer, Poll: max(p.Poll, ratePoll), Precision: r.precision,
		ReferenceID: [4]byte{'R', 'A', 'T', 'E'}, Origin: p.Transmit, Receive: packet.TimestampOf(received), Transmit: packet.TimestampOf(now),
	}
}

// precision is how long it takes to read the clock, as log2 of seconds, rounded up.
func precision(now func() time.Time) int8 {
	least := time.Second
	last := now()
	for range 1000 {
		t := now()
		if d := t.Sub(last); d > 0 {
			least = min(least, d)
		}
		last = t
	}
	log := int8(0)
	for s := time.Second; s/2 >= least && log > -30; s /= 2 {
		log--
	}
	return log
}
