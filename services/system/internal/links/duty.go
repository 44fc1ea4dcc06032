package links

import (
	"context"
	"slices"
	"sync"
	"time"
)

// Duty is what somebody is to keep right: settings that are asked of the machine's links, and the links that there are. A
// change of either has Run do its work at once. What works is looked at again from time to time, for others change the
// kernel too. Its methods may be called from any goroutine.
type Duty[S any] struct {
	wake chan struct{}

	mu       sync.Mutex
	settings S
	links    []Link
}

// NewDuty returns one that asks for the settings' zero value, of no links.
func NewDuty[S any]() *Duty[S] { return &Duty[S]{wake: make(chan struct{}, 1)} }

// Configure says what is asked. Nobody may change it afterwards.
func (d *Duty[S]) Configure(s S) {
	d.mu.Lock()
	d.settings = s
	d.mu.Unlock()
	d.hint()
}

// SetLinks says what links there are.
func (d *Duty[S]) SetLinks(list []Link) {
	d.mu.Lock()
	d.links = slices.Clone(list)
	d.mu.Unlock()
	d.hint()
}

// Asked returns both, to be read only.
func (d *Duty[S]) Asked() (S, []Link) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.settings, d.links
}

func (d *Duty[S]) hint() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Run calls work after each change, and every so often, until ctx is cancelled.
func (d *Duty[S]) Run(ctx context.Context, every time.Duration, work func()) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-tick.C:
		}
		work()
	}
}
