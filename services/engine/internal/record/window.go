package record

import (
	"context"
	"errors"
	"io"
	"math"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

// Window is a span of time to be recorded, in UTC nanoseconds.
type Window struct {
	StartNs int64
	EndNs   int64 // Never when no end is in sight
}

// Never is an end that does not come.
const Never = math.MaxInt64

// Schedule says what is to be recorded as things stand: the window that holds an instant, or else the next; ok is false
// when none is in sight. changed is closed once the answer may be another.
type Schedule func(nowNs int64) (w Window, ok bool, changed <-chan struct{})

const (
	// overrun is how far past its end a window waits for the keyframe that ends it.
	overrun = 10 * time.Second
	// overdue is how long after that it waits for a frame at all, by this machine's clock.
	overdue = 2 * time.Second
)

// Run records until the stream ends (nil) or the context does (its error). Open segments are closed on the way out.
func (r *Recorder) Run(ctx context.Context) error {
	defer func() {
		r.closeOld()
		r.end()
		r.setState(State{Reason: "Recording has been stopped."})
	}()
	r.missed(nowNs())
	earliest, ended := int64(0), int64(0)
	for {
		now := nowNs()
		if ended-now < int64(overrun) { // frames' clock may be a little ahead of ours: what has ended has ended
			now = max(now, ended)
		}
		w, ok, changed := r.cfg.Schedule(now)
		if ok && w.StartNs <= now {
			if r.cfg.Kind == index.Standard {
				w.StartNs = max(w.StartNs, earliest)
			}
			end, err := r.window(ctx, w, changed)
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			ended = end
			continue
		}
		r.idles()
		wait := int64(Never)
		if ok {
			wait = w.StartNs - now
		}
		select {
		case <-after(wait):
		case <-changed:
			earliest, ended = nowNs(), 0 // what is newly wanted was not before
		case <-r.cfg.Ended:
			r.unscheduled(nowNs())
			return nil
		case <-ctx.Done():
			r.unscheduled(nowNs())
			return ctx.Err()
		}
	}
}

func nowNs() int64 { return time.Now().UnixNano() }

// after returns a channel that gives something once so many nanoseconds have passed.
func after(ns int64) <-chan time.Time { return time.After(max(0, time.Duration(ns))) }

// window records a window and what it is extended to, and returns when it ended; the error is the context's, or io.EOF
// when the stream ended.
func (r *Recorder) window(ctx context.Context, w Window, changed <-chan struct{}) (endNs int64, err error) {
	source := r.cfg.Open(w.StartNs, r.from)
	defer source.Close()
	r.opens(w.StartNs)
	frames := make([]*media.Frame, batch)
	for {
		patience, stop := until(ctx, w, changed)
		end, err := r.follow(ctx, patience, source, frames, &w)
		stop()
		if err != nil {
			r.end()
			return 0, err
		}
		now := nowNs()
		if end == starved && now >= w.EndNs && now-w.EndNs >= int64(overrun+overdue) {
			r.from = max(r.from, source.Next())
			end = over
		}
		if end == over {
			r.end()
			r.closes(w.EndNs)
			return w.EndNs, nil
		}
		var next Window
		var ok bool
		if next, ok, changed = r.cfg.Schedule(now); ok && next.StartNs <= now {
			w.EndNs = next.EndNs
		} else {
			w.EndNs = min(w.EndNs, now)
		}
	}
}

// until returns a context that ends when the schedule changes, or when the window's last frame is overdue.
func until(ctx context.Context, w Window, changed <-chan struct{}) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	late := int64(Never)
	if w.EndNs < Never-int64(overrun+overdue) {
		late = w.EndNs + int64(overrun+overdue) - nowNs()
	}
	go func() {
		select {
		case <-changed:
		case <-after(late):
		case <-ctx.Done():
		}
		cancel()
	}()
	return ctx, cancel
}

// ending is why follow ended.
type ending int

const (
	changing ending = iota // the schedule may have changed
	starved                // patience ended and no frame was there
	over                   // a frame is past the window
)

// follow records frames until one is past the window or patience ends; it reads once at least.
func (r *Recorder) follow(ctx, patience context.Context, source Source, frames []*media.Frame, w *Window) (ending, error) {
	for {
		r.outage.reached(r.endNs)
		n, lost, err := source.Read(patience, frames)
		switch {
		case err != nil && ctx.Err() == nil && patience.Err() != nil:
			return starved, nil
		case err != nil:
			return 0, err
		}
		if lost > 0 {
			r.log.Warn("footage left out: the ring was full", "gops", lost)
			r.end()
			if r.waited {
				r.blame(index.Disk)
			} else {
				r.blame(index.Overload)
			}
		}
		r.waited = false
		first := source.Next() - uint64(n)
		for i, f := range frames[:n] {
			if keyframe(f) {
				r.gop = first + uint64(i)
			}
			if w.past(f) && !r.extended(w, f) {
				r.from = r.gop
				clear(frames[:n])
				return over, nil
			}
			if err := r.frame(ctx, f); err != nil {
				return 0, err
			}
		}
		clear(frames[:n])
		r.confirm()
		if patience.Err() != nil {
			return changing, nil
		}
	}
}

// past tells whether a frame is the first that the window has no need of.
func (w *Window) past(f *media.Frame) bool {
	if w.EndNs == Never || !f.Run.Tracks[f.Track].Codec.IsVideo() {
		return false
	}
	late := f.TimeNs() - w.EndNs
	return late >= 0 && (f.Keyframe || late >= int64(overrun))
}

// extended asks whether a window goes on after all, so that it holds a frame.
func (r *Recorder) extended(w *Window, f *media.Frame) bool {
	now := nowNs()
	next, ok, _ := r.cfg.Schedule(now)
	if !ok || next.StartNs > now || next.EndNs <= w.EndNs {
		return false
	}
	w.EndNs = next.EndNs
	return !w.past(f)
}
