package mkv

import (
	"errors"
	"fmt"
	"io"
)

// Cut is a part of a segment that is whole GOPs.
type Cut struct {
	From, To int64 // offsets of its first cluster, and behind its last
	StartNs  int64 // of its first picture, UTC
	EndNs    int64 // UTC: where the next GOP begins, or the footage ends
	Points   []Point
	More     bool // footage of the segment follows
}

// ErrNoFootage: a segment has none in the range.
var ErrNoFootage = errors.New("no footage in this range")

// Cut returns the whole GOPs that a range (UTC, ns) needs: from the last keyframe at or before fromNs, or the first, up to
// the first keyframe at or after toNs, or the end. growing tells that the segment is still being written: its last GOP,
// which may not be all there, is left out. For a closed file it reads nothing but the header, unless there were too many
// keyframes for its Cues.
func (f *File) Cut(fromNs, toNs int64, growing bool) (Cut, error) {
	fromTick, toTick := floorDiv(fromNs-f.meta.StartNs, tickNs), floorDiv(toNs-f.meta.StartNs+tickNs-1, tickNs)
	points, err := f.keys(fromTick, toTick)
	if err != nil {
		return Cut{}, fmt.Errorf("look for keyframes: %w", err)
	}
	var c Cut
	end := int64(-1) // tick
	for _, k := range points {
		switch {
		case k.tick <= fromTick:
			c.Points, c.From = append(c.Points[:0], f.point(k)), k.cluster
		case k.tick >= toTick:
			if end < 0 {
				end, c.To, c.More = k.tick, k.cluster, true
			}
		default:
			if len(c.Points) == 0 {
				c.From = k.cluster
			}
			c.Points = append(c.Points, f.point(k))
		}
	}
	switch {
	case end >= 0:
	case growing && len(points) > 0:
		last := points[len(points)-1] // the GOP that it begins is not whole yet
		end, c.To, c.More = last.tick, last.cluster, true
		for len(c.Points) > 0 && c.Points[len(c.Points)-1].Offset >= last.cluster {
			c.Points = c.Points[:len(c.Points)-1]
		}
	case f.closed:
		end, c.To = f.ticks, f.size
	default:
		x, err := f.Scan()
		if err != nil {
			return Cut{}, err
		}
		end, c.To = x.ticks, x.Size
	}
	if len(c.Points) == 0 || c.To <= c.From {
		return Cut{}, ErrNoFootage
	}
	c.StartNs, c.EndNs = c.Points[0].Ns, f.meta.StartNs+end*tickNs
	if c.EndNs <= c.StartNs {
		return Cut{}, ErrNoFootage
	}
	return c, nil
}

func (f *File) point(k cue) Point { return Point{f.meta.StartNs + k.tick*tickNs, k.cluster} }

// keys returns the clusters that begin with keyframes from the last at or before a tick to the first at or after another:
// at least these, and of others only some where the Cues have been thinned out.
func (f *File) keys(fromTick, toTick int64) ([]cue, error) {
	if len(f.cues) == 0 {
		return f.keysFrom(f.layout.clusters, toTick)
	}
	var out []cue
	for i, k := range f.cues {
		next := int64(1 << 62)
		if i+1 < len(f.cues) {
			next = f.cues[i+1].tick
		}
		out = append(out, k)
		// Keyframes that have no cue matter only where it is cut.
		if k.tick <= fromTick && fromTick < next || k.tick < toTick && toTick <= next && next < 1<<62 {
			more, err := f.keysFrom(k.cluster, min(next, max(toTick, fromTick+1)))
			if err != nil {
				return nil, err
			}
			for _, m := range more {
				if m.tick > k.tick && m.tick < next {
					out = append(out, m)
				}
			}
		}
	}
	return out, nil
}

// keysFrom returns the clusters that begin with keyframes from an offset on, up to the first that is at or after a tick.
func (f *File) keysFrom(off, toTick int64) (out []cue, err error) {
	for {
		c, err := f.peek(off)
		if err == io.EOF || errors.Is(err, errTorn) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if c.key {
			if out = append(out, cue{c.tick, c.offset}); c.tick >= toTick {
				return out, nil
			}
		}
		off += c.total
	}
}

func floorDiv(a, b int64) int64 {
	if q := a / b; a%b >= 0 {
		return q
	}
	return a/b - 1
}
