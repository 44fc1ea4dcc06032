// Package lockout slows down guessing: after a few failures in a row, each further attempt under the same key has to
// wait, twice as long every time.
//
// A key is whatever attempts are counted under: an address, a user name. An attempt is charged when it begins and
// forgiven when it succeeds, so that many attempts at once cannot slip past the count. A refused attempt is neither
// examined nor charged. The number of keys is bounded; when the table is full the key with the fewest failures goes,
// so that a flood of fresh keys cannot wash out the one that is being guessed at. Safe for many goroutines.
package lockout

import (
	"net/netip"
	"sync"
	"time"
)

// Rule says how patient to be with one kind of key.
type Rule struct {
	Free   int           // failures in a row that cost nothing
	First  time.Duration // the wait after the next one; doubled with each further one
	Max    time.Duration // no wait is longer
	Forget time.Duration // this long after the last attempt a key is forgotten
}

// wait is how long to be refused after that many failures in a row.
func (r Rule) wait(failures int) time.Duration {
	if failures <= r.Free {
		return 0
	}
	d := r.First
	for range failures - r.Free - 1 {
		if d *= 2; d >= r.Max {
			return r.Max
		}
	}
	return min(d, r.Max)
}

// Key is one thing to count under, and how.
type Key struct {
	Name string
	Rule Rule
}

type entry struct {
	failures int
	last     time.Time // of the last charged attempt
	rule     Rule
}

// Table counts failures. Make one with New.
type Table struct {
	mu      sync.Mutex
	max     int
	entries map[string]*entry
}

// New makes an empty Table that remembers at most max keys.
func New(max int) *Table {
	return &Table{max: max, entries: make(map[string]*entry)}
}

// Begin starts an attempt that counts under all keys. It returns 0 when the attempt may go on, and is then charged to
// each of them until Succeeded says otherwise; or how long to wait, and then nothing is charged.
func (t *Table) Begin(keys ...Key) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	var wait time.Duration
	for _, k := range keys {
		if e := t.entries[k.Name]; e != nil {
			if now.Sub(e.last) >= e.rule.Forget {
				delete(t.entries, k.Name)
				continue
			}
			wait = max(wait, e.rule.wait(e.failures)-now.Sub(e.last))
		}
	}
	if wait > 0 {
		return wait
	}
	for _, k := range keys {
		e := t.entries[k.Name]
		if e == nil {
			t.makeRoom(now)
			e = &entry{}
			t.entries[k.Name] = e
		}
		e.failures++
		e.last, e.rule = now, k.Rule
	}
	return 0
}

// Succeeded forgets all failures under the keys.
func (t *Table) Succeeded(keys ...Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		delete(t.entries, k.Name)
	}
}

// Withdraw takes back the charge of one attempt that could not be examined.
func (t *Table) Withdraw(keys ...Key) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range keys {
		if e := t.entries[k.Name]; e != nil {
			if e.failures--; e.failures <= 0 {
				delete(t.entries, k.Name)
			}
		}
	}
}

func (t *Table) makeRoom(now time.Time) {
	if len(t.entries) < t.max {
		return
	}
	var victim string
	var least *entry
	for name, e := range t.entries {
		if now.Sub(e.last) >= e.rule.Forget {
			delete(t.entries, name)
			continue
		}
		if least == nil || e.failures < least.failures || e.failures == least.failures && e.last.Before(least.last) {
			victim, least = name, e
		}
	}
	if len(t.entries) >= t.max {
		delete(t.entries, victim)
	}
}

// Network is what stands for a client in a key: an IPv4 address, or the /64 network of an IPv6 one, since any host on
// such a network has 2^64 addresses to come from.
func Network(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() || a.IsLoopback() {
		return a.String()
	}
	p, err := a.Prefix(64)
	if err != nil || !p.IsValid() {
		return "unknown"
	}
	return p.String()
}
