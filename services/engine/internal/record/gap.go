package record

import (
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

// blame notes why frames are missing from now on. What went wrong on our side outweighs what the camera did meanwhile.
func (r *Recorder) blame(c index.Cause) {
	if r.cause != index.Disk {
		r.cause = c
	}
}

// missed tells what happened from the end of the footage before this recorder until it began: what was to be recorded
// is missing for the cause that is known, the rest was unscheduled. A window that is open now counts until its first
// frame.
func (r *Recorder) missed(nowNs int64) {
	cause := r.cause
	r.cause = ""
	if r.endNs == 0 || r.endNs > nowNs {
		r.endNs = nowNs
		return
	}
	for r.endNs < nowNs {
		w, ok, _ := r.cfg.Schedule(r.endNs)
		if !ok {
			w = Window{Never, Never}
		}
		r.unscheduled(min(w.StartNs, nowNs))
		if w.EndNs > nowNs {
			r.cause = cause
			return
		}
		r.store(r.endNs, w.EndNs, cause)
		r.endNs = w.EndNs
	}
}

// unscheduled tells that nothing was to be recorded until an instant.
func (r *Recorder) unscheduled(untilNs int64) {
	if untilNs > r.endNs {
		r.store(r.endNs, untilNs, index.Unscheduled)
		r.endNs = untilNs
	}
}

// opens notes that a window is open from an instant on.
func (r *Recorder) opens(startNs int64) {
	r.unscheduled(startNs)
	r.fresh = true
	r.outage.reached(r.endNs)
	r.outage.waitsFor("")
	r.setState(State{Scheduled: true, Reason: "Waiting for the camera's next picture."})
}

// idles notes that no window is open.
func (r *Recorder) idles() {
	r.outage.reached(r.endNs)
	r.outage.waitsFor(index.Unscheduled)
	r.setState(State{})
}

// closes notes that a window ended; without frames up to its end, what is missing has a cause of its own.
func (r *Recorder) closes(endNs int64) {
	if endNs > r.endNs {
		r.gap(endNs, nil)
		r.endNs = endNs
	}
	r.cause = ""
}

// gap tells why there is nothing between what was recorded before and startNs, when it is long enough to be a gap. run is
// that of the frame which comes then; nil: none does.
func (r *Recorder) gap(startNs int64, run *media.Run) {
	cause := r.cause
	r.cause = ""
	defer func() { r.fresh = false }()
	if startNs < r.endNs-int64(gapMin) {
		r.endNs = startNs // the clock was set back: what follows is measured from here
	}
	if r.endNs == 0 {
		r.endNs = r.outage.begunNs // nothing was ever recorded: it is missing since we are here
	}
	least, goesOn := gapMin, run != nil && run == r.run
	switch {
	case !r.fresh && (cause == index.Disk || cause == index.Overload):
		least = knownMin // frames were given up for certain
	case goesOn:
		least = max(least, time.Duration(4*r.stepNs)) // a camera of few pictures takes its time
	}
	missing := startNs - r.endNs
	if missing < int64(least) {
		return
	}
	r.pictureNs = 0 // it is told
	switch {
	case cause != "":
	case goesOn:
		cause = r.paused()
	case run != nil && min(run.ClockSetNs, missing) >= int64(gapMin):
		if at := startNs - run.ClockSetNs; at-r.endNs >= int64(gapMin) {
			r.store(r.endNs, at, index.CameraOffline)
			r.endNs = at
		}
		cause = index.ClockStep
	default:
		cause = index.CameraOffline
	}
	r.store(r.endNs, startNs, cause)
}

// tells is whether its gaps are told. Those of alarm recording are not: nobody says when it should have been.
func (r *Recorder) tells() bool { return r.cfg.Kind == index.Standard && !r.cfg.Duplicate }

// store has a gap indexed.
func (r *Recorder) store(startNs, endNs int64, cause index.Cause) {
	if !r.tells() {
		return
	}
	for _, p := range r.outage.split(startNs, endNs, cause) {
		g := r.gapOf(p)
		if g.EndMs <= g.StartMs {
			continue
		}
		if err := r.cfg.Archive.AddGap(g); err != nil {
			r.log.Error("index gap", "err", err)
		}
		r.log.Info("gap", "cause", string(p.cause), "seconds", (p.endNs-p.startNs)/int64(time.Second))
	}
}
