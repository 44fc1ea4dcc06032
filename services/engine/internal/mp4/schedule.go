package mp4

import (
	"math"
	"slices"
)

// schedule is when a track's samples are decoded and shown, as the tables say it.
type schedule struct {
	startTicks int64   // when the first is shown, from the film's start
	delay      int64   // of what is shown behind what is decoded: where showing begins, in the track's own time
	deltas     []int32 // from each sample's decoding to the next one's
	shifts     []int32 // from each sample's decoding to its being shown
	shifted    bool    // there is one that is not 0
	total      int64   // from the first that is shown to the end of the last
}

// schedule decodes samples in the order in which they stand, at the instants at which they are shown, sorted, and as much
// earlier as the one that is shown first for its place needs.
func (t *track) schedule(last int64) schedule {
	sorted := slices.Sorted(slices.Values(t.pts))
	s := schedule{startTicks: sorted[0], deltas: make([]int32, len(t.pts)), shifts: make([]int32, len(t.pts))}
	for i, p := range t.pts {
		s.delay = max(s.delay, sorted[i]-p)
	}
	// Two samples are never decoded at one instant.
	for i := 1; i < len(sorted); i++ {
		sorted[i] = max(sorted[i], sorted[i-1]+1)
	}
	begin := sorted[0] - s.delay
	for i, p := range t.pts {
		decoded := sorted[i] - s.delay
		next := decoded + last
		if i+1 < len(sorted) {
			next = sorted[i+1] - s.delay
		}
		s.deltas[i] = int32(min(next-decoded, math.MaxInt32))
		s.shifts[i] = int32(max(min(p-decoded, math.MaxInt32), math.MinInt32))
		s.shifted = s.shifted || s.shifts[i] != 0
		s.total = next - begin
	}
	s.total -= s.delay
	if s.total < 1 {
		s.total = 1
	}
	return s
}
