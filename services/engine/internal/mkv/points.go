package mkv

import (
	"errors"
	"fmt"
	"io"

	"vigie/services/engine/internal/media"
)

// Point is a cluster that begins with a keyframe: a place at which reading can begin.
type Point struct {
	Ns     int64 // instant of the keyframe, UTC
	Offset int64 // in the file
}

// Points returns in order the points from the last one at or before fromNs (or the first of all) to the first one at or
// after toNs. Of keyframes that follow one another within 100 ms only the first is a point. Files with Cues answer from
// these; in others clusters are walked from head to head.
func (f *File) Points(fromNs, toNs int64) ([]Point, error) {
	toNs = max(toNs, fromNs+1)
	var out []Point
	add := func(c cue) (more bool) {
		p := Point{f.meta.StartNs + c.tick*tickNs, c.cluster}
		if len(out) == 1 && p.Ns <= fromNs {
			out[0] = p
		} else {
			out = append(out, p)
		}
		return p.Ns < toNs
	}
	for _, c := range f.cues {
		if !add(c) {
			return out, nil
		}
	}
	if len(f.cues) > 0 {
		return out, nil
	}
	for off := f.layout.clusters; ; {
		c, err := f.peek(off)
		if err == io.EOF || errors.Is(err, errTorn) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("look for keyframes: %w", err)
		}
		if c.key && !add(cue{c.tick, off}) {
			return out, nil
		}
		off += c.total
	}
}

// Keyframe reads the keyframe at a point, without what comes after its cluster. Its DTS is its PTS.
func (f *File) Keyframe(p Point) (*media.Frame, error) {
	c, err := f.peek(p.Offset)
	if err != nil {
		return nil, fmt.Errorf("keyframe at byte %d: %w", p.Offset, err)
	}
	data, err := f.load(c)
	if err != nil {
		return nil, err
	}
	var found *media.Frame
	video := max(f.run.Video(), 0)
	err = blocks(data, func(track int, rel int64, key bool, payload []byte) error {
		if found == nil && track == video && key {
			rate := int64(f.run.Tracks[track].ClockRate)
			found = &media.Frame{Run: f.run, Track: track, Keyframe: true, PTSTicks: roundDiv((c.tick+rel)*rate, 1_000_000_000/tickNs), Payload: payload}
			found.DTSTicks = found.PTSTicks
		}
		return nil
	})
	if err == nil && found == nil {
		err = fmt.Errorf("%w: no keyframe at byte %d", errTorn, p.Offset)
	}
	return found, err
}
