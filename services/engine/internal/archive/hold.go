package archive

import (
	"cmp"
	"slices"
	"sync"

	"vigie/services/engine/internal/retention"
)

// holds are ranges that are being read to their end, by exports. They live as long as the process: what they keep is what
// would break off in somebody's hands, not what anybody has decided to keep.
type holds struct {
	mu   sync.Mutex
	next int
	list map[int]hold
}

type hold struct {
	camera string
	span   retention.Span
}

// Hold keeps a camera's recordings of a range from being deleted until it is released. It gives way to recording: when a
// volume has nothing else left to delete, they go all the same.
func (a *Archive) Hold(camera string, fromMs, toMs int64) (release func()) {
	h := &a.holds
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.list == nil {
		h.list = map[int]hold{}
	}
	h.next++
	n := h.next
	h.list[n] = hold{camera, retention.Span{FromMs: fromMs, ToMs: toMs}}
	return sync.OnceFunc(func() {
		h.mu.Lock()
		delete(h.list, n)
		h.mu.Unlock()
		a.rouse()
	})
}

// covers tells whether a segment is held.
func (h *holds) covers(camera string, fromMs, toMs int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.list {
		if x.camera == camera && x.span.Overlaps(fromMs, toMs) {
			return true
		}
	}
	return false
}

// add adds what is held to protected spans, in order and merged.
func (h *holds) add(spans map[string][]retention.Span) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, x := range h.list {
		list := append(slices.Clone(spans[x.camera]), x.span)
		slices.SortFunc(list, func(p, q retention.Span) int { return cmp.Compare(p.FromMs, q.FromMs) })
		merged := list[:1]
		for _, s := range list[1:] {
			if last := &merged[len(merged)-1]; s.FromMs <= last.ToMs {
				last.ToMs = max(last.ToMs, s.ToMs)
			} else {
				merged = append(merged, s)
			}
		}
		spans[x.camera] = merged
	}
}
