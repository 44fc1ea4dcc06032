package playback

import (
	"errors"
	"fmt"
	"io"
	"time"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// joint is the longest distance between the end of one segment and the start of the next that is no gap. It allows for
// the jitter of a camera's frames; players skip that much by themselves.
const joint = 150 * time.Millisecond

// collection is the frames of one answer, as they grow.
type collection struct {
	fromNs, untilNs int64 // what was asked for
	frames          []*media.Frame
	bytes           int
	whole           int   // frames up to the last keyframe, which are whole GOPs
	wholeNs         int64 // where they end
	lastNs          int64 // end of the newest video frame
	pitch           int64 // ticks from one video frame to the next, for the last of a file, whose length is told nowhere
	over            bool  // nothing more may be added
	more            bool  // because there was more than asked for
	used            int   // segments that frames came from

	endMs  int64
	nextMs int64 // 0: no footage yet
}

// read adds the first of segments; those after it tell where it must stop.
func (p *Playback) read(c *collection, segments []Footage) error {
	stop := int64(0) // where the next segment takes over, when they overlap
	if len(segments) > 1 {
		stop = segments[1].StartMs * int64(time.Millisecond)
	}
	file, err := p.archive.Open(segments[0].ID)
	if err != nil {
		return err
	}
	defer file.Close()
	segment, err := mkv.Open(file, file.Size())
	if err != nil {
		return err
	}
	if len(c.frames) > 0 && !c.joins(segment.Run()) {
		c.over, c.whole = true, len(c.frames)
		return nil
	}
	c.used++
	it, err := segment.Frames(max(c.fromNs, c.lastNs))
	if err != nil {
		return err
	}
	for {
		f, err := it.Next()
		switch {
		case errors.Is(err, io.EOF):
			if segment.Closed() || len(segments) > 1 { // nothing is added to it: its last GOP is whole
				c.whole, c.wholeNs = len(c.frames), c.lastNs
			}
			return nil
		case err != nil:
			return fmt.Errorf("read frames: %w", err)
		}
		if !c.add(f, stop) {
			return nil
		}
	}
}

// joins tells whether a segment of this run goes on without a break.
func (c *collection) joins(run *media.Run) bool {
	d := run.StartNs - c.lastNs
	return c.frames[0].Run.SameFormat(run) && d <= int64(joint) && d >= -int64(joint)
}

// add appends a frame. It returns false when the frame is not wanted, nor any after it.
func (c *collection) add(f *media.Frame, stop int64) bool {
	at := f.TimeNs()
	video := f.Track == f.Run.Video()
	if video && f.Keyframe && len(c.frames) > 0 {
		c.whole, c.wholeNs = len(c.frames), at
		switch {
		case at >= c.untilNs, c.bytes >= maxBytes:
			c.over, c.more = true, true
			return false
		case stop > 0 && at >= stop && at > c.fromNs:
			return false
		}
	}
	if len(c.frames) == 0 && !(video && f.Keyframe) {
		return true // audio that belongs to what came before
	}
	c.frames = append(c.frames, f)
	c.bytes += len(f.Payload)
	if video {
		if f.DurationTicks > 0 {
			c.pitch = f.DurationTicks
		}
		c.lastNs = max(c.lastNs, f.Run.TimeNs(f.Track, f.PTSTicks+c.pitch))
	}
	return true
}

// finish settles where the answer ends. It returns false when it has nothing that lies after fromMs.
func (c *collection) finish(fromMs int64, segments []Footage) bool {
	if len(c.frames) == 0 {
		return false
	}
	end := c.wholeNs
	if c.whole == 0 || ceilMs(end) <= fromMs { // only the unfinished GOP has anything new
		c.whole, end = len(c.frames), c.lastNs
	}
	c.more = c.more || c.whole < len(c.frames)
	c.frames = c.frames[:c.whole]
	if c.endMs = ceilMs(end); c.endMs <= fromMs {
		return false
	}
	if c.more {
		c.nextMs = c.endMs
		return true
	}
	if c.used < len(segments) {
		c.nextMs = max(segments[c.used].StartMs, c.endMs)
	}
	return true
}
