package dhcp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"
)

// Status is where the client stands.
type Status string

// The states, as in the API.
const (
	Waiting  Status = "waiting"  // looking for a server
	Bound    Status = "bound"    // has a lease
	Renewing Status = "renewing" // has a lease that its server does not renew for the moment
	Failed   Status = "failed"   // no server gives a lease; it goes on trying
	Off      Status = "off"      // there is no client: of the caller's use
)

// State is what the NIC should be like.
type State struct {
	Status Status
	Reason string // for people; empty when all is well
	Lease  *Lease // nil: no address
	Keep   bool   // without a lease: an address from before the start may stay; nobody has objected
}

// Config is what a client is made with.
type Config struct {
	Interface string
	MAC       net.HardwareAddr
	Hostname  string // sent to the server; empty: not sent
	// Report is told each change of state, in order, and must not block for long.
	Report func(State)
}

// errNak: the server says that the address must not be used.
var errNak = errors.New("the server refused the address")

const (
	firstPause = 2 * time.Second
	mostPause  = 64 * time.Second
)

// Client holds the conversation of one NIC.
type Client struct {
	cfg Config
}

// New returns a client that has sent nothing yet.
func New(cfg Config) *Client { return &Client{cfg} }

// Run keeps a lease until ctx is cancelled. last is the lease that the link had when it was last up, or one made with
// Guess, or nil. Its state at the end stands: Run takes nothing back.
func (c *Client) Run(ctx context.Context, last *Lease) {
	lease := c.confirm(ctx, last)
	for ctx.Err() == nil {
		if lease == nil {
			lease = c.obtain(ctx)
			continue
		}
		lease = c.hold(ctx, lease)
	}
}

// Guess is a lease to be confirmed for an address that the NIC already has: the service was restarted.
func Guess(address netip.Prefix) *Lease { return &Lease{Address: address} }

// confirm asks whether the last lease is still good here. Without an answer a lease that has not ended is kept, as
// RFC 2131 (4.4.2) allows; a guess is dropped.
func (c *Client) confirm(ctx context.Context, last *Lease) *Lease {
	if last == nil || last.ack != nil && !last.Infinite() && time.Now().After(last.Ends()) {
		c.cfg.Report(State{Status: Waiting, Reason: "Looking for a DHCP server."})
		return nil
	}
	lease, err := c.reboot(ctx, last.Address.Addr())
	switch {
	case err == nil:
		c.cfg.Report(State{Status: Bound, Lease: lease})
		return lease
	case errors.Is(err, errNak) || last.ack == nil:
		// A guess was once a lease, and its time runs in the kernel: cameras are reached by it until that ends.
		c.cfg.Report(State{Status: Waiting, Reason: "Looking for a DHCP server.", Keep: !errors.Is(err, errNak)})
		return nil
	}
	c.cfg.Report(State{Status: Renewing, Reason: "The DHCP server has not confirmed the address since the link came back.", Lease: last})
	return last
}

// obtain looks for a server until it has a lease or ctx ends.
func (c *Client) obtain(ctx context.Context) *Lease {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		lease, err := c.unclaimed(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			c.cfg.Report(State{Status: Bound, Lease: lease})
			c.announce(lease.Address.Addr())
			return lease
		}
		c.cfg.Report(State{Status: Failed, Reason: sentence(err)})
		wait := jitter(pause)
		if _, yes := errors.AsType[*conflictError](err); yes {
			wait = declinePause
		}
		if !sleep(ctx, wait) {
			return nil
		}
	}
}

// unclaimed is a lease of an address that nobody has; one that somebody has is declined.
func (c *Client) unclaimed(ctx context.Context) (*Lease, error) {
	lease, err := c.discover(ctx)
	if err != nil {
		return nil, err
	}
	err = c.free(ctx, lease.Address.Addr())
	if _, yes := errors.AsType[*conflictError](err); yes {
		return nil, errors.Join(err, c.decline(lease))
	}
	return lease, ctx.Err() // a link on which ARP cannot be asked is used as it is
}

// hold keeps a lease until it is lost (nil), replaced by what a server renewed it to, or ctx ends.
func (c *Client) hold(ctx context.Context, lease *Lease) *Lease {
	if lease.Infinite() {
		<-ctx.Done()
		return lease
	}
	for {
		now := time.Since(lease.At)
		switch {
		case now < lease.Renew:
			if !sleep(ctx, lease.Renew-now) {
				return lease
			}
			continue
		case now >= lease.End:
			c.cfg.Report(State{Status: Failed, Reason: "The DHCP lease has ended and was not renewed: the server does not answer."})
			return nil
		}
		next, until := lease.Rebind, c.renew
		if now >= lease.Rebind {
			next, until = lease.End, c.rebind
		}
		// What is asked for ends with its stage: an answer that came later would not be waited for by unicast, nor after the end.
		stage, cancel := context.WithDeadline(ctx, lease.At.Add(next))
		renewed, err := until(stage, lease)
		cancel()
		switch {
		case ctx.Err() != nil:
			return lease
		case err == nil:
			c.cfg.Report(State{Status: Bound, Lease: renewed})
			return renewed
		case errors.Is(err, errNak):
			c.cfg.Report(State{Status: Waiting, Reason: "The DHCP server took the address back; asking for another one."})
			return nil
		}
		c.cfg.Report(State{Status: Renewing, Reason: "The DHCP server does not renew the lease: " + err.Error() + ".", Lease: lease})
		// Half of what is left, one minute at least (RFC 2131, 4.4.5) but less for a short lease, never past the next stage.
		left := next - time.Since(lease.At)
		if !sleep(ctx, max(min(left, max(left/2, min(lease.End/20, time.Minute))), 100*time.Millisecond)) {
			return lease
		}
	}
}

// sleep waits; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// jitter keeps a hundred machines that lost power together from asking together.
func jitter(d time.Duration) time.Duration {
	return d + time.Duration(rand.Int64N(int64(d)/2)) - d/4
}

func sentence(err error) string {
	if errors.Is(err, errSilence) {
		return "No DHCP server answers on this network."
	}
	if c, yes := errors.AsType[*conflictError](err); yes {
		return fmt.Sprintf("The DHCP server offered %s, which another machine (%s) has; asking for another one.", c.address, c.holder)
	}
	return fmt.Sprintf("No address from DHCP: %v.", err)
}
