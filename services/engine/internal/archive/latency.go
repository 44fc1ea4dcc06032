package archive

import (
	"sync"
	"time"
)

// bearable is how long a round of writing may take on average for its volume to be given more: a frame waits for the next
// round and then for all of that one, and is to be on disk within a second even when a round takes twice as long as others.
const bearable = 350 * time.Millisecond

// latency is how long rounds of writing took in the last one to two stretches, and how much of it each segment's piece did:
// so it tells what more segments would cost, at most. A disk takes less for each the more there are.
type latency struct {
	mu        sync.Mutex
	began     time.Time // of now
	now, last stretch
}

type stretch struct {
	rounds    int
	pieces    int // of segments, in all rounds together
	sum, most time.Duration
}

const stretchLasts = 30 * time.Second

func (l *latency) add(at time.Time, took time.Duration, pieces int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(at)
	l.now.rounds++
	l.now.pieces += pieces
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

// foreseen is how long a round will take with so many segments, to judge by the present ones; 0 when nothing was written.
func (l *latency) foreseen(at time.Time, segments int) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.turn(at)
	n := l.now.pieces + l.last.pieces
	if n == 0 {
		return 0
	}
	return time.Duration(segments) * (l.now.sum + l.last.sum) / time.Duration(n)
}
