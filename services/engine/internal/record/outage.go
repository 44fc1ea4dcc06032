package record

import (
	"slices"
	"sync"
	"time"

	"vigie/services/engine/internal/index"
)

// outage remembers what stood in the way of the camera's frames since the newest footage, so that a gap is told in
// pieces, each with its own cause: a camera that drops out, comes back to a network that is gone, and so on. Ingest's
// states come by Note, from any goroutine; the recorder's own come from its goroutine.
type outage struct {
	mu      sync.Mutex
	begunNs int64       // when the recorder was made: nobody noted anything before
	before  index.Cause // why nothing was recorded until then; "": there was nothing before
	endNs   int64       // up to which everything is recorded or told; 0: nothing yet
	own     index.Cause // what the recorder waits for itself
	changes []change    // in order
}

// change is a change of the camera's state; cause "" means that it sends.
type change struct {
	atNs      int64
	cause     index.Cause
	tentative bool
}

const (
	// slack is how far a frame's time and the time at which a loss is noticed may be apart.
	slack = 2 * time.Second
	// silence is how long without frames must last to be an outage though nobody noticed anything.
	silence = 10 * time.Second
	// maxChanges bounds what is remembered of one outage.
	maxChanges = 256
)

// Note tells that the camera sends no picture from now on and why, or ("") that it does. A tentative cause is replaced by
// the next one, from its own time on: silence alone does not tell whether the camera is gone or the network is.
func (r *Recorder) Note(at time.Time, cause index.Cause, tentative bool) {
	o := &r.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	n := len(o.changes)
	switch {
	case n > 0 && o.changes[n-1].cause == cause:
		o.changes[n-1].tentative = o.changes[n-1].tentative && tentative
	case n > 0 && o.changes[n-1].tentative && cause != "":
		o.changes[n-1].cause, o.changes[n-1].tentative = cause, tentative
	case n == maxChanges: // a camera that flaps for hours: its first hour says what it is like
	default:
		o.changes = append(o.changes, change{at.UnixNano(), cause, tentative})
	}
}

// reached notes up to when everything is recorded or told.
func (o *outage) reached(endNs int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if endNs == o.endNs {
		return
	}
	o.endNs = endNs
	last := 0 // the newest change that the footage has passed still says how things are
	for i, c := range o.changes {
		if c.atNs < endNs-int64(slack) {
			last = i
		}
	}
	o.changes = slices.Delete(o.changes, 0, last)
}

// waitsFor notes what the recorder itself waits for; "": nothing.
func (o *outage) waitsFor(c index.Cause) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.own = c
}

// piece is a part of a gap.
type piece struct {
	startNs, endNs int64
	cause          index.Cause
}

// split cuts a gap where its cause changes. What the recorder blames for certain stands for all of it; what it would
// otherwise say stands where nobody noted anything better.
func (o *outage) split(startNs, endNs int64, cause index.Cause) []piece {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.cut(startNs, endNs, cause)
}

func (o *outage) cut(startNs, endNs int64, cause index.Cause) (out []piece) {
	switch cause {
	case index.CameraOffline, index.Network, "":
	case index.EngineRestart, index.Power, index.CameraDisabled:
		if o.begunNs <= startNs || !o.noted(o.begunNs, endNs) {
			return []piece{{startNs, endNs, cause}}
		}
		at := min(o.begunNs, endNs)
		out = append(out, piece{startNs, at, cause})
		startNs = at
	default:
		return []piece{{startNs, endNs, cause}}
	}
	if cause == "" {
		cause = index.CameraOffline
	}
	if startNs >= endNs {
		return out
	}
	rest := piece{startNs, endNs, cause}
	first := true
	for _, c := range o.changes {
		if c.cause == "" || c.atNs >= endNs || c.atNs < startNs-int64(slack) {
			continue
		}
		if !first && c.cause != rest.cause && c.atNs > rest.startNs {
			out = append(out, piece{rest.startNs, c.atNs, rest.cause})
			rest.startNs = c.atNs
		}
		rest.cause, first = c.cause, false
	}
	return append(out, rest)
}

// noted tells whether a cause was noted within a span.
func (o *outage) noted(fromNs, toNs int64) bool {
	return slices.ContainsFunc(o.changes, func(c change) bool {
		return c.cause != "" && c.atNs >= fromNs-int64(slack) && c.atNs < toNs
	})
}

// Outage returns the gaps of the outage that runs now, up to now: nothing while frames come, or may be on their way.
func (r *Recorder) Outage(now time.Time) []index.Gap {
	o := &r.outage
	o.mu.Lock()
	defer o.mu.Unlock()
	startNs, endNs := o.endNs, now.UnixNano()
	cause := o.own
	if startNs == 0 {
		startNs = o.begunNs
	}
	if cause == "" && startNs < o.begunNs {
		cause = o.before
	}
	if endNs-startNs < int64(gapMin) {
		return nil
	}
	n := len(o.changes)
	if cause == "" && (n == 0 || o.changes[n-1].cause == "") && endNs-startNs < int64(silence) {
		return nil
	}
	var out []index.Gap
	for _, p := range o.cut(startNs, endNs, cause) {
		if g := r.gapOf(p); g.EndMs > g.StartMs {
			out = append(out, g)
		}
	}
	return out
}

func (r *Recorder) gapOf(p piece) index.Gap {
	return index.Gap{Camera: r.cfg.Camera, Stream: r.cfg.Stream, StartMs: p.startNs / int64(time.Millisecond), EndMs: p.endNs / int64(time.Millisecond), Cause: p.cause}
}
