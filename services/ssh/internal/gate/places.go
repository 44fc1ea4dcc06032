package gate

import (
	"net/netip"
	"sync"

	"vigie/internal/lockout"
)

// How many connections there may be: strangers are those that have not logged in.
const (
	strangersMost    = 12
	strangersNetwork = 4 // from one network
	insideMost       = 16
)

const (
	errStrangers Refusal = "Too many connections wait to log in. Try again in a moment."
	errFull      Refusal = "As many sessions run as there may be. End one of them, or try again later."
)

// places counts connections. The zero value is empty.
type places struct {
	mu        sync.Mutex
	strangers int
	inside    int
	by        map[string]int // strangers, by network
}

// take finds a place for a stranger.
func (p *places) take(from netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	network := lockout.Network(from)
	switch {
	case p.strangers >= strangersMost || p.by[network] >= strangersNetwork:
		return errStrangers
	case p.inside >= insideMost:
		return errFull
	}
	if p.by == nil {
		p.by = map[string]int{}
	}
	p.strangers++
	p.by[network]++
	return nil
}

// in says that a stranger is none any more.
func (p *places) in(from netip.Addr) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.leave(from)
	p.inside++
}

// giveBack frees the place of a stranger, or of one inside.
func (p *places) giveBack(from netip.Addr, stranger bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if stranger {
		p.leave(from)
		return
	}
	p.inside--
}

// leave takes a stranger away; the caller holds mu.
func (p *places) leave(from netip.Addr) {
	network := lockout.Network(from)
	p.strangers--
	if p.by[network]--; p.by[network] <= 0 {
		delete(p.by, network)
	}
}
