package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// standstill is how long frames may come in without any being written before the engine calls itself ill. A disk that
// fails is not the engine's illness: recorders then say that they are not recording.
const standstill = 20 * time.Second

// pulse answers init's questions from the state of the work.
type pulse struct {
	written *atomic.Uint64
	// recording tells whether any camera is live and being recorded; it takes the locks that the work takes, so that
	// an engine that hangs gives no answer. nil until the cameras run.
	recording atomic.Pointer[func() (bool, error)]
	now       func() time.Time

	mu    sync.Mutex
	last  uint64
	since time.Time // when last changed, or nothing was to be recorded
}

func newPulse(written *atomic.Uint64, now func() time.Time) *pulse {
	return &pulse{written: written, now: now, since: now()}
}

// check is what package health asks for.
func (p *pulse) check() (uint64, error) {
	n := p.written.Load()
	ask := p.recording.Load()
	if ask == nil {
		return n, nil // starting; waiting for the disks is bounded
	}
	busy, err := (*ask)()
	if err != nil {
		return n, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !busy || n != p.last {
		p.last, p.since = n, p.now()
	}
	if still := p.now().Sub(p.since); still > standstill {
		return n, fmt.Errorf("recording has stood still for %d s", int(still.Seconds()))
	}
	return n, nil
}
