package hostwatch

import "time"

const (
	// Step is what one point of a history stands for.
	Step = time.Minute
	// points are a day's.
	points = int(24 * time.Hour / Step)
)

// Point is how a host was for one step.
type Point struct {
	AtMs int64 `json:"atMs"` // begin of the step, Unix time
	Sent int   `json:"sent"`
	Lost int   `json:"lost"`
	// Of the answers, in milliseconds; zero without any.
	LeastMs float64 `json:"leastMs"`
	MeanMs  float64 `json:"meanMs"`
	MostMs  float64 `json:"mostMs"`
}

func (p *Point) add(one probe) {
	p.Sent++
	if one.lost != "" {
		p.Lost++
		return
	}
	ms := float64(one.rtt) / float64(time.Millisecond)
	answered := float64(p.Sent - p.Lost)
	p.MeanMs += (ms - p.MeanMs) / answered
	p.MostMs = max(p.MostMs, ms)
	if answered == 1 || ms < p.LeastMs {
		p.LeastMs = ms
	}
}

// history is a day, oldest first. A clock that was set back makes no step twice: what comes is added to the newest one.
type history []Point

func (h history) add(at time.Time, one probe) history {
	step := at.Truncate(Step).UnixMilli()
	if n := len(h); n == 0 || h[n-1].AtMs < step {
		h = append(h, Point{AtMs: step})
	}
	h[len(h)-1].add(one)
	if over := len(h) - points; over > 0 {
		h = append(h[:0:0], h[over:]...)
	}
	return h
}
