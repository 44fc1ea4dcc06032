package coverage

import (
	"cmp"
	"slices"

	"vigie/services/engine/internal/index"
)

// cuts appends the instants at which a stream's state may change.
func (s Stream) cuts(out []int64) []int64 {
	out = append(out, s.SinceMs, s.UntilMs)
	for _, r := range s.Recorded {
		out = append(out, r.StartMs, r.EndMs)
	}
	for _, g := range s.Gaps {
		out = append(out, g.StartMs, g.EndMs)
	}
	return out
}

// paint gives the state of each interval between two cuts: layer over layer, what is surer over what is less.
func (s Stream) paint(cuts []int64, nowMs int64) []index.Cause {
	state := make([]index.Cause, len(cuts)-1)
	fill := func(startMs, endMs int64, c index.Cause) {
		i, _ := slices.BinarySearch(cuts, startMs)
		for ; i < len(state) && cuts[i] < endMs; i++ {
			state[i] = c
		}
	}
	for i := range state {
		state[i] = index.Unknown
	}
	fill(cuts[0], s.SinceMs, unscheduled)
	if s.UntilMs != 0 {
		fill(s.UntilMs, cuts[len(cuts)-1], unscheduled)
	}
	for _, h := range s.holes(nowMs) {
		fill(h.StartMs, h.EndMs, recorded)
	}
	gaps := slices.Clone(s.Gaps)
	// A lost file's span may hold gaps of its own, with causes that say more.
	slices.SortStableFunc(gaps, func(a, b index.Gap) int {
		return cmp.Or(-cmp.Compare(lost(a), lost(b)), cmp.Compare(a.StartMs, b.StartMs))
	})
	for _, g := range gaps {
		fill(g.StartMs, g.EndMs, g.Cause)
	}
	for _, r := range s.Recorded {
		fill(r.StartMs, r.EndMs, recorded)
	}
	for _, g := range gaps {
		if g.Inside {
			fill(g.StartMs, g.EndMs, g.Cause)
		}
	}
	for _, g := range gaps { // also over footage: what nobody asked for is not owed
		if g.Cause == unscheduled {
			fill(g.StartMs, g.EndMs, unscheduled)
		}
	}
	settle(state, cuts)
	return state
}

// settle gives slivers of which nothing is known the state of what follows, or of what came before when footage does:
// what ends and what begins are noted by different parts, each to its own millisecond.
func settle(state []index.Cause, cuts []int64) {
	for i := 0; i < len(state); {
		if state[i] != index.Unknown {
			i++
			continue
		}
		first := i
		for i < len(state) && state[i] == index.Unknown {
			i++
		}
		if cuts[i]-cuts[first] >= Join.Milliseconds() {
			continue
		}
		c := index.Unknown
		if first > 0 {
			c = state[first-1]
		}
		if i < len(state) && state[i] != recorded {
			c = state[i]
		}
		for j := first; j < i; j++ {
			state[j] = c
		}
	}
}

func lost(g index.Gap) int {
	if g.Cause == index.LostFile {
		return 1
	}
	return 0
}

// holes are the spans that hold nothing and yet lack nothing: between two pieces of footage, and between the newest and
// now.
func (s Stream) holes(nowMs int64) (out []Span) {
	list := slices.Clone(s.Recorded)
	slices.SortFunc(list, func(a, b Span) int { return cmp.Compare(a.StartMs, b.StartMs) })
	end := int64(-1)
	for _, r := range list {
		if d := r.StartMs - end; end >= 0 && d > 0 && d < Join.Milliseconds() {
			out = append(out, Span{end, r.StartMs})
		}
		end = max(end, r.EndMs)
	}
	if d := nowMs - end; end >= 0 && d > 0 && d < OnItsWay.Milliseconds() && s.UntilMs == 0 {
		out = append(out, Span{end, nowMs})
	}
	return out
}
