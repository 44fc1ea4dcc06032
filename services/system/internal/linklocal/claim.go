package linklocal

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"

	"vigie/services/system/internal/arp"
)

// Times and numbers of RFC 3927, section 9.
const (
	probeWait         = time.Second
	probeNum          = 3
	probeMin          = time.Second
	probeMax          = 2 * time.Second
	announceWait      = 2 * time.Second
	announceNum       = 2
	announceInterval  = 2 * time.Second
	maxConflicts      = 10
	rateLimitInterval = 60 * time.Second
	defendInterval    = 10 * time.Second
)

// wire sends and receives ARP packets on one NIC.
type wire interface {
	send(arp.Packet) error
	packets() <-chan arp.Packet
}

// claim finds an address on one NIC that nobody else has, and keeps it.
type claim struct {
	mac     arp.MAC
	wire    wire
	random  *rand.Rand
	install func(netip.Addr) error
	remove  func(netip.Addr)
	log     func(what string, a netip.Addr)
}

// newRandom is seeded by the MAC, so that a machine mostly gets the address that it had (section 2.1), and machines that
// start at one moment try different ones.
func newRandom(mac arp.MAC) *rand.Rand {
	h := fnv.New64a()
	h.Write(mac[:])
	return rand.New(rand.NewPCG(h.Sum64(), 0x169254))
}

// candidate is any of 169.254.1.0 to 169.254.254.255 (section 2.1).
func candidate(r *rand.Rand) netip.Addr {
	n := r.IntN(254 * 256)
	return netip.AddrFrom4([4]byte{169, 254, byte(1 + n/256), byte(n % 256)})
}

// errNotWanted ends a claim whose NIC has a better address.
var errNotWanted = errors.New("no link-local address is wanted")

// run claims one address after the other until ctx ends. It begins with the one that the NIC has already, if any. The one
// that it has in the end stays, unless none is wanted any more.
func (c *claim) run(ctx context.Context, has netip.Addr) {
	defer func() {
		if has.IsValid() && errors.Is(context.Cause(ctx), errNotWanted) {
			c.remove(has)
		}
	}()
	for conflicts := 0; ctx.Err() == nil; conflicts++ {
		if conflicts >= maxConflicts && !pause(ctx, rateLimitInterval) {
			return
		}
		a := has
		if !a.IsValid() {
			a = candidate(c.random)
		}
		if c.free(ctx, a) {
			if err := c.install(a); err != nil {
				c.log("cannot be set: "+err.Error(), a)
				conflicts = maxConflicts
				continue
			}
			has, conflicts = a, 0
			c.keep(ctx, a)
		}
		if ctx.Err() == nil && has.IsValid() {
			c.remove(has)
			has = netip.Addr{}
		}
	}
}

// free probes an address, and says whether nobody else has or wants it.
func (c *claim) free(ctx context.Context, a netip.Addr) bool {
	if !c.listen(ctx, c.between(0, probeWait), func(p arp.Packet) bool { return !p.Uses(c.mac, a) }) {
		return false
	}
	for i := range probeNum {
		if err := c.wire.send(arp.Probe(c.mac, a)); err != nil {
			c.log("cannot be probed: "+err.Error(), a)
		}
		wait := c.between(probeMin, probeMax)
		if i == probeNum-1 {
			wait = announceWait
		}
		if !c.listen(ctx, wait, func(p arp.Packet) bool { return !p.Uses(c.mac, a) && !p.Wants(c.mac, a) }) {
			if ctx.Err() == nil {
				c.log("is another's", a)
			}
			return false
		}
	}
	return true
}

// keep announces the address and defends it, once in a while (section 2.5, b); it returns when it has to be given up.
func (c *claim) keep(ctx context.Context, a netip.Addr) {
	c.log("is ours", a)
	announce := func() {
		if err := c.wire.send(arp.Announcement(c.mac, a)); err != nil {
			c.log("cannot be announced: "+err.Error(), a)
		}
	}
	var defended time.Time
	mine := func(p arp.Packet) bool {
		if !p.Uses(c.mac, a) {
			return true
		}
		if now := time.Now(); defended.IsZero() || now.Sub(defended) >= defendInterval {
			defended = now
			announce()
			return true
		}
		c.log("is claimed by another too", a)
		return false
	}
	for range announceNum {
		announce()
		if !c.listen(ctx, announceInterval, mine) {
			return
		}
	}
	c.listen(ctx, 0, mine)
}

// listen takes packets for a time, 0 for ever, for as long as each is good.
func (c *claim) listen(ctx context.Context, d time.Duration, good func(arp.Packet) bool) bool {
	var end <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		end = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return false
		case <-end:
			return true
		case p := <-c.wire.packets():
			if !good(p) {
				return false
			}
		}
	}
}

func (c *claim) between(low, high time.Duration) time.Duration {
	return low + time.Duration(c.random.Int64N(int64(high-low)+1))
}

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
