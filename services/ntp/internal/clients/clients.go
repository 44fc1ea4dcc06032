// Package clients knows who asked for the time, and how often each may.
//
// Each client has a bucket of answers that fills again with time: a device that starts may ask several times at once,
// one that asks all the time is told once in a while to ask less (RATE) and left without an answer else. A client is
// an IPv4 address, the /64 network of an IPv6 address, or a link-local address: whoever has a network of addresses
// counts as one.
//
// Memory is bounded: a table that is full forgets who has been silent longest. Sender addresses can be forged, so that a
// flood can make the table forget a client that was limited; what it gets from that are answers as small as its questions.
//
// All methods may be called from many goroutines. Time is given in.
package clients

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// Verdict is what a client gets.
type Verdict int

// The verdicts.
const (
	Answer Verdict = iota
	Refuse         // tell it that it asks too often
	Drop           // tell it nothing
)

// Limits are how often one client may ask.
type Limits struct {
	Every  time.Duration // on average
	Burst  int           // at once
	Refuse time.Duration // between two refusals; all else is dropped
	Most   int           // clients that are known
}

// Default lets a device ask once a second, 16 times at once, and knows 4096 of them.
func Default() Limits {
	return Limits{Every: time.Second, Burst: 16, Refuse: 8 * time.Second, Most: 4096}
}

// Client is what is known of one.
type Client struct {
	Address           netip.Addr
	Version           uint8
	Requests, Limited int64
	First, Last       time.Time
}

type entry struct {
	Client
	credit  time.Duration // what the bucket holds, in time that asking takes
	refused time.Time
}

// Table is all clients.
type Table struct {
	limits Limits

	mu    sync.Mutex
	known map[netip.Addr]*list.Element
	order *list.List // of *entry, the last to ask first
}

// New returns an empty table.
func New(l Limits) *Table {
	return &Table{limits: l, known: make(map[netip.Addr]*list.Element), order: list.New()}
}

// Ask notes a request and says what its sender gets.
func (t *Table) Ask(from netip.Addr, version uint8, now time.Time) Verdict {
	from = client(from)
	t.mu.Lock()
	defer t.mu.Unlock()
	most := time.Duration(t.limits.Burst) * t.limits.Every
	at, ok := t.known[from]
	if !ok {
		var e *entry
		if t.order.Len() >= t.limits.Most {
			at = t.order.Back()
			e = at.Value.(*entry)
			delete(t.known, e.Address)
		} else {
			e = &entry{}
			at = t.order.PushFront(e)
		}
		*e = entry{Client: Client{Address: from, First: now, Last: now}, credit: most}
		t.known[from] = at
	}
	t.order.MoveToFront(at)
	e := at.Value.(*entry)
	e.credit = min(e.credit+max(now.Sub(e.Last), 0), most)
	e.Last, e.Version = now, version
	e.Requests++
	if e.credit >= t.limits.Every {
		e.credit -= t.limits.Every
		return Answer
	}
	e.Limited++
	if now.Sub(e.refused) >= t.limits.Refuse {
		e.refused = now
		return Refuse
	}
	return Drop
}

// client is the address under which a sender counts.
func client(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if a.Is4() || a.IsLinkLocalUnicast() || a.IsLoopback() {
		return a
	}
	p, err := a.WithZone("").Prefix(64)
	if err != nil {
		return a
	}
	return p.Addr()
}

// Last returns those that asked last, the latest first, and how many are known.
func (t *Table) Last(most int) (list []Client, known int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for at := t.order.Front(); at != nil && len(list) < most; at = at.Next() {
		list = append(list, at.Value.(*entry).Client)
	}
	return list, t.order.Len()
}
