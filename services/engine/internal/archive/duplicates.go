package archive

import (
	"cmp"
	"math"
	"slices"

	"vigie/services/engine/internal/index"
)

// joinedMs is how far apart two segments may be to be footage without a hole: what is on disk of one that is being written
// may be that far behind.
const joinedMs = 1000

// once leaves out of a camera's segments, which are in order of start, what need not be shown twice, as far as
// [fromMs, toMs) tells: a duplicate where there is the original, and an original on a volume that is absent where there is
// its duplicate. For playing, an absent original stands aside for any part of a duplicate: it cannot be opened anyway.
func (a *Archive) once(list []Entry, fromMs, toMs int64, playing bool) []Entry {
	if !slices.ContainsFunc(list, func(e Entry) bool { return e.IsDuplicate() }) {
		return list
	}
	a.mu.Lock()
	present := make(map[string]bool, len(a.volumes))
	for id := range a.volumes {
		present[id] = true
	}
	a.mu.Unlock()
	var out []Entry
	for _, e := range list {
		from, to := max(e.StartMs, fromMs), min(e.EndMs, toMs)
		var others []Entry
		switch {
		case e.IsDuplicate():
			others = twins(list, e, func(o Entry) bool { return present[o.Volume] || !present[e.Volume] })
		case !present[e.Volume]:
			others = twins(list, e, func(o Entry) bool { return present[o.Volume] })
		}
		overlap := slices.ContainsFunc(others, func(o Entry) bool { return o.StartMs < to && o.EndMs > from })
		if playing && !e.IsDuplicate() && overlap || cover(others, from, to) {
			continue
		}
		out = append(out, e)
	}
	return out
}

// twins are the segments that may stand in for another: its duplicates, or what it is a duplicate of.
func twins(list []Entry, e Entry, which func(Entry) bool) (out []Entry) {
	for _, o := range list {
		if o.Shows() == e.Shows() && o.Kind == e.Kind && o.IsDuplicate() != e.IsDuplicate() && which(o) {
			out = append(out, o)
		}
	}
	return out
}

// cover tells whether segments in order of start hold all between two instants.
func cover(list []Entry, fromMs, toMs int64) bool {
	at, any := fromMs, false
	for _, s := range list {
		if s.StartMs > at+joinedMs {
			break
		}
		if end := s.EndMs; s.Open || end > fromMs {
			if any = true; s.Open {
				end = math.MaxInt64
			}
			at = max(at, end)
		}
	}
	return any && at >= toMs-joinedMs
}

// merged returns the first segments, in the order of fetch, of a stream and its duplicate together, limit at most. fetch
// returns the first of one of them; before is its order.
func (a *Archive) merged(stream string, fromMs, toMs int64, limit int, before func(x, y Entry) int, fetch func(stream string, limit int) ([]Entry, error)) ([]Entry, error) {
	if second, err := fetch(index.Duplicate(stream), 1); err != nil || len(second) == 0 {
		if err != nil {
			return nil, err
		}
		return fetch(stream, limit)
	}
	for n := limit + 2; ; n *= 2 {
		var list []Entry
		var last *Entry // nothing is left out that comes before it
		for _, name := range []string{stream, index.Duplicate(stream)} {
			some, err := fetch(name, n)
			if err != nil {
				return nil, err
			}
			if len(some) == n && (last == nil || before(some[n-1], *last) < 0) {
				last = &some[n-1]
			}
			list = append(list, some...)
		}
		slices.SortFunc(list, byStart)
		out := slices.DeleteFunc(a.once(list, fromMs, toMs, true), func(e Entry) bool { return last != nil && before(e, *last) >= 0 })
		slices.SortFunc(out, before)
		if last == nil || len(out) >= limit {
			return out[:min(len(out), limit)], nil
		}
	}
}

func byStart(x, y Entry) int {
	return cmp.Or(cmp.Compare(x.StartMs, y.StartMs), cmp.Compare(x.ID(), y.ID()))
}

func byStartBackwards(x, y Entry) int { return byStart(y, x) }
