package record

import (
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

// holeMin is the shortest span without pictures inside a segment that is told: of packets lost on the way the rest of
// the GOP is left out, which may take a second or a minute. Shorter ones count as lost frames alone.
const holeMin = time.Second

// hole notes pictures missing within a segment before one that is about to be written. A camera that always takes its
// time between two pictures misses none.
func (r *Recorder) hole(at int64, key bool) {
	previous, step := r.pictureNs, r.stepNs
	if at <= previous { // shown before one that was sent earlier
		return
	}
	r.pictureNs = at
	distance := at - previous
	switch {
	case previous == 0:
	case distance >= int64(holeMin) && step > 0 && distance >= 4*step:
		r.tellHole(index.Gap{Camera: r.cfg.Camera, Stream: r.cfg.Stream, StartMs: (previous + step) / int64(time.Millisecond), EndMs: at / int64(time.Millisecond), Inside: true})
	case step == 0:
		r.stepNs = distance
	default:
		r.stepNs += (distance - step) / 8
	}
	if key {
		r.lost = r.cfg.Lost()
	}
}

func (r *Recorder) tellHole(g index.Gap) {
	if !r.tells() {
		return
	}
	g.Cause = r.paused()
	if err := r.cfg.Archive.AddGap(g); err != nil {
		r.log.Error("index gap", "err", err)
	}
	r.log.Info("pictures are missing", "cause", string(g.Cause), "milliseconds", g.EndMs-g.StartMs)
}

// paused says why there were no pictures for a while of a camera that went on as if nothing had been.
func (r *Recorder) paused() index.Cause {
	if r.cfg.Lost() != r.lost {
		return index.Network
	}
	return index.CameraOffline
}

// picture tells hole of a frame.
func (r *Recorder) picture(f *media.Frame, video bool) {
	if video {
		r.hole(f.TimeNs(), f.Keyframe)
	}
}
