package clock

import (
	"slices"

	"vigie/internal/answer"
	"vigie/internal/api"
)

// describe tells of each server what came of it.
func (k *Keeper) describe(c Choice, err error) []api.ClockSource {
	out := make([]api.ClockSource, 0, len(k.sources))
	for _, s := range k.sources {
		d := api.ClockSource{Server: s.server}
		if s.known {
			d.Address, d.Stratum = s.last.Addr.String(), s.last.Stratum
			d.OffsetMs, d.DelayUs, d.JitterUs = milliseconds(s.last.Offset), s.last.Delay.Microseconds(), s.jitter.Microseconds()
		}
		switch {
		case s.err != nil:
			d.Status, d.Reason = api.ClockSourceStatusSilent, answer.Sentence(s.err.Error())
		case s.note == slow:
			d.Status, d.Reason = api.ClockSourceStatusPassed, "Its last answer was long on its way, and was passed over."
		case s.note == spike:
			d.Status, d.Reason = api.ClockSourceStatusPassed, "Its last answer jumped; it is believed when the next says the same."
		case err != nil:
			d.Status = api.ClockSourceStatusAgrees
			if len(k.sources) > 1 {
				d.Status, d.Reason = api.ClockSourceStatusFalse, "The servers disagree, and no majority agrees."
			}
		case slices.Contains(c.False, s.server):
			d.Status, d.Reason = api.ClockSourceStatusFalse, "Not believed, because the others agree on another time."
		case s.server == c.Server:
			d.Status = api.ClockSourceStatusFollowed
		default:
			d.Status = api.ClockSourceStatusAgrees
		}
		out = append(out, d)
	}
	return out
}
