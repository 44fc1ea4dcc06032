package clock

import (
	"time"

	"vigie/internal/api"
)

// follow moves the clock towards the chosen server and returns the pause until the next question.
func (k *Keeper) follow(c Choice) time.Duration {
	before, first := k.last, !k.synced
	k.last = c.Offset
	k.state.OffsetMs = float64(c.Offset.Microseconds()) / 1000
	switch decide(first, c.Offset, before) {
	case askAgain:
		k.cfg.Log.Warn("clock", "server", c.Server, "offset", c.Offset, "err", "far off; asking again before believing it")
		return firstRetry
	case step:
		now := k.cfg.Clock.Now()
		if err := k.step(c.Offset); err != nil {
			k.state.Status, k.state.Reason = api.ClockStatusUnreachable, "The clock cannot be set: "+err.Error()+"."
			return minPoll
		}
		after := now.Add(c.Offset)
		k.cfg.Log.Info("clock stepped", "server", c.Server, "before", now.UTC(), "after", after.UTC(), "offset", c.Offset)
		k.cfg.Console.Say("clock", "clock: set from %s to %s (it was %s %s) by %s", stamp(now), stamp(after), round(c.Offset), side(c.Offset), c.Server)
		k.last = 0
		k.poll = minPoll
		k.settle(0, c)
		k.setRTC()
	case slew:
		if first {
			k.cfg.Console.Say("clock", "clock: right within %s, by %s", round(c.Offset), c.Server)
		}
		if !first {
			k.poll = nextPoll(k.poll, c.Offset)
		}
		k.settle(c.Offset, c)
		if k.cfg.Clock.Now().Sub(k.rtc).Abs() >= rtcEvery {
			k.setRTC()
		}
	}
	k.synced = true
	k.state.Status, k.state.Reason, k.state.Server = api.ClockStatusSynchronised, c.Doubt, c.Server
	k.state.LastSyncMs = k.cfg.Clock.Now().UnixMilli()
	return k.poll
}

// side says which way the clock was wrong by an offset.
func side(offset time.Duration) string {
	if offset > 0 {
		return "behind"
	}
	return "ahead"
}

// settle hands what is left of the offset to the kernel.
func (k *Keeper) settle(offset time.Duration, c Choice) {
	if err := k.cfg.Clock.Slew(offset, c.Distance, k.poll); err != nil {
		k.cfg.Log.Error("clock", "err", err)
	}
}

func (k *Keeper) setRTC() {
	k.rtc = k.cfg.Clock.Now()
	if err := k.cfg.Clock.SetRTC(); err != nil {
		k.cfg.Log.Warn("battery clock", "err", err)
	}
}
