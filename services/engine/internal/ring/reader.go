package ring

import (
	"context"
	"io"
	"slices"
	"time"

	"vigie/services/engine/internal/media"
)

// Start says where a reader begins.
type Start int

// The places to begin at. Where there is no such keyframe yet, the reader waits for the next one.
const (
	NewestKeyframe Start = iota // the newest keyframe held
	NextKeyframe                // the first keyframe pushed from now on
	Oldest                      // the oldest keyframe held
	At                          // the newest keyframe held of AtNs or before; where all are later, the oldest; none where nothing reaches near it
)

// stale is how far before an instant the newest frame held may be for its GOP to be taken to reach there.
const stale = 2 * time.Second

// ReaderConfig describes a reader.
type ReaderConfig struct {
	Start      Start
	AtNs       int64         // UTC; for At
	From       uint64        // for At: no frame of an earlier sequence, see Next; the oldest keyframe from there on
	Guaranteed bool          // the ring grows to its budget rather than let this reader lose a GOP
	MaxLag     time.Duration // lossy readers: how far behind the newest frame before skipping to the newest keyframe; 0: never
	Linger     time.Duration // how long Read may wait to fill dst once it has one frame; 0: not at all
}

// Reader is a cursor in a ring, for one goroutine. Close it when done: a guaranteed reader left behind costs the budget.
type Reader struct {
	ring *Ring
	cfg  ReaderConfig
	wake chan struct{}

	// Guarded by ring.mu.
	next    uint64 // sequence of the next frame to read
	seeking bool   // no keyframe to go on from is held; next moves to the one that comes
	lost    int    // GOPs lost since the last Read that said so
	want    uint64 // frames to wait for; 0 when not waiting
	closed  bool
}

// NewReader adds a reader.
func (r *Ring) NewReader(cfg ReaderConfig) *Reader {
	r.mu.Lock()
	defer r.mu.Unlock()
	rd := &Reader{ring: r, cfg: cfg, wake: make(chan struct{}, 1), next: r.head, seeking: true}
	if at := r.begin(cfg); at >= 0 {
		rd.next, rd.seeking = r.gops[at].start, false
	}
	r.readers = append(r.readers, rd)
	return rd
}

// begin returns the GOP that a reader begins with; -1: one yet to come.
func (r *Ring) begin(cfg ReaderConfig) int {
	first, last := 0, len(r.gops)-1
	if last >= 0 && r.gops[0].headless { // only the oldest can be
		first = 1
	}
	if first > last || cfg.Start == NextKeyframe {
		return -1
	}
	if cfg.Start == At && r.last().frame.TimeNs() < cfg.AtNs-int64(stale) {
		return -1
	}
	switch cfg.Start {
	case NewestKeyframe:
		return last
	case At:
		for first <= last && r.gops[first].start < cfg.From {
			first++
		}
		if first > last {
			return -1
		}
		for i := last; i > first; i-- {
			if r.buf[r.gops[i].start&uint64(len(r.buf)-1)].frame.TimeNs() <= cfg.AtNs {
				return i
			}
		}
	}
	return first
}

// Read waits for at least one frame and fills dst with what there is. lostGOPs tells how many GOPs, whole or in part,
// were lost between the frame read before and dst[0]. It ends with io.EOF once the ring is closed and read to its end,
// with the context's error, or with io.ErrClosedPipe after Close.
func (rd *Reader) Read(ctx context.Context, dst []*media.Frame) (n, lostGOPs int, err error) {
	r := rd.ring
	var linger <-chan time.Time
	for patient := rd.cfg.Linger > 0; ; {
		r.mu.Lock()
		rd.skip()
		avail := rd.available()
		switch {
		case rd.closed:
			err = io.ErrClosedPipe
		case avail > 0 && (!patient || r.closed || avail >= uint64(len(dst))):
			n = rd.take(dst)
		case avail == 0 && r.closed:
			err = io.EOF
		}
		if n > 0 || err != nil {
			lostGOPs, rd.lost, rd.want = rd.lost, 0, 0
			r.mu.Unlock()
			return n, lostGOPs, err
		}
		rd.want = 1
		if avail > 0 {
			rd.want = uint64(len(dst))
			if linger == nil {
				t := time.NewTimer(rd.cfg.Linger)
				defer t.Stop()
				linger = t.C
			}
		}
		r.mu.Unlock()
		select {
		case <-rd.wake:
		case <-linger:
			patient = false
		case <-ctx.Done():
			return 0, 0, ctx.Err()
		}
	}
}

// Next returns the sequence of the frame that the next Read begins with, unless GOPs are lost before. Frames of a ring
// are numbered in the order in which they were pushed.
func (rd *Reader) Next() uint64 {
	rd.ring.mu.Lock()
	defer rd.ring.mu.Unlock()
	return rd.next
}

// Close removes the reader; a Read that waits returns.
func (rd *Reader) Close() {
	r := rd.ring
	r.mu.Lock()
	defer r.mu.Unlock()
	rd.closed = true
	r.readers = slices.DeleteFunc(r.readers, func(o *Reader) bool { return o == rd })
	rd.signal()
}

// Behind returns the number of frames waiting for the reader.
func (rd *Reader) Behind() int {
	rd.ring.mu.Lock()
	defer rd.ring.mu.Unlock()
	return int(rd.available())
}

// skip moves a lossy reader that is too far behind to the newest keyframe.
func (rd *Reader) skip() {
	r := rd.ring
	if rd.seeking || rd.cfg.Guaranteed || rd.cfg.MaxLag == 0 || rd.next == r.head {
		return
	}
	newest := r.gops[len(r.gops)-1]
	if newest.start <= rd.next || r.last().at-r.buf[rd.next&uint64(len(r.buf)-1)].at <= rd.cfg.MaxLag {
		return
	}
	for i := len(r.gops) - 1; i >= 0 && r.gops[i].start > rd.next; i-- {
		rd.lost++
	}
	rd.next = newest.start
}

// available returns the number of frames ready; none while a keyframe is being waited for.
func (rd *Reader) available() uint64 {
	if rd.seeking {
		return 0
	}
	return rd.ring.head - rd.next
}

func (rd *Reader) take(dst []*media.Frame) int {
	r := rd.ring
	n := int(min(uint64(len(dst)), r.head-rd.next))
	for i := range n {
		dst[i] = r.buf[rd.next&uint64(len(r.buf)-1)].frame
		rd.next++
	}
	return n
}

// notify wakes a waiting reader when it has what it waits for.
func (rd *Reader) notify() {
	if rd.want == 0 {
		return
	}
	if rd.available() >= rd.want || rd.ring.closed {
		rd.want = 0
		rd.signal()
	}
}

func (rd *Reader) signal() {
	select {
	case rd.wake <- struct{}{}:
	default:
	}
}
