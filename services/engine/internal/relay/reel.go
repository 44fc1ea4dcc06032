package relay

import (
	"errors"
	"io"
	"time"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

const (
	// joint is the longest distance from the end of one segment to the next that is no gap.
	joint = 150 * time.Millisecond
	// double is how far apart two files may say that one frame is.
	double = 2 * time.Millisecond
	// lookahead is how many segments are asked for at a time.
	lookahead = 16
)

// Footage is one recorded segment.
type Footage struct {
	ID             string
	StartMs, EndMs int64
	Open           bool // it is being written
}

// File is an open segment. Size is how many bytes of it count.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Archive is where recordings are found. All of it may hang with a disk.
type Archive interface {
	// Next returns the first segments of a stream that end after fromMs, in order of start, limit at most.
	Next(camera, stream string, fromMs int64, limit int) ([]Footage, error)
	// Previous returns those that start at or before atMs, the newest first.
	Previous(camera, stream string, atMs int64, limit int) ([]Footage, error)
	Open(id string) (File, error)
	// Bounds is what there is of a camera.
	Bounds(camera string) (firstMs, lastMs int64, found bool, err error)
}

var (
	// errEdge: there is nothing more yet, but the recording goes on.
	errEdge = errors.New("the end of what is recorded by now")
)

// reel is a stream's recordings as one strip, run forwards or backwards. It belongs to one goroutine.
type reel struct {
	archive        Archive
	camera, stream string
	keys           bool  // keyframes only
	strideNs       int64 // the least distance between those

	atNs   int64    // where to go on looking
	endNs  int64    // of the segment before, 0: none
	last   [2]int64 // of the newest picture and sound given, forwards
	skip   [2]int64 // up to where the present segment was given by the one before
	file   File
	film   *mkv.File
	now    Footage
	it     *mkv.Frames
	points []mkv.Point
	jump   bool // the next frame does not follow from the one before
}

func (r *reel) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file, r.it, r.points = nil, nil, nil
	}
}

// open opens a segment.
func (r *reel) open(f Footage) error {
	r.close()
	file, err := r.archive.Open(f.ID)
	if err != nil {
		return err
	}
	film, err := mkv.Open(file, file.Size())
	if err != nil {
		return errors.Join(err, file.Close())
	}
	r.file, r.film, r.now = file, film, f
	return nil
}

// ms rounds an instant down to milliseconds.
func ms(ns int64) int64 { return ns / int64(time.Millisecond) }

// ahead opens the segment that goes on at atNs, or the next after it. Segments that cannot be opened are passed over.
func (r *reel) ahead() error {
	for {
		list, err := r.archive.Next(r.camera, r.stream, ms(r.atNs), lookahead)
		if err != nil {
			return err
		}
		best := -1 // of those that hold the instant the one that reaches furthest, else the first
		for i, f := range list {
			within := f.StartMs <= ms(r.atNs)
			if f.EndMs > ms(r.atNs) && (best < 0 || (within || f.StartMs == list[best].StartMs) && f.EndMs > list[best].EndMs) {
				best = i
			}
		}
		if best < 0 {
			if len(list) > 0 && list[len(list)-1].Open {
				return errEdge
			}
			return io.EOF
		}
		f := list[best]
		if err := r.open(f); err != nil {
			r.atNs = f.EndMs * int64(time.Millisecond)
			r.jump = true
			continue
		}
		if start := f.StartMs * int64(time.Millisecond); r.endNs == 0 || start-r.endNs > int64(joint) {
			r.jump = true
		}
		return nil
	}
}

// next returns the next frame forwards; jump tells that it does not follow from the one before. It ends with io.EOF, or
// errEdge when asking again later makes sense.
func (r *reel) next() (f *media.Frame, jump bool, err error) {
	for {
		if r.file == nil {
			if err := r.load(); err != nil {
				return nil, false, err
			}
		}
		if r.keys {
			f, err = r.point()
		} else {
			f, err = r.it.Next()
		}
		if err != nil { // torn or damaged ends a segment as its end does
			open := r.now.Open
			r.leave()
			if open {
				return nil, false, errEdge
			}
			continue
		}
		m := kind(f)
		at := f.TimeNs()
		if at <= r.skip[m]+int64(double) {
			continue // it was in the segment before
		}
		r.last[m] = max(r.last[m], at)
		jump, r.jump = r.jump, false
		return f, jump, nil
	}
}

// load opens the next segment and goes to where reading is to begin.
func (r *reel) load() (err error) {
	if err := r.ahead(); err != nil {
		return err
	}
	r.skip = r.last
	if r.keys {
		r.points, err = r.film.Points(r.atNs, 1<<62)
	} else {
		r.it, err = r.film.Frames(r.atNs)
	}
	if err != nil {
		r.leave()
		return r.load()
	}
	return nil
}

// leave ends a segment; the next one is looked for behind it.
func (r *reel) leave() {
	end := r.now.EndMs * int64(time.Millisecond)
	r.endNs = max(end, r.last[0])
	if r.now.Open { // it has grown meanwhile
		end = r.last[0] + 1
	}
	r.atNs = max(end, r.atNs)
	r.close()
}

// point returns the next keyframe, of those that are strideNs apart.
func (r *reel) point() (*media.Frame, error) {
	for len(r.points) > 0 {
		p := r.points[0]
		r.points = r.points[1:]
		if len(r.points) > 0 && p.Ns < r.last[0]+r.strideNs && r.last[0] != 0 {
			continue
		}
		return r.film.Keyframe(p)
	}
	return nil, io.EOF
}

// previous returns the GOP before atNs, in order of its frames, or its keyframe alone.
func (r *reel) previous() (gop []*media.Frame, jump bool, err error) {
	for {
		for len(r.points) > 0 {
			p := r.points[len(r.points)-1]
			r.points = r.points[:len(r.points)-1]
			if p.Ns >= r.atNs {
				continue
			}
			before := r.atNs
			r.atNs = p.Ns
			if r.keys {
				if r.atNs = min(p.Ns, before-r.strideNs); len(r.points) == 0 {
					r.atNs = p.Ns
				}
				f, err := r.film.Keyframe(p)
				if err != nil {
					continue
				}
				gop = []*media.Frame{f}
			} else if gop = r.gop(p.Ns, before); len(gop) == 0 {
				continue
			}
			jump, r.jump = r.jump, false
			return gop, jump, nil
		}
		if r.file != nil {
			r.atNs = min(r.atNs, r.now.StartMs*int64(time.Millisecond))
		}
		r.close()
		if err := r.behind(); err != nil {
			return nil, false, err
		}
	}
}

// behind opens the segment that reaches furthest of those that begin before atNs.
func (r *reel) behind() error {
	list, err := r.archive.Previous(r.camera, r.stream, ms(r.atNs-1), lookahead)
	if err != nil {
		return err
	}
	best := -1
	for i, f := range list {
		if f.StartMs*int64(time.Millisecond) < r.atNs && (best < 0 || min(f.EndMs, ms(r.atNs)) > min(list[best].EndMs, ms(r.atNs))) {
			best = i
		}
	}
	if best < 0 {
		return io.EOF
	}
	f := list[best]
	if gap := r.atNs - f.EndMs*int64(time.Millisecond); gap > int64(joint) {
		r.jump = true
	}
	if err := r.open(f); err != nil {
		r.now, r.jump = f, true
		r.atNs = f.StartMs * int64(time.Millisecond)
		return r.behind()
	}
	if r.points, err = r.film.Points(f.StartMs*int64(time.Millisecond)-1, r.atNs); err != nil {
		r.points = nil
	}
	return nil
}

// gop reads the frames from a keyframe up to an instant, or to the next keyframe.
func (r *reel) gop(fromNs, toNs int64) (list []*media.Frame) {
	it, err := r.film.Frames(fromNs)
	if err != nil {
		return nil
	}
	for {
		f, err := it.Next()
		if err != nil {
			return list
		}
		key := f.Keyframe && kind(f) == 0
		if len(list) == 0 && !key {
			continue
		}
		if key && len(list) > 0 && f.TimeNs() > fromNs+int64(joint) || f.TimeNs() >= toNs && key {
			return list
		}
		list = append(list, f)
	}
}

// kind is 0 for pictures and 1 for sound.
func kind(f *media.Frame) int {
	if f.Track == f.Run.Video() {
		return 0
	}
	return 1
}
