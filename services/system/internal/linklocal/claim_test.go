package linklocal

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"vigie/services/system/internal/arp"
)

// cable is a segment of Ethernet: what one sends all others get.
type cable struct {
	mu    sync.Mutex
	ends  []*end
	heard []arp.Packet
}

type end struct {
	cable *cable
	in    chan arp.Packet
}

func (c *cable) plug() *end {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := &end{c, make(chan arp.Packet, 64)}
	c.ends = append(c.ends, e)
	return e
}

func (e *end) packets() <-chan arp.Packet { return e.in }

func (e *end) send(p arp.Packet) error {
	e.cable.mu.Lock()
	defer e.cable.mu.Unlock()
	e.cable.heard = append(e.cable.heard, p)
	for _, o := range e.cable.ends {
		if o != e {
			o.in <- p
		}
	}
	return nil
}

// host is a claim that notes what it has.
type host struct {
	*claim
	mu  sync.Mutex
	has netip.Addr
	had []netip.Addr
}

func newHost(c *cable, mac byte) *host {
	h := &host{}
	h.claim = &claim{
		mac: arp.MAC{2, 0, 0, 0, 0, mac}, wire: c.plug(),
		install: func(a netip.Addr) error { h.set(a); return nil },
		remove:  func(netip.Addr) { h.set(netip.Addr{}) },
		log:     func(string, netip.Addr) {},
	}
	h.random = newRandom(h.mac)
	return h
}

func (h *host) set(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.has = a
	h.had = append(h.had, a)
}

func (h *host) address() netip.Addr {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.has
}

func TestAnAddressIsProbedAnnouncedAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		h := newHost(&c, 1)
		ctx, cancel := context.WithCancelCause(t.Context())
		start := time.Now()
		go h.run(ctx, netip.Addr{})
		time.Sleep(time.Minute)
		a := h.address()
		if !netip.MustParsePrefix("169.254.0.0/16").Contains(a) || a.As4()[2] == 0 || a.As4()[2] == 255 {
			t.Errorf("the address is %v", a)
		}
		if again := candidate(newRandom(h.mac)); again != a {
			t.Errorf("the same machine takes %v another time", again)
		}
		want := []arp.Packet{arp.Probe(h.mac, a), arp.Probe(h.mac, a), arp.Probe(h.mac, a), arp.Announcement(h.mac, a), arp.Announcement(h.mac, a)}
		if !slices.Equal(c.heard, want) {
			t.Errorf("it sent %+v (since %v)", c.heard, start)
		}
		cancel(errNotWanted)
		synctest.Wait()
		if h.address().IsValid() {
			t.Error("it is kept though none is wanted")
		}
	})
}

func TestAnAddressOutlivesTheServiceAndIsTakenUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		h, old := newHost(&c, 1), netip.MustParseAddr("169.254.7.8")
		h.set(old)
		ctx, cancel := context.WithCancel(t.Context())
		go h.run(ctx, old)
		time.Sleep(time.Minute)
		cancel()
		synctest.Wait()
		if got := h.address(); got != old {
			t.Errorf("it has %v, had %v", got, old)
		}
	})
}

func TestTwoThatWantOneAddressEndWithTwo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		a, b, same := newHost(&c, 1), newHost(&c, 2), netip.MustParseAddr("169.254.7.8")
		ctx, cancel := context.WithCancel(t.Context())
		go a.run(ctx, same)
		go b.run(ctx, same)
		time.Sleep(5 * time.Minute)
		if x, y := a.address(), b.address(); !x.IsValid() || !y.IsValid() || x == y {
			t.Errorf("they have %v and %v", x, y)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAnAddressThatAnotherHasIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		taken := candidate(newRandom(arp.MAC{2, 0, 0, 0, 0, 1}))
		other := c.plug()
		ctx, cancel := context.WithCancel(t.Context())
		go func() {
			for {
				select {
				case p := <-other.in:
					if p.TargetIP == taken && p.Op == arp.Request {
						_ = other.send(arp.Packet{Op: arp.Reply, SenderMAC: arp.MAC{9}, SenderIP: taken, TargetIP: p.SenderIP, TargetMAC: p.SenderMAC})
					}
				case <-ctx.Done():
					return
				}
			}
		}()
		h := newHost(&c, 1)
		go h.run(ctx, netip.Addr{})
		time.Sleep(time.Minute)
		if got := h.address(); !got.IsValid() || got == taken {
			t.Errorf("it has %v", got)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAnAddressIsDefendedOnceAndThenGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		h, other := newHost(&c, 1), c.plug()
		ctx, cancel := context.WithCancel(t.Context())
		go h.run(ctx, netip.Addr{})
		go func() { // nobody else takes the packets of this end
			for {
				select {
				case <-other.in:
				case <-ctx.Done():
					return
				}
			}
		}()
		time.Sleep(time.Minute)
		first := h.address()
		_ = other.send(arp.Announcement(arp.MAC{9}, first))
		synctest.Wait()
		if last := c.heard[len(c.heard)-1]; last != arp.Announcement(h.mac, first) || h.address() != first {
			t.Errorf("it has %v and said %+v", h.address(), last)
		}
		time.Sleep(defendInterval + time.Second)
		_ = other.send(arp.Announcement(arp.MAC{9}, first)) // long after: defended again
		synctest.Wait()
		if h.address() != first {
			t.Error("given up too early")
		}
		time.Sleep(time.Second)
		_ = other.send(arp.Announcement(arp.MAC{9}, first))
		synctest.Wait()
		if h.address().IsValid() {
			t.Error("two conflicts in a row, and it is still there")
		}
		time.Sleep(time.Minute)
		if got := h.address(); !got.IsValid() || got == first {
			t.Errorf("it has %v, had %v", got, first)
		}
		cancel()
		synctest.Wait()
	})
}

func TestAfterManyConflictsItIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var c cable
		other, h := c.plug(), newHost(&c, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { // has everything
			for {
				select {
				case p := <-other.in:
					_ = other.send(arp.Packet{Op: arp.Reply, SenderMAC: arp.MAC{9}, SenderIP: p.TargetIP, TargetIP: p.SenderIP})
				case <-ctx.Done():
					return
				}
			}
		}()
		go h.run(ctx, netip.Addr{})
		time.Sleep(time.Hour)
		c.mu.Lock()
		probes := 0
		for _, p := range c.heard {
			if p.SenderMAC == h.mac {
				probes++
			}
		}
		c.mu.Unlock()
		if probes > 75 || probes < 60 {
			t.Errorf("%d probes in an hour", probes)
		}
		cancel()
		synctest.Wait()
	})
}
