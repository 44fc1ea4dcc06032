package archive

import (
	"sync"
	"time"
)

// latency is how long rounds of writing took in the last one to two stretches.
type latency struct {
	mu        sync.Mutex
	began     time.Time // of now
	now, last stretch
}

type stretch struct {
	rounds    int
	sum, most time.Duration
}

const stretchLasts = 30 * time.Second

func (l *latency) add(at time.Time, took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(at)
	l.now.rounds++
	l.now.sum += took
	l.now.most = max(l.now.most, took)
}

// turn begins a new stretch when the present one is over; mu is held.
func (l *latency) turn(at time.Time) {
	since := at.Sub(l.began)
	if since < stretchLasts {
		return
	}
	l.last = l.now
	if since >= 2*stretchLasts {
		l.last = stretch{}
	}
	l.now, l.began = stretch{}, at
}

// lately returns the mean and the longest; 0 when nothing was written.
func (l *latency) lately(at time.Time) (mean, most time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(at)
	if n := l.now.rounds + l.last.rounds; n > 0 {
		mean = (l.now.sum + l.last.sum) / time.Duration(n)
	}
	return mean, max(l.now.most, l.last.most)
}
