package camera

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"vigie/services/engine/internal/trigger"
)

// need is what the prebuffer of one stream takes of the memory.
type need struct {
	bytes int64 // as the stream comes now
	most  int64 // by its settings
}

// share gives each stream its part of the memory for prebuffers. All parts together never exceed it: what the streams
// need comes first; what is left is shared out by what their settings would allow beyond. When not even the needs fit,
// small ones are met and large ones get the same each.
func share(memory int64, needs []need) (parts []int64, short bool) {
	parts = make([]int64, len(needs))
	var sum, room int64
	for i, n := range needs {
		parts[i] = min(n.bytes, n.most)
		sum += parts[i]
		room += n.most - parts[i]
	}
	if sum <= memory {
		left := memory - sum
		for i, n := range needs {
			if beyond := n.most - parts[i]; left >= room {
				parts[i] = n.most
			} else {
				parts[i] += int64(float64(left) * float64(beyond) / float64(room))
			}
		}
		return parts, false
	}
	order := make([]int, len(needs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return int(parts[a] - parts[b]) })
	left := memory
	for n, i := range order {
		parts[i] = min(parts[i], left/int64(len(order)-n))
		left -= parts[i]
	}
	return parts, true
}

// guess is the rate of a stream that has not come yet, in bits a second.
const guess = 4_000_000

// prebuffered tells whether footage of a stream is kept for triggers yet to come.
func (p *Plan) prebuffered(stream string) bool {
	if p.PreSeconds == 0 {
		return false
	}
	return p.onTrigger(trigger.Trigger{Source: trigger.Forced}, stream) // what a person can have recorded at any time
}

// need is what the chain's prebuffer takes; a GOP more than is asked for, as only whole ones count.
func (c *chain) need(p *Plan) need {
	st := c.ingest.State()
	rate := int64(guess)
	if st.BitrateBps > 0 {
		rate = st.BitrateBps * 5 / 4 // it varies
	}
	gop := max(st.GopMs, 1000)
	return need{bytes: rate / 8 * (int64(p.PreSeconds)*1000 + gop) / 1000, most: int64(p.PreMB) << 20}
}

// prebuffer is one chain with its claim.
type prebuffer struct {
	chain *chain
	plan  Plan
	name  string
}

// shareMemory gives all rings their bounds. The caller holds change.
func (s *Set) shareMemory() {
	s.mu.Lock()
	var kept, others []prebuffer
	for _, sl := range s.slots {
		for stream, c := range sl.chains {
			p := prebuffer{c, sl.row.Plan, sl.row.Name}
			if sl.row.Plan.prebuffered(stream) {
				kept = append(kept, p)
			} else {
				others = append(others, p)
			}
		}
	}
	s.mu.Unlock()
	needs := make([]need, len(kept))
	for i, p := range kept {
		needs[i] = p.chain.need(&p.plan)
	}
	parts, short := share(s.cfg.PrebufferBytes, needs)
	var names []string
	for i, p := range kept {
		if short && parts[i] < min(needs[i].bytes, needs[i].most) {
			names = append(names, p.name)
		}
		b := s.cfg.Ring
		b.MaxAge = max(b.MaxAge, time.Duration(p.plan.PreSeconds)*time.Second)
		b.MaxBytes = parts[i]
		if old := p.chain.bounds; old.MaxAge == b.MaxAge && near(old.MaxBytes, b.MaxBytes) {
			continue
		}
		p.chain.bound(b)
	}
	for _, p := range others {
		p.chain.bound(s.cfg.Ring)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.short = ""
	if len(names) > 0 {
		s.short = fmt.Sprintf("The memory is too small for what is to be kept from before alarms: it will be shorter than set for %s. Set fewer seconds before alarms, or add memory.", enumerate(names))
	}
}

// near tells whether a bound grew by too little to be changed. One that shrinks is, or the sum would not hold.
func near(old, now int64) bool { return now >= old && now-old <= old/10 }

// enumerate names a few of many.
func enumerate(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more cameras", len(names)-most)
	}
	return strings.Join(names, ", ")
}
