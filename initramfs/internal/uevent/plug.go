package uevent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"vigie/initramfs/internal/guard"
)

// Plug loads a module for each device: for those there at first (cold) and those that come (hot). Make it with
// NewPlug; Run it once; Settled may be called from anywhere.
type Plug struct {
	log     *slog.Logger
	sys     string
	load    func(modalias string) error
	unknown error // what load's error wraps when no module is meant for a device
	onAdd   func(Event)

	mu      sync.Mutex
	seen    map[string]bool
	queue   []string
	busy    int
	found   int // names that a module was loaded for
	swept   bool
	changed chan struct{} // closed and replaced at each change
}

// Workers is how many modules are loaded at a time: one whose device hangs must not hold up the others.
const Workers = 4

// NewPlug returns a Plug for the devices in sys. onAdd hears of every new device, in Run's goroutine.
func NewPlug(log *slog.Logger, sys string, load func(string) error, unknown error, onAdd func(Event)) *Plug {
	return &Plug{log: log, sys: sys, load: load, unknown: unknown, onAdd: onAdd, seen: map[string]bool{}, changed: make(chan struct{})}
}

// Run listens and loads until ctx is cancelled. It begins with a sweep over what is there, and after lost messages
// sweeps again.
func (p *Plug) Run(ctx context.Context, socket *Socket) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for range Workers {
		guard.Forever(ctx, &workers, p.log, "module worker", time.Second, p.work)
	}
	p.sweep()
	for {
		event, err := socket.Read(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrOverflow):
			p.log.Warn("uevents were lost, looking at all devices again")
			p.sweep()
		case err != nil:
			return err
		case event.Action == "add":
			if event.Modalias != "" {
				p.add(event.Modalias)
			}
			p.onAdd(event)
		}
	}
}

func (p *Plug) sweep() {
	names, err := Modaliases(p.sys)
	if err != nil {
		p.log.Error("look for devices", "err", err)
	}
	for _, name := range names {
		p.add(name)
	}
	p.mu.Lock()
	p.swept = true
	p.notify()
	p.mu.Unlock()
}

func (p *Plug) add(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.seen[name] {
		p.seen[name] = true
		p.queue = append(p.queue, name)
		p.notify()
	}
}

// notify wakes who waits; with mu held.
func (p *Plug) notify() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Plug) work(ctx context.Context) error {
	for {
		p.mu.Lock()
		if len(p.queue) == 0 {
			changed := p.changed
			p.mu.Unlock()
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
				continue
			}
		}
		name := p.queue[0]
		p.queue = p.queue[1:]
		p.busy++
		p.mu.Unlock()
		p.loadOne(name)
	}
}

func (p *Plug) loadOne(name string) {
	found := false
	defer func() {
		p.mu.Lock()
		p.busy--
		if found {
			p.found++
		}
		p.notify()
		p.mu.Unlock()
	}()
	err := p.load(name)
	switch {
	case err == nil:
		found = true
	case !errors.Is(err, p.unknown):
		p.log.Warn("load driver", "device", name, "err", err)
	}
}

// Settled waits until every device found so far has had its module loaded and none has come for a quiet time, or for
// limit. It returns how many kinds of device have a module.
func (p *Plug) Settled(ctx context.Context, quiet, limit time.Duration) (devices int, settled bool) {
	late := time.After(limit)
	for {
		p.mu.Lock()
		idle, changed := p.swept && p.busy == 0 && len(p.queue) == 0, p.changed
		devices = p.found
		p.mu.Unlock()
		var still <-chan time.Time
		if idle {
			still = time.After(quiet)
		}
		select {
		case <-changed:
		case <-still:
			return devices, true
		case <-late:
			return devices, false
		case <-ctx.Done():
			return devices, false
		}
	}
}
