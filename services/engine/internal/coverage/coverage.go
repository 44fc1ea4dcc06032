// Package coverage is the gap ledger: for every instant in which a camera was to be recorded it says that it was, or why
// not, and sums that up by day.
//
// It is a pure function of what others know: segments, gaps, and the outage that runs now. It does no I/O.
//
// What counts:
//   - The ledger is that of standard recording. A camera's instant is scheduled when at least one stream is: a stream
//     outside its calendar, before its first row or, when it is not recorded any more, behind its last is not. It
//     reaches back as far as recordings do: what retention has taken is not scheduled any more.
//   - A scheduled instant is recorded when each stream that is scheduled then has footage of it, whatever that was
//     recorded for: an alarm recording fills the place of a standard one. Otherwise it has the gravest cause of the
//     streams that lack it (see gravity).
//   - Instants are milliseconds; each belongs to exactly one of recorded, a cause, and unscheduled, so that the sums are
//     exact.
//   - A hole of less than Join between two segments, of which nobody noted a cause, is the time of a frame: it is
//     recorded. So is a hole of less than OnItsWay before now while nothing is known to be wrong: the newest frames are
//     on their way to the disk.
//   - A hole inside a segment counts where a row says so: package record notes those of Hole and longer.
//   - A hole as short beside a gap is part of the gap.
//   - Any other hole has the cause Unknown.
package coverage

import (
	"cmp"
	"slices"
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
)

const (
	// Join is the length from which a hole between two segments is a gap.
	Join = 2 * time.Second
	// OnItsWay is how long footage may be on its way to the disk.
	OnItsWay = 10 * time.Second
	// Margin is how far beyond a range rows must be known for its ends to be judged like its middle.
	Margin = OnItsWay
)

// Span is a span of footage, [StartMs, EndMs).
type Span struct{ StartMs, EndMs int64 }

// Stream is what is known of one stream of a camera. Rows may be in any order, overlap, and reach out of the range asked
// for.
type Stream struct {
	SinceMs int64 // start of its first row ever
	// UntilMs is the end of its last row, when it is not to be recorded any more; 0: it is.
	UntilMs  int64
	Recorded []Span
	Gaps     []index.Gap // those that run now, and end now, included
}

// gravity orders the causes: of two streams that lack an instant the graver one counts. What went wrong in this machine
// comes first, for that is what its owner can mend.
var gravity = []index.Cause{index.Power, index.EngineRestart, index.Disk, index.Overload, index.LostFile, index.ClockStep,
	index.Network, index.CameraOffline, index.CameraDisabled, index.Deleted, index.Unknown}

const (
	recorded    index.Cause = ""
	unscheduled             = index.Unscheduled
)

// Days sums up [fromMs, toMs) by days of a time zone; nowMs is the instant of asking.
func Days(fromMs, toMs, nowMs int64, zone *time.Location, streams []Stream) []api.CoverageDay {
	toMs = min(toMs, nowMs)
	if toMs <= fromMs {
		return []api.CoverageDay{}
	}
	cuts := []int64{fromMs, toMs}
	days := Midnights(fromMs, toMs, zone)
	cuts = append(cuts, days...)
	for _, s := range streams {
		cuts = s.cuts(cuts)
	}
	slices.Sort(cuts)
	cuts = slices.Compact(slices.DeleteFunc(cuts, func(ms int64) bool { return ms < fromMs || ms > toMs }))
	states := make([][]index.Cause, len(streams))
	for i, s := range streams {
		states[i] = s.paint(cuts, nowMs)
	}

	var out []api.CoverageDay
	var sums map[index.Cause]int64
	flush := func(endMs int64) {
		if sums != nil {
			out[len(out)-1].EndMs = endMs
			sumUp(&out[len(out)-1], sums)
		}
	}
	for i, startMs := range cuts[:len(cuts)-1] {
		if i == 0 || slices.Contains(days, startMs) {
			flush(startMs)
			sums = map[index.Cause]int64{}
			out = append(out, api.CoverageDay{Date: time.UnixMilli(startMs).In(zone).Format(time.DateOnly), StartMs: startMs})
		}
		sums[worst(states, i)] += cuts[i+1] - startMs
	}
	flush(toMs)
	return out
}

// Midnights are the starts of days strictly within a range.
func Midnights(fromMs, toMs int64, zone *time.Location) (out []int64) {
	y, m, d := time.UnixMilli(fromMs).In(zone).Date()
	for i := 1; ; i++ {
		ms := dayStart(y, m, d+i, zone).UnixMilli()
		if ms >= toMs {
			return out
		}
		if ms > fromMs {
			out = append(out, ms)
		}
	}
}

// dayStart is the first instant of a day; where a clock change skips midnight, that after it.
func dayStart(y int, m time.Month, d int, zone *time.Location) time.Time {
	day := time.Date(y, m, d, 12, 0, 0, 0, zone)
	y, m, d = day.Date()
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	for t.Day() != d { // midnight does not exist: time.Date gave an instant of the day before
		t = t.Add(15 * time.Minute)
	}
	return t
}

// worst is the state of an interval of all streams together.
func worst(states [][]index.Cause, i int) index.Cause {
	out, grave := unscheduled, len(gravity)+1
	for _, s := range states {
		switch c := s[i]; c {
		case unscheduled:
		case recorded:
			if out == unscheduled {
				out = recorded
			}
		default:
			g := slices.Index(gravity, c)
			if g < 0 {
				g = len(gravity)
			}
			if g < grave {
				out, grave = c, g
			}
		}
	}
	return out
}

func sumUp(d *api.CoverageDay, sums map[index.Cause]int64) {
	d.Causes = []api.CoverageCause{}
	for c, ms := range sums {
		switch c {
		case recorded:
			d.RecordedMs = ms
		case unscheduled:
			d.UnscheduledMs = ms
		default:
			d.Causes = append(d.Causes, api.CoverageCause{Cause: api.GapCause(c), Ms: ms, Message: c.Words()})
		}
		if c != unscheduled {
			d.ScheduledMs += ms
		}
	}
	slices.SortFunc(d.Causes, func(a, b api.CoverageCause) int {
		return cmp.Or(cmp.Compare(b.Ms, a.Ms), cmp.Compare(a.Cause, b.Cause))
	})
	d.Percent = 100
	if d.ScheduledMs > 0 {
		d.Percent = 100 * float64(d.RecordedMs) / float64(d.ScheduledMs)
	}
}
