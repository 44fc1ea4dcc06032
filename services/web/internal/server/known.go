package server

import (
	"net/netip"
	"strings"
	"sync"

	"vigie/internal/lockout"
)

// known remembers from which networks users have logged in. Guessing at a user name from elsewhere then cannot lock the
// real user out of where he usually is: there only the count of his own network holds.
type known struct {
	mu    sync.Mutex
	max   int
	pairs map[string]bool
	order []string // oldest first
}

func newKnown(max int) *known { return &known{max: max, pairs: map[string]bool{}} }

func pair(username string, from netip.Addr) string {
	return lockout.Network(from) + " " + strings.ToLower(username)
}

func (k *known) add(username string, from netip.Addr) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := pair(username, from)
	if k.pairs[p] {
		return
	}
	if len(k.order) == k.max {
		delete(k.pairs, k.order[0])
		k.order = k.order[1:]
	}
	k.pairs[p] = true
	k.order = append(k.order, p)
}

func (k *known) has(username string, from netip.Addr) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.pairs[pair(username, from)]
}
