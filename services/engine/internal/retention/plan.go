package retention

import (
	"cmp"
	"fmt"
	"sort"
)

// Span is a protected range: from FromMs up to ToMs, UTC.
type Span struct{ FromMs, ToMs int64 }

// Overlaps tells whether any of [startMs, endMs) is in the span; an instant counts as what it lies in.
func (s Span) Overlaps(startMs, endMs int64) bool {
	return startMs < s.ToMs && max(endMs, startMs+1) > s.FromMs
}

// Segment is a closed file.
type Segment struct{ StartMs, EndMs, SizeBytes int64 }

// Line is what a camera has of one kind on the volume.
type Line struct {
	Camera, Kind string
	Days         int       // target; 0: none
	MinDays      int       // promise; 0: none
	Segments     []Segment // in order of start, from the oldest one
	More         bool      // there are younger ones, not listed
	Protected    []Span    // in order, none overlaps another
}

// Situation is what a plan is made from.
type Situation struct {
	Volume   Volume
	Lines    []Line
	NowMs    int64
	ByAge    bool // the clock is to be trusted: targets are bounds
	Breaking bool // promises may be broken: nothing else can take recordings
	Most     int  // deletions at most; 0: no bound
}

// Why is the reason of a deletion.
type Why int

// The reasons.
const (
	TooOld   Why = iota // past its target
	Room                // the volume is over its limit
	Breaking            // the same, and only promised recordings are left
)

func (w Why) String() string {
	switch w {
	case TooOld:
		return "older than its camera's recordings are kept"
	case Room:
		return "the volume is over its limit"
	case Breaking:
		return "the volume is over its limit and holds nothing but promised recordings"
	}
	return fmt.Sprintf("reason %d", int(w))
}

// Deletion is one verdict.
type Deletion struct {
	Line, Segment int // into Situation.Lines and its Segments
	Why           Why
}

// Verdict is what must go, in order, and how it stands then.
type Verdict struct {
	Deletions  []Deletion
	More       bool  // there may be more: Most was reached, or a line listed too little to go on
	ShortBytes int64 // over the limit still, though all went that may
	Promised   bool  // when short: there are promised recordings that could go
}

// planner is a plan in the making.
type planner struct {
	s      Situation
	gone   [][]bool
	low    []int   // of each line: all before are gone
	target []int64 // of each line, by which it shares
	freed  int64
	out    Verdict
}

// Plan returns what must go. The same situation always has the same plan.
func Plan(s Situation) Verdict {
	p := planner{s: s, gone: make([][]bool, len(s.Lines)), low: make([]int, len(s.Lines)), target: targets(s.Lines)}
	for i, l := range s.Lines {
		p.gone[i] = make([]bool, len(l.Segments))
		for j, seg := range l.Segments {
			p.gone[i][j] = l.protects(seg) // as good as gone for all that follows
		}
	}
	if p.byAge() {
		p.byRoom()
	}
	return p.out
}

func (l Line) protects(s Segment) bool { return Covered(l.Protected, s.StartMs, s.EndMs) }

// Covered tells whether any of some spans, in order and none overlapping another, overlaps [startMs, endMs).
func Covered(spans []Span, startMs, endMs int64) bool {
	i := sort.Search(len(spans), func(i int) bool { return spans[i].ToMs > startMs })
	return i < len(spans) && spans[i].Overlaps(startMs, endMs)
}

// targets returns by which targets the lines share; see the package comment.
func targets(lines []Line) []int64 {
	byKind, all := map[string]int64{}, int64(0)
	for _, l := range lines {
		d := int64(max(l.Days, l.MinDays))
		byKind[l.Kind], all = max(byKind[l.Kind], d), max(all, d)
	}
	out := make([]int64, len(lines))
	for i, l := range lines {
		out[i] = cmp.Or(int64(l.Days), byKind[l.Kind], all, 1)
	}
	return out
}

// take notes a deletion; it is false when there may be no more of them.
func (p *planner) take(line, segment int, why Why) bool {
	p.out.Deletions = append(p.out.Deletions, Deletion{line, segment, why})
	p.gone[line][segment] = true
	p.freed += p.s.Lines[line].Segments[segment].SizeBytes
	p.out.More = p.s.Most > 0 && len(p.out.Deletions) >= p.s.Most
	return !p.out.More
}

func (p *planner) byAge() (goOn bool) {
	for i, l := range p.s.Lines {
		if !p.s.ByAge || l.Days == 0 {
			continue
		}
		keepFrom := p.s.NowMs - int64(max(l.Days, l.MinDays))*DayMs
		for j, seg := range l.Segments {
			if !p.gone[i][j] && seg.EndMs <= keepFrom && !p.take(i, j, TooOld) {
				return false
			}
		}
		if l.More && p.spent(i) {
			p.out.More = true
		}
	}
	return true
}

// spent tells whether nothing that a line lists is left.
func (p *planner) spent(line int) bool { return p.next(line, Breaking) < 0 }

func (p *planner) byRoom() {
	excess := p.s.Volume.Excess()
	if excess == 0 {
		return
	}
	// Until the limit is reached unpromised footage of any age counts; the slack is taken from it alone.
	for p.freed < excess+p.s.Volume.Slack() {
		line, segment, blind := p.worst(Room)
		if blind {
			p.out.More = true
			return
		}
		if line < 0 {
			break
		}
		if !p.take(line, segment, Room) {
			return
		}
	}
	for p.freed < excess {
		line, segment, blind := p.worst(Breaking)
		switch {
		case blind:
			p.out.More = true
			return
		case line < 0 || !p.s.Breaking:
			p.out.ShortBytes, p.out.Promised = excess-p.freed, line >= 0
			return
		case !p.take(line, segment, Breaking):
			return
		}
	}
}

// worst returns the segment that goes next: the one with the largest age in relation to its line's target, or promise.
// A line that lists nothing more, though it has more, makes it blind: its next one could be it.
func (p *planner) worst(why Why) (line, segment int, blind bool) {
	line = -1
	var most share
	for i, l := range p.s.Lines {
		if l.More && p.spent(i) {
			return -1, 0, true
		}
		j := p.next(i, why)
		if j < 0 {
			continue
		}
		this := share{ageMs: p.s.NowMs - l.Segments[j].StartMs, days: p.target[i], line: l}
		if why == Breaking {
			this.days = int64(max(1, l.MinDays))
		}
		if line < 0 || this.compare(most) > 0 {
			line, segment, most = i, j, this
		}
	}
	return line, segment, false
}

// next is the first segment left of a line that may go: one that is not promised, unless promises are broken; -1: none.
func (p *planner) next(line int, why Why) int {
	l := p.s.Lines[line]
	promisedFrom := p.s.NowMs - int64(l.MinDays)*DayMs
	for j := p.low[line]; j < len(l.Segments); j++ {
		switch {
		case p.gone[line][j] && j == p.low[line]:
			p.low[line]++
		case p.gone[line][j]:
		case why == Breaking, l.MinDays == 0, l.Segments[j].EndMs <= promisedFrom:
			return j
		}
	}
	return -1
}

// share is how much of what its line may have a segment has had: age ÷ days.
type share struct {
	ageMs, days int64
	line        Line
}

func (a share) compare(b share) int {
	return cmp.Or(cmp.Compare(a.ageMs*b.days, b.ageMs*a.days), cmp.Compare(a.ageMs, b.ageMs),
		cmp.Compare(b.line.Camera, a.line.Camera), cmp.Compare(b.line.Kind, a.line.Kind))
}
