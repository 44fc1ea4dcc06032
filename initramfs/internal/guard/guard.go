// Package guard keeps a panic in one goroutine of PID 1 from becoming a kernel panic.
//
// Every goroutine that init starts goes through Go or Run: a panic is recovered at its top, told with its stack, and
// the goroutine ends or, with Forever, begins anew after a pause. Nothing here decides what a lost goroutine means;
// work that the machine cannot do without belongs in the supervisor's loop, without whose turning the watchdog is not
// fed.
package guard

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"
)

// Run calls f and turns a panic in it into an error.
func Run(log *slog.Logger, name string, f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s: panic: %v", name, p)
			log.Error("panic", "in", name, "err", fmt.Sprint(p), "stack", string(debug.Stack()))
		}
	}()
	f()
	return nil
}

// Go runs f in a goroutine of wg.
func Go(wg *sync.WaitGroup, log *slog.Logger, name string, f func()) {
	wg.Go(func() { _ = Run(log, name, f) })
}

// Forever runs f in a goroutine of wg, and again a pause after each panic or error, until ctx is cancelled or f
// returns nil.
func Forever(ctx context.Context, wg *sync.WaitGroup, log *slog.Logger, name string, pause time.Duration, f func(context.Context) error) {
	wg.Go(func() {
		for {
			var err error
			panicked := Run(log, name, func() { err = f(ctx) })
			if ctx.Err() != nil || (panicked == nil && err == nil) {
				return
			}
			if panicked == nil {
				log.Error("starts again", "in", name, "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(pause):
			}
		}
	})
}
