package record

import (
	"time"

	"vigie/services/engine/internal/index"
)

// blame notes why frames are missing from now on. What went wrong on our side outweighs what the camera did meanwhile.
func (r *Recorder) blame(c index.Cause) {
	if r.cause != index.Disk {
		r.cause = c
	}
}

// gap indexes the span between the footage before and that which begins at startNs, when it is long enough to be one.
func (r *Recorder) gap(startNs int64) {
	cause := r.cause
	offline := r.cfg.Offline()
	r.cause = ""
	if startNs < r.endNs-int64(gapMin) {
		r.endNs = startNs // the clock was set back: what follows is measured from here
	}
	if r.endNs == 0 {
		r.endNs, offline = r.outage.begunNs, true // nothing was ever recorded: it is missing since we are here
	}
	least := gapMin
	if cause == index.Disk || cause == index.Overload {
		least = knownMin // frames were given up for certain
	}
	if startNs-r.endNs < int64(least) {
		return
	}
	if cause == "" {
		cause = index.ClockStep
		if offline {
			cause = index.CameraOffline
		}
	}
	for _, p := range r.outage.split(r.endNs, startNs, cause) {
		if err := r.cfg.Archive.AddGap(r.gapOf(p)); err != nil {
			r.log.Error("index gap", "err", err)
		}
		r.log.Info("gap", "cause", string(p.cause), "seconds", (p.endNs-p.startNs)/int64(time.Second))
	}
}
