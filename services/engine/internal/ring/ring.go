// Package ring keeps the newest GOPs of one stream in RAM and hands them to readers.
//
// It owns the frames between the camera and everything that uses them. One writer pushes; any number of readers follow,
// each with its own cursor. Push never blocks on a reader and never calls out: its cost is one short critical section.
//
// Invariants:
//   - What a reader gets starts at a keyframe and follows without a break, unless the Read that gave it said that GOPs
//     were lost just before its first frame; that frame is a keyframe again.
//   - The ring holds whole GOPs. It lets go of the oldest one when it is past MaxBytes or MaxAge and no guaranteed
//     reader still needs it; past MaxAge alone, a lossy reader within its MaxLag keeps it too. For a guaranteed reader (recording) it grows to BudgetBytes; past that the oldest GOPs are
//     dropped all the same, and counted as that reader's loss.
//   - A single GOP larger than the bounds (a camera that hardly ever sends a keyframe) loses its beginning; nobody can
//     start in it any more, readers already within go on.
//   - A lossy reader (live) that is further behind than its MaxLag skips to the newest keyframe.
//
// Concurrency: Push, NewReader, Configure, Stats, Expire and Close may be called from anywhere; one Reader belongs to one
// goroutine. A reader that waits is woken through its own channel, and only when there is something for it: with
// Linger it sleeps through single frames and takes them in batches.
package ring

import (
	"sync"
	"time"

	"vigie/services/engine/internal/media"
)

// Config bounds a ring. MaxBytes must be positive.
type Config struct {
	MaxBytes    int64         // payload bytes kept for readers yet to come
	MaxAge      time.Duration // footage kept for readers yet to come; 0: no bound by age
	BudgetBytes int64         // payload bytes it may grow to for a guaranteed reader; at least MaxBytes is used
}

// Stats is a snapshot of a ring.
type Stats struct {
	Frames      int           // held now
	GOPs        int           // held now, the unfinished one included
	Bytes       int64         // payload bytes held now
	Span        time.Duration // since the oldest held GOP began
	Pushed      uint64        // frames pushed so far
	DroppedGOPs uint64        // GOPs (or their remainder) dropped before a guaranteed reader had read them
	Orphans     uint64        // frames refused because no keyframe came before them
}

// Ring is one stream's frames. Make one with New.
type Ring struct {
	cfg   Config
	epoch time.Time // monotonic base of the times below

	mu      sync.Mutex
	buf     []entry // power of two long; the frame of sequence s is at s & (len-1)
	tail    uint64  // sequence of the oldest frame held
	head    uint64  // sequence the next pushed frame gets
	gops    []gop   // oldest first; the last one is still growing
	bytes   int64
	readers []*Reader
	closed  bool
	dropped uint64
	orphans uint64
}

type entry struct {
	frame *media.Frame
	at    time.Duration // when it was pushed, since epoch
}

type gop struct {
	start    uint64 // sequence of its first held frame
	bytes    int64
	at       time.Duration
	headless bool // its beginning is gone: no reader may start here
}

// New returns an empty ring.
func New(cfg Config) *Ring {
	cfg.BudgetBytes = max(cfg.BudgetBytes, cfg.MaxBytes)
	return &Ring{cfg: cfg, epoch: time.Now(), buf: make([]entry, 64)}
}

// Configure changes the bounds; what is held beyond them goes with the next frame.
func (r *Ring) Configure(cfg Config) {
	cfg.BudgetBytes = max(cfg.BudgetBytes, cfg.MaxBytes)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cfg = cfg
}

// Push appends a frame, which nobody may change from now on. A video keyframe begins a GOP; everything else joins the
// GOP begun last. Frames before the first keyframe and after Close are dropped.
func (r *Ring) Push(f *media.Frame) {
	now := time.Since(r.epoch)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	key := f.Keyframe && f.Run.Tracks[f.Track].Codec.IsVideo()
	if len(r.gops) == 0 && !key {
		r.orphans++
		return
	}
	if r.head-r.tail == uint64(len(r.buf)) {
		r.grow()
	}
	r.buf[r.head&uint64(len(r.buf)-1)] = entry{f, now}
	if key {
		r.gops = append(r.gops, gop{start: r.head, at: now})
		for _, rd := range r.readers {
			if rd.seeking {
				rd.next, rd.seeking = r.head, false
			}
		}
	}
	r.head++
	size := int64(len(f.Payload))
	r.bytes += size
	r.gops[len(r.gops)-1].bytes += size
	r.trim(now)
	for _, rd := range r.readers {
		rd.notify()
	}
}

// Expire lets go of GOPs past MaxAge that no guaranteed reader needs, the newest included: for a stream that has stopped.
func (r *Ring) Expire() {
	now := time.Since(r.epoch)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.trim(now)
	if len(r.gops) == 1 && r.cfg.MaxAge > 0 && now-r.last().at > r.cfg.MaxAge && !r.needed(r.head) {
		r.evict()
	}
}

// Close ends the stream: readers get what is left, then io.EOF.
func (r *Ring) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, rd := range r.readers {
		rd.notify()
	}
}

// Stats returns a snapshot.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := Stats{Frames: int(r.head - r.tail), GOPs: len(r.gops), Bytes: r.bytes, Pushed: r.head, DroppedGOPs: r.dropped, Orphans: r.orphans}
	if len(r.gops) > 0 {
		s.Span = time.Since(r.epoch) - r.gops[0].at
	}
	return s
}

// last returns the newest entry; the ring must not be empty.
func (r *Ring) last() entry { return r.buf[(r.head-1)&uint64(len(r.buf)-1)] }

func (r *Ring) grow() {
	bigger := make([]entry, 2*len(r.buf))
	for s := r.tail; s != r.head; s++ {
		bigger[s&uint64(len(bigger)-1)] = r.buf[s&uint64(len(r.buf)-1)]
	}
	r.buf = bigger
}

// needed tells whether a guaranteed reader still has frames before sequence end to read.
func (r *Ring) needed(end uint64) bool {
	for _, rd := range r.readers {
		if rd.cfg.Guaranteed && !rd.seeking && rd.next < end {
			return true
		}
	}
	return false
}

// followed tells whether a lossy reader that is not too far behind still has frames before sequence end to read.
func (r *Ring) followed(end uint64, now time.Duration) bool {
	for _, rd := range r.readers {
		if !rd.cfg.Guaranteed && !rd.seeking && rd.next < end && now-r.buf[rd.next&uint64(len(r.buf)-1)].at <= rd.cfg.MaxLag {
			return true
		}
	}
	return false
}

// trim applies the bounds.
func (r *Ring) trim(now time.Duration) {
	for len(r.gops) > 1 {
		end := r.gops[1]
		old := r.cfg.MaxAge > 0 && now-end.at > r.cfg.MaxAge
		if r.bytes <= r.cfg.MaxBytes && (!old || r.followed(end.start, now)) {
			return
		}
		if r.bytes <= r.cfg.BudgetBytes && r.needed(end.start) {
			return
		}
		r.evict()
	}
	if len(r.gops) == 1 && r.bytes > r.cfg.MaxBytes {
		r.behead()
	}
}

// evict drops the oldest GOP.
func (r *Ring) evict() {
	end := r.head
	if len(r.gops) > 1 {
		end = r.gops[1].start
	}
	r.drop(end)
	copy(r.gops, r.gops[1:])
	r.gops = r.gops[:len(r.gops)-1]
	if len(r.gops) > 0 { // the following GOP begins with its keyframe: only the newest can be headless
		for _, rd := range r.readers {
			rd.seeking = rd.seeking && rd.next != r.gops[0].start
		}
	}
}

// behead shortens the only GOP to half the bound, so that the work is done once in many frames.
func (r *Ring) behead() {
	g := &r.gops[0]
	end, bytes := g.start, r.bytes
	for ; end != r.head-1 && bytes > r.cfg.MaxBytes/2; end++ {
		bytes -= int64(len(r.buf[end&uint64(len(r.buf)-1)].frame.Payload))
	}
	if r.bytes <= r.cfg.BudgetBytes && r.needed(end) {
		return
	}
	g.start, g.bytes, g.headless = end, bytes, true
	r.drop(end)
}

// drop lets go of all frames before sequence end and moves the readers that had not read them.
func (r *Ring) drop(end uint64) {
	for ; r.tail != end; r.tail++ {
		e := &r.buf[r.tail&uint64(len(r.buf)-1)]
		r.bytes -= int64(len(e.frame.Payload))
		e.frame = nil
	}
	for _, rd := range r.readers {
		if rd.next < end {
			if !rd.seeking {
				rd.lost++
				if rd.cfg.Guaranteed {
					r.dropped++
				}
			}
			rd.next, rd.seeking = end, true
		}
	}
}
