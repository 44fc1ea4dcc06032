package record

import (
	"context"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

// begin opens a segment at a keyframe, however long it takes to find a volume; the error is the context's. A duplicate's is
// left closed when no volume takes it now.
func (r *Recorder) begin(ctx context.Context, f *media.Frame) error {
	pause := 200 * time.Millisecond
	for {
		seg, err := r.cfg.Archive.Create(f.Run, r.cfg.Kind, f.TimeNs())
		if err == nil {
			r.gap(f.TimeNs(), f.Run)
			r.seg, r.run, r.startNs, r.bytes = seg, f.Run, f.TimeNs(), 0
			r.held, r.heldAt = r.held[:0], 0
			r.setState(State{Scheduled: true, Recording: true, Volume: seg.Volume()})
			r.outage.waitsFor("")
			return nil
		}
		r.outage.waitsFor(index.Disk)
		if s := r.State(); s.Recording || s.Reason != err.Error() {
			r.log.Error("cannot record", "err", err)
			r.setState(State{Scheduled: true, Reason: err.Error()})
		}
		if r.cfg.Duplicate {
			return nil
		}
		r.blame(index.Disk)
		r.waited = true
		select {
		case <-time.After(pause):
			pause = min(2*pause, 2*time.Second)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// write gives a frame to the open segment, and what is held to the next one when its volume fails.
func (r *Recorder) write(ctx context.Context, f *media.Frame) error {
	r.held = append(r.held, f)
	again := r.held[len(r.held)-1:]
	for {
		err := r.writeAll(ctx, again)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		r.log.Error("volume failed while recording; going on elsewhere", "volume", r.seg.Volume(), "err", err)
		r.confirm()
		r.blame(index.Disk)
		r.seg, r.continues = nil, false
		first := 0
		for first < len(r.held) && !keyframe(r.held[first]) {
			first++
		}
		again = append([]*media.Frame(nil), r.held[first:]...)
		if len(again) == 0 { // nothing that could be played alone: the next keyframe begins a segment
			clear(r.held)
			r.held, r.heldAt = r.held[:0], 0
			r.setState(State{Scheduled: true, Reason: "A disk failed; waiting for the camera's next keyframe."})
			return nil
		}
		// The archive ends the failed segment by itself. What it did not confirm comes again from here.
		if err := r.begin(ctx, again[0]); err != nil {
			return err
		}
		if r.seg == nil {
			clear(r.held)
			r.held, r.heldAt = r.held[:0], 0
			return nil
		}
		r.held = append(r.held, again...)
	}
}

func (r *Recorder) writeAll(ctx context.Context, frames []*media.Frame) error {
	for _, f := range frames {
		if err := r.seg.Write(ctx, f); err != nil {
			return err
		}
		r.bytes += int64(len(f.Payload))
		r.endNs = max(r.endNs, end(f))
		r.cfg.Written.Add(1)
	}
	return nil
}

// confirm lets go of the held GOPs that are on disk, whole ones only.
func (r *Recorder) confirm() {
	if r.seg == nil {
		return
	}
	durable := r.seg.Durable() - r.heldAt
	keep := 0
	for i := 1; i <= durable && i < len(r.held); i++ {
		if keyframe(r.held[i]) {
			keep = i
		}
	}
	if keep == 0 && size(r.held) > maxHeld {
		keep = min(durable, len(r.held))
	}
	if keep == 0 {
		return
	}
	n := copy(r.held, r.held[keep:])
	clear(r.held[n:])
	r.held, r.heldAt = r.held[:n], r.heldAt+keep
}

func keyframe(f *media.Frame) bool {
	return f.Keyframe && f.Run.Tracks[f.Track].Codec.IsVideo()
}

// size is the payload bytes of frames.
func size(frames []*media.Frame) (n int) {
	for _, f := range frames {
		n += len(f.Payload)
	}
	return n
}

// cut ends the segment before a keyframe of the same run; late audio still goes to it.
func (r *Recorder) cut() {
	r.closeOld()
	r.old, r.oldRun = r.seg, r.run
	r.seg, r.continues = nil, true
	if len(r.run.Tracks) == 1 {
		r.closeOld()
	}
}

// end closes the segment.
func (r *Recorder) end() {
	r.closeOld()
	r.continues = false
	r.pictureNs = 0 // between segments a shorter hole than a gap is none
	if r.seg != nil {
		r.seg.Close()
		r.seg = nil
		r.held, r.heldAt = r.held[:0], 0
	}
}

func (r *Recorder) writeOld(ctx context.Context, f *media.Frame) error {
	if err := r.old.Write(ctx, f); err != nil {
		r.old = nil // its archive ends it; the few samples are not worth another file
		return ctx.Err()
	}
	r.cfg.Written.Add(1)
	return nil
}

func (r *Recorder) closeOld() {
	if r.old != nil {
		r.old.Close()
		r.old = nil
	}
}

// end of a frame in UTC nanoseconds; video whose duration is not known counts as its start.
func end(f *media.Frame) int64 {
	return f.Run.TimeNs(f.Track, f.PTSTicks+f.DurationTicks)
}
