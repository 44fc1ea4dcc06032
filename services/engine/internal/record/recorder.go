// Package record turns one stream's frames into segments: it decides which frames are recorded, where a segment begins
// and ends, what a gap is called, and what happens when a disk fails under it. Writing is the archive's.
//
// A recorder is one stream's recording of one kind. Its Schedule says which windows of time are wanted; a window begins
// with the newest keyframe at or before its start, so that its first instant is covered, and ends with the first
// keyframe at or after its end, or, when none comes, overrun later. Both are judged by the frames' own time.
//
// Invariants:
//   - A segment begins with a keyframe and holds frames of one run.
//   - Windows of one recorder share no frame and leave none out between them where they meet; but a GOP longer than
//     overrun in which one ended is recorded from its keyframe on once more when another begins in it.
//   - Every frame that the source gives is written once, in order; twice only where a failed volume may have kept a
//     part of the GOP that is written again elsewhere.
//   - Frames are held until the archive says they are on disk: when a volume fails, the GOPs that it did not confirm
//     are written again to the next one.
//   - While no volume takes a segment, nothing is read: the ring keeps what it can, and only then drops whole GOPs.
//   - Of standard recording each instant in which it does nothing is told to the index: in a window with the cause of
//     there being no frames, between windows as unscheduled. A gap is stored when it ends.
//
// A duplicate is recorded beside another recorder of the same stream and kind, which answers for the footage: it tells no
// gaps, and what no volume takes it leaves out until the next keyframe, so that it never keeps frames in the ring.
//
// Concurrency: Run belongs to one goroutine; State may be called from anywhere. One camera's recorder never waits for
// another's.
package record

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

const (
	// maxLength ends a segment even without a keyframe, so that it stays under index.MaxDurationMs.
	maxLength = 55 * time.Minute
	// tail is how long the last segment stays open for audio that comes after the video it belongs before.
	tail = time.Second
	// maxHeld bounds, in bytes, what is held of a GOP although it is on disk: a camera that hardly ever sends a keyframe
	// must not fill the memory. Past it a failing volume costs the rest of the GOP.
	maxHeld = 32 << 20
	// gapMin is the shortest span without frames that is called a gap. Jitter and a slow camera stay below.
	gapMin = 2 * time.Second

	// knownMin is the same where it is known that frames were left out.
	knownMin = 500 * time.Millisecond

	batch = 64
)

// Source gives frames in order; see ring.Reader. A guaranteed reader of a ring is one.
type Source interface {
	Read(ctx context.Context, dst []*media.Frame) (n, lostGOPs int, err error)
	// Next is the sequence of the frame after those read.
	Next() uint64
	Close()
}

// Segment is a file being written.
type Segment interface {
	// Write takes a frame. It may wait while the disk is behind, but not for ever: a volume that stalls has failed.
	// After an error the segment takes nothing more and ends by itself.
	Write(ctx context.Context, f *media.Frame) error
	// Durable returns how many of the frames given to Write are on disk.
	Durable() int
	// Close ends the segment in the background; its end is that of its last frame.
	Close()
	// Volume is the id of the volume it is on.
	Volume() string
	// Moves tells whether what follows is to go to another volume, from the next keyframe on.
	Moves() bool
}

// Archive is where segments and gaps go.
type Archive interface {
	// Create begins a segment of a run at startNs (UTC) on the volume that suits best. The error is a sentence for
	// people when no volume can take it.
	Create(run *media.Run, kind index.Kind, startNs int64) (Segment, error)
	AddGap(g index.Gap) error
}

// Config is what a recorder needs. All but Before must be set.
type Config struct {
	Camera string
	Stream string
	Kind   index.Kind
	// Duplicate: it is the second recording of its stream and kind.
	Duplicate bool
	// Open returns a source that begins with the newest keyframe held of an instant (UTC) or before, where all are later
	// with the oldest, but with no frame of a sequence before from.
	Open     func(atNs int64, from uint64) Source
	Ended    <-chan struct{} // closed once no more frames will come
	Schedule Schedule
	Limits   func() Limits // asked at each keyframe
	Archive  Archive
	Log      *slog.Logger
	Written  *atomic.Uint64 // counts frames over all recorders: the engine's progress
	// Lost returns how many packets or frames of the stream are known to be missing.
	Lost func() int64
	// Before is the end of the footage before this recorder, and why there was none since.
	Before struct {
		EndMs int64 // 0: none
		Cause index.Cause
	}
}

// Recorder records one stream. Make one with New.
type Recorder struct {
	cfg     Config
	log     *slog.Logger
	stagger stagger

	// Of Run's goroutine.
	seg       Segment // nil: none
	run       *media.Run
	startNs   int64
	bytes     int64
	continues bool           // seg, or the one that comes next, begins where another was cut
	held      []*media.Frame // written to seg and not yet known to be on disk; begins at a keyframe, if not past maxHeld
	heldAt    int            // how many frames of seg came before held
	old       Segment        // ends at startNs; still open for late audio
	oldRun    *media.Run
	endNs     int64 // up to which everything is recorded, or told to be a gap; 0: nothing yet
	cause     index.Cause
	fresh     bool   // no frame was written since the window opened
	waited    bool   // since the last Read, for a volume
	from      uint64 // sequence of the first frame that no window has had
	gop       uint64 // sequence of the newest keyframe

	pictureNs int64 // of the newest picture; 0: none since the last gap
	stepNs    int64 // distance of pictures, smoothed
	lost      int64 // what Lost said at the newest keyframe

	outage outage

	mu    sync.Mutex
	state State
}

// State is what State returns.
type State struct {
	Scheduled bool // a window is open
	Recording bool
	Reason    string // when not recording, why; for people
	Volume    string // id
}

// New returns a recorder that does nothing until Run.
func New(cfg Config) *Recorder {
	r := &Recorder{
		cfg: cfg, log: cfg.Log.With("camera", cfg.Camera, "stream", cfg.Stream, "kind", string(cfg.Kind), "duplicate", cfg.Duplicate),
		stagger: staggerOf(cfg.Camera, cfg.Stream, cfg.Kind),
		endNs:   cfg.Before.EndMs * int64(time.Millisecond),
		cause:   cfg.Before.Cause,
	}
	r.outage = outage{begunNs: time.Now().UnixNano(), before: cfg.Before.Cause, endNs: r.endNs}
	return r
}

// State says how recording goes.
func (r *Recorder) State() State {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *Recorder) setState(s State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = s
}

// frame records one frame; the error is the context's.
func (r *Recorder) frame(ctx context.Context, f *media.Frame) error {
	video := f.Run.Tracks[f.Track].Codec.IsVideo()
	at := f.TimeNs()
	if r.old != nil {
		late := !video && f.Run == r.oldRun && at < r.startNs
		if late {
			return r.writeOld(ctx, f)
		}
		if !video || at >= r.startNs+int64(tail) {
			r.closeOld()
		}
	}
	if r.seg != nil && f.Run != r.run {
		r.end()
	}
	if video && f.Keyframe && r.seg != nil && (r.seg.Moves() || r.cfg.Limits().reached(r.stagger, r.continues, time.Duration(at-r.startNs), r.bytes)) {
		r.cut()
	}
	if r.seg != nil && at-r.startNs > int64(maxLength) {
		r.end() // no keyframe for most of an hour: the rest of the GOP cannot be played alone
	}
	if r.seg == nil {
		if !video || !f.Keyframe {
			return nil
		}
		if err := r.begin(ctx, f); err != nil || r.seg == nil {
			return err
		}
	}
	if at < r.startNs {
		return nil // audio from before the first picture of a run, or pictures that build on an earlier GOP
	}
	r.picture(f, video)
	return r.write(ctx, f)
}
