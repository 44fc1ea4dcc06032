package account

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxWrong is how many wrong passwords an address may send in wrongWithin before it has to wait.
	maxWrong    = 20
	wrongWithin = time.Minute
	// maxHosts bounds what is remembered; beyond it, what is oldest is forgotten.
	maxHosts = 4096
)

// Attempts bounds how fast passwords can be tried: by network address, a /64 with IPv6. Passwords are far too long to be
// found by trying; this keeps those who do it all the same from costing anything. The zero value is ready.
type Attempts struct {
	mu    sync.Mutex
	hosts map[netip.Prefix]*tries
}

type tries struct {
	wrong int
	since time.Time
}

func host(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // an invalid address has the zero prefix, as all such
	return p
}

// Allowed tells whether an address may try now.
func (t *Attempts) Allowed(a netip.Addr, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	one := t.hosts[host(a)]
	return one == nil || one.wrong < maxWrong || now.Sub(one.since) >= wrongWithin
}

// Wrong notes a wrong password.
func (t *Attempts) Wrong(a netip.Addr, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.hosts == nil {
		t.hosts = map[netip.Prefix]*tries{}
	}
	key := host(a)
	one := t.hosts[key]
	if one == nil || now.Sub(one.since) >= wrongWithin {
		if one == nil && len(t.hosts) >= maxHosts {
			t.forget(now)
		}
		one = &tries{since: now}
		t.hosts[key] = one
	}
	one.wrong++
}

// forget drops what is over, or else the oldest.
func (t *Attempts) forget(now time.Time) {
	var oldest netip.Prefix
	var at time.Time
	for k, one := range t.hosts {
		if now.Sub(one.since) >= wrongWithin {
			delete(t.hosts, k)
		} else if at.IsZero() || one.since.Before(at) {
			oldest, at = k, one.since
		}
	}
	if len(t.hosts) >= maxHosts {
		delete(t.hosts, oldest)
	}
}
