package playback

import (
	"errors"
	"io"
	"math"
	"time"

	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// joint is the longest distance between the end of one segment and the start of the next that is no gap. It allows for
// the jitter of a camera's frames; players skip that much by themselves.
const joint = 150 * time.Millisecond

// piece is what one segment gives to an answer.
type piece struct {
	file     File
	segment  *mkv.File
	fromNs   int64 // it begins with the last keyframe at or before this instant
	endNs    int64 // and ends before the first keyframe at or after this one
	secondNs int64 // its second keyframe; 0: there is none that is known
}

// collection is one answer: planned, then read GOP by GOP.
type collection struct {
	fromNs, untilNs int64 // what was asked for
	pieces          []piece
	bytes           int64
	wholeNs         int64 // where the whole GOPs end
	lastNs          int64 // where the frames end that are on disk: of the last piece
	over            bool  // nothing more may be added
	more            bool  // because there was more than asked for
	tail            bool  // it is the unfinished GOP of what is being recorded

	endMs  int64
	nextMs int64 // 0: no footage yet

	at   int          // part being read
	it   *mkv.Frames  // nil: at its beginning
	held *media.Frame // the keyframe that the GOP after gop begins with
	gop  []*media.Frame
}

func (c *collection) close() {
	for _, p := range c.pieces {
		p.file.Close()
	}
}

// plan adds the first of segments; those after it tell where it must stop.
func (p *Playback) plan(c *collection, segments []Footage) error {
	if len(c.pieces) == maxPieces {
		c.over = true
		return nil
	}
	stopNs := int64(math.MaxInt64) // where the next segment takes over, when they overlap
	if len(segments) > 1 {
		stopNs = segments[1].StartMs * int64(time.Millisecond)
	}
	file, err := p.archive.Open(segments[0].ID)
	if err != nil {
		return err
	}
	taken := false
	defer func() {
		if !taken {
			file.Close()
		}
	}()
	segment, err := mkv.Open(file, file.Size())
	if err != nil {
		return err
	}
	if len(c.pieces) > 0 && !c.joins(segment.Run()) {
		c.over = true
		return nil
	}
	n := piece{file: file, segment: segment, fromNs: c.fromNs, endNs: math.MaxInt64}
	if len(c.pieces) > 0 {
		n.fromNs = c.wholeNs + int64(time.Millisecond) // two files may put one keyframe 100 µs apart
	}
	points, err := segment.Points(n.fromNs, c.untilNs)
	if err != nil {
		return err
	}
	if len(points) == 0 {
		return errors.New("it has no keyframe")
	}
	taken = true
	if len(points) > 1 {
		n.secondNs = points[1].Ns
	}
	for i, point := range points[1:] {
		c.bytes += point.Offset - points[i].Offset
		full := point.Ns >= c.untilNs || c.bytes >= maxBytes
		if full || point.Ns >= stopNs && point.Ns > c.fromNs {
			n.endNs = point.Ns
			c.pieces, c.wholeNs, c.lastNs = append(c.pieces, n), point.Ns, point.Ns
			c.over, c.more = full, full
			return nil
		}
	}
	last := points[len(points)-1]
	c.bytes += file.Size() - last.Offset
	c.lastNs = segments[0].EndMs * int64(time.Millisecond)
	if segment.Closed() || len(segments) > 1 { // nothing is added to it: its last GOP is whole
		c.wholeNs = c.lastNs
	} else if len(points) > 1 {
		c.wholeNs, n.endNs = last.Ns, last.Ns
	} else {
		c.over = true // it has nothing but an unfinished GOP
		if len(c.pieces) > 0 {
			file.Close()
			c.more = true
			return nil
		}
	}
	c.pieces = append(c.pieces, n)
	return nil
}

// joins tells whether a segment of this run goes on without a break.
func (c *collection) joins(run *media.Run) bool {
	d := run.StartNs - c.wholeNs
	return c.pieces[0].segment.Run().SameFormat(run) && d <= int64(joint) && d >= -int64(joint)
}

// finish settles where the answer ends. It returns false when it has nothing that lies after fromMs.
func (c *collection) finish(fromMs int64, segments []Footage) bool {
	if len(c.pieces) == 0 {
		return false
	}
	end := c.wholeNs
	if c.tail = ceilMs(end) <= fromMs; c.tail { // only the unfinished GOP has anything new
		end = c.lastNs
		c.pieces[len(c.pieces)-1].endNs = math.MaxInt64
	}
	if c.endMs = ceilMs(end); c.endMs <= fromMs {
		return false
	}
	if c.more = c.more || c.lastNs > end; c.more {
		c.nextMs = c.endMs
	} else if len(c.pieces) < len(segments) {
		c.nextMs = max(segments[len(c.pieces)].StartMs, c.endMs)
	}
	return true
}

// endOfTail takes the end of an unfinished GOP from its frames, once it is read. It returns false when nothing of it lies
// after fromMs.
func (c *collection) endOfTail(fromMs int64) bool {
	var endNs, pitch int64
	for _, f := range c.gop {
		if f.Track == f.Run.Video() {
			if f.DurationTicks > 0 {
				pitch = f.DurationTicks
			}
			endNs = max(endNs, f.Run.TimeNs(f.Track, f.PTSTicks+pitch))
		}
	}
	c.endMs = ceilMs(endNs)
	return c.endMs > fromMs
}

// read reads the next GOP into gop, which is then empty at the end.
func (c *collection) read() error {
	c.gop = nil
	if c.held != nil {
		c.gop, c.held = append(c.gop, c.held), nil
	}
	for c.at < len(c.pieces) {
		n := c.pieces[c.at]
		if c.it == nil {
			it, err := n.segment.Frames(n.fromNs)
			if err != nil {
				return err
			}
			c.it = it
		}
		f, err := c.it.Next()
		if errors.Is(err, io.EOF) {
			c.at, c.it = c.at+1, nil
			continue
		}
		if err != nil {
			return err
		}
		if f.Track == f.Run.Video() && f.Keyframe {
			if f.TimeNs() >= n.endNs {
				c.at, c.it = c.at+1, nil
				if c.at == len(c.pieces) {
					c.held = f // no more than told, but it tells how long the last frame lasts
				}
				continue
			}
			if len(c.gop) > 0 {
				c.held = f
				return nil
			}
		}
		if len(c.gop) > 0 || f.Track == f.Run.Video() && f.Keyframe { // else it is audio that belongs to what came before
			c.gop = append(c.gop, f)
		}
	}
	return nil
}

// send sends the answer, a fragment for each GOP, of which the first has been read.
func (c *collection) send(w io.Writer, mux *fmp4.Muxer) error {
	var buf []byte
	for len(c.gop) > 0 {
		if c.gop[0].Run != mux.Run() {
			mux.Switch(c.gop[0].Run)
		}
		next := int64(0)
		if c.held != nil {
			next = onRun(c.held, mux.Run())
		}
		buf = mux.Fragment(buf[:0], c.gop, next)
		if _, err := w.Write(buf); err != nil {
			return nil // the client is gone; the answer had begun
		}
		if c.at == len(c.pieces) {
			return nil
		}
		if err := c.read(); err != nil {
			return err
		}
	}
	return nil
}

// convert sends the answer as pictures that are made of it.
func (c *collection) convert(w io.Writer, mux *fmp4.Muxer, made Conversion) error {
	begun := false
	next := func() ([]*media.Frame, error) {
		if !begun {
			begun = true
			return c.gop, nil
		}
		if c.at == len(c.pieces) {
			return nil, nil
		}
		err := c.read()
		return c.gop, err
	}
	var buf []byte
	gone := errors.New("the client is gone")
	err := made.Do(next, func(frames []*media.Frame, nextTicks int64) error {
		buf = mux.Fragment(buf[:0], frames, nextTicks)
		if _, err := w.Write(buf); err != nil {
			return gone
		}
		return nil
	})
	if errors.Is(err, gone) {
		return nil
	}
	return err
}

// onRun returns a video frame's decode time in ticks of another run of the same format.
func onRun(f *media.Frame, run *media.Run) int64 {
	if f.Run == run {
		return f.DTSTicks
	}
	rate := int64(f.Run.Tracks[f.Track].ClockRate)
	d := f.Run.StartNs - run.StartNs
	return f.DTSTicks + d/int64(time.Second)*rate + d%int64(time.Second)*rate/int64(time.Second)
}
