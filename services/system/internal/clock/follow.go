package clock

import (
	"context"
	"time"

	"vigie/internal/api"
)

// follow moves the clock towards the chosen server and returns the pause until the next question.
func (k *Keeper) follow(ctx context.Context, c Choice) time.Duration {
	first, now := !k.synced, k.cfg.Clock.Now()
	c.Leap = leapNow(c.Leap, now)
	k.state.OffsetMs = milliseconds(c.Offset)
	left := c.Offset
	switch decide(first, c.Offset) {
	case step:
		if err := k.step(c.Offset, c.Server); err != nil {
			k.state.Status, k.state.Reason = api.ClockStatusUnreachable, "The clock cannot be set: "+err.Error()+"."
			return minPoll
		}
		after := now.Add(c.Offset)
		k.cfg.Log.Info("clock stepped", "server", c.Server, "before", now.UTC(), "after", after.UTC(), "offset", c.Offset)
		k.cfg.Console.Say("clock", "clock: set from %s to %s (it was %s %s) by %s", stamp(now), stamp(after), round(c.Offset), side(c.Offset), c.Server)
		left, k.poll = 0, minPoll
	case slew:
		if first {
			k.cfg.Console.Say("clock", "clock: right within %s, by %s", round(c.Offset), c.Server)
		}
		k.history.offset(now, k.state.OffsetMs)
		if !first {
			k.poll = nextPoll(k.poll, c.Offset, k.jitter(c.Server))
		}
	}
	if !k.plan.always() {
		k.poll = minPoll
		k.await(k.cfg.Clock.Now())
	}
	k.settle(left, c)
	k.synced, k.owed = true, false
	k.state.Status, k.state.Reason, k.state.Server = api.ClockStatusSynchronised, c.Doubt, c.Server
	at := k.cfg.Clock.Now()
	k.state.LastSyncMs = at.UnixMilli()
	k.state.Reference = reach(c.Sample, left, at)
	if at.Sub(k.rtc).Abs() >= rtcEvery || left != c.Offset {
		k.cfg.Publish(k.state) // the battery clock takes a moment
		k.setRTC(ctx)
	}
	return k.poll
}

// reach is what this machine can say of its time to those who follow it (RFC 5905, section 11.1 ff.): as of an instant,
// from which on the dispersion grows.
func reach(s Sample, left time.Duration, at time.Time) api.ClockReference {
	if s.Stratum >= 15 {
		return api.ClockReference{}
	}
	r := api.ClockReference{
		ID: referenceText(s.Addr), Stratum: s.Stratum + 1, AtMs: at.UnixMilli(), Leap: api.ClockReferenceLeapNone,
		RootDelayUs:      (s.RootDelay + s.Delay).Microseconds(),
		RootDispersionUs: (s.RootDispersion + s.Spread + left.Abs()).Microseconds() + 1,
	}
	switch s.Leap {
	case LeapAdd:
		r.Leap = api.ClockReferenceLeapAdd
	case LeapDelete:
		r.Leap = api.ClockReferenceLeapDelete
	}
	return r
}

// leapNow passes a leap second on only in the months at whose end there are any: a server that announces one in another
// month is wrong, or has forgotten to cease.
func leapNow(l Leap, now time.Time) Leap {
	if m := now.UTC().Month(); m != time.June && m != time.December {
		return LeapNone
	}
	return l
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// side says which way the clock was wrong by an offset.
func side(offset time.Duration) string {
	if offset > 0 {
		return "behind"
	}
	return "ahead"
}

// settle hands what is left of the offset to the kernel.
func (k *Keeper) settle(offset time.Duration, c Choice) {
	err := k.cfg.Clock.Slew(Correction{Offset: offset, Error: c.Distance(), Poll: k.poll, Leap: c.Leap})
	if err != nil {
		k.cfg.Log.Error("clock", "err", err)
		return
	}
	for _, s := range k.sources {
		s.slewed(offset)
	}
}

func (k *Keeper) jitter(server string) time.Duration {
	for _, s := range k.sources {
		if s.server == server {
			return s.jitter
		}
	}
	return 0
}

func (k *Keeper) setRTC(ctx context.Context) {
	k.rtc = k.cfg.Clock.Now()
	if err := k.cfg.Clock.SetRTC(ctx); err != nil && ctx.Err() == nil {
		k.cfg.Log.Warn("battery clock", "err", err)
	}
}
