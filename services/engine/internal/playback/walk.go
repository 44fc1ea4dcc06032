package playback

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"vigie/services/engine/internal/mkv"
)

// walkAhead is how many segments are looked up at a time. Of those that start before an instant, the one that reaches it
// must be among them, however many alarms lie within it.
const walkAhead = 64

// walk goes from keyframe to keyframe over the segments of a stream. What is recorded twice counts once.
type walk struct {
	p              *Playback
	ctx            context.Context
	camera, stream string

	footage Footage // where it is
	file    File
	segment *mkv.File
	points  []mkv.Point // of the segment, all of them; nil: it is nowhere
	at      int
	bad     []string // segments without a keyframe that is wanted
}

func (w *walk) close() {
	if w.file != nil {
		w.file.Close()
		w.file = nil
	}
}

// open goes to a segment, and tells whether it can be read.
func (w *walk) open(s Footage) (bool, error) {
	if err := w.ctx.Err(); err != nil {
		return false, err
	}
	w.close()
	w.footage, w.points = s, nil
	var err error
	if w.file, err = w.p.archive.Open(s.ID); err == nil {
		if w.segment, err = mkv.Open(w.file, w.file.Size()); err == nil {
			w.points, err = w.segment.Points(math.MinInt64, math.MaxInt64-1)
		}
	} else {
		w.file = nil
	}
	if err != nil {
		w.p.log.Warn("segment passed over", "camera", w.camera, "segment", s.ID, "err", err)
	}
	if err != nil || len(w.points) == 0 {
		w.bad = append(w.bad, s.ID)
		return false, nil
	}
	return true, nil
}

// until returns how many of the points lie at or before an instant.
func (w *walk) until(ns int64) int {
	return len(w.points) - len(w.after(ns))
}

func (w *walk) after(ns int64) []mkv.Point {
	i := slices.IndexFunc(w.points, func(p mkv.Point) bool { return p.Ns > ns })
	if i < 0 {
		return nil
	}
	return w.points[i:]
}

// back goes to the last keyframe at or before an instant, and then steps further back, or to the first of all; it says
// how many that were, as a number below 0. Without any keyframe it ends nowhere.
func (w *walk) back(atNs int64, steps int) (int, error) {
	passed := -1 // the first keyframe is none that is passed
	var reached *Footage
	for {
		list, err := w.p.archive.Before(w.camera, w.stream, floorMs(atNs), walkAhead)
		if err != nil {
			return 0, fmt.Errorf("look up footage: %w", err)
		}
		s := w.nearest(list, floorMs(atNs))
		if s == nil {
			break
		}
		if ok, err := w.open(*s); err != nil {
			return 0, err
		} else if !ok {
			continue
		}
		n := w.until(atNs)
		if n == 0 {
			w.bad = append(w.bad, s.ID)
			continue
		}
		if left := steps - passed; left <= n {
			w.at = n - left
			return -steps, nil
		}
		passed += n
		atNs, reached = w.points[0].Ns-int64(time.Millisecond), s // two files may put one keyframe 100 µs apart
	}
	if reached == nil {
		w.points = nil
		return 0, nil
	}
	if ok, err := w.open(*reached); err != nil || !ok {
		return 0, err
	}
	w.at = 0
	return -passed, nil
}

// nearest returns the segment that reaches nearest to an instant at or after its start; of several, the longest.
func (w *walk) nearest(list []Footage, atMs int64) (best *Footage) {
	reach := func(s *Footage) int64 { return min(s.EndMs, atMs+1) }
	for i := range list {
		s := &list[i]
		if slices.Contains(w.bad, s.ID) || s.StartMs > atMs {
			continue
		}
		if best == nil || reach(s) > reach(best) || reach(s) == reach(best) && s.StartMs < best.StartMs {
			best = s
		}
	}
	return best
}

// forward goes steps keyframes on, or to the newest; it says how many that were.
func (w *walk) forward(steps int) (int, error) {
	passed := 0
	var reached Footage // the newest place that there was
	var at int
	for {
		if left, n := steps-passed, len(w.points)-1-w.at; left <= n {
			w.at += left
			return steps, nil
		} else {
			passed += n
		}
		reached, at = w.footage, len(w.points)-1
		lastNs := w.points[at].Ns + int64(time.Millisecond)
		list, err := w.p.archive.Footage(w.camera, w.stream, ceilMs(lastNs), math.MaxInt64/int64(time.Millisecond), walkAhead)
		if err != nil {
			return 0, fmt.Errorf("look up footage: %w", err)
		}
		found := false
		for _, s := range list {
			if slices.Contains(w.bad, s.ID) || s.ID == reached.ID {
				continue
			}
			if ok, err := w.open(s); err != nil {
				return 0, err
			} else if !ok {
				continue
			}
			if next := w.after(lastNs); len(next) > 0 {
				w.at, found = len(w.points)-len(next), true
				break
			}
		}
		if !found {
			break
		}
		if passed++; passed == steps {
			return passed, nil
		}
	}
	if w.footage.ID != reached.ID || w.points == nil {
		if ok, err := w.open(reached); err != nil || !ok {
			return 0, err
		}
	}
	w.at = at
	return passed, nil
}
