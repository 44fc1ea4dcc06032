// Package record turns one stream's frames into segments: it decides where a segment begins and ends, what a gap is
// called, and what happens when a disk fails under it. Writing is the archive's.
//
// Invariants:
//   - A segment begins with a keyframe and holds frames of one run.
//   - Every frame that the source gives is written once, in order; twice only where a failed volume may have kept a
//     part of the GOP that is written again elsewhere.
//   - Frames are held until the archive says they are on disk: when a volume fails, the GOPs that it did not confirm
//     are written again to the next one.
//   - While no volume takes a segment, nothing is read: the ring keeps what it can, and only then drops whole GOPs.
//   - A span without frames is indexed as a gap with its cause as soon as footage resumes.
//
// Concurrency: Run belongs to one goroutine; State may be called from anywhere. One camera's recorder never waits for
// another's.
package record

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
)

const (
	// Length is how long a segment becomes before the next keyframe ends it, give or take the camera's stagger.
	Length = 5 * time.Minute
	// maxBytes ends a segment early: no file of a high-rate camera becomes unwieldy.
	maxBytes = 1 << 30
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

// Source gives frames in order; see ring.Reader.Read. A guaranteed reader of a ring is one.
type Source interface {
	Read(ctx context.Context, dst []*media.Frame) (n, lostGOPs int, err error)
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
	Camera  string
	Stream  string
	Kind    index.Kind
	Source  Source
	Archive Archive
	Log     *slog.Logger
	Written *atomic.Uint64 // counts frames over all recorders: the engine's progress
	// Offline tells whether the camera was without a picture since the last call: it makes the cause of a gap.
	Offline func() bool
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
	stagger time.Duration

	// Of Run's goroutine.
	seg     Segment // nil: none
	run     *media.Run
	startNs int64
	bytes   int64
	held    []*media.Frame // written to seg and not yet known to be on disk; begins at a keyframe, if not past maxHeld
	heldAt  int            // how many frames of seg came before held
	old     Segment        // ends at startNs; still open for late audio
	oldRun  *media.Run
	endNs   int64 // of the newest frame written; 0: none yet
	cause   index.Cause
	waited  bool // since the last Read, for a volume

	pictureNs int64 // of the newest picture; 0: none since the last gap
	stepNs    int64 // distance of pictures, smoothed
	lost      int64 // what Lost said at the newest keyframe

	outage outage

	mu    sync.Mutex
	state State
}

// State is what State returns.
type State struct {
	Recording bool
	Reason    string // when not recording, why; for people
	Volume    string // id
}

// New returns a recorder that does nothing until Run.
func New(cfg Config) *Recorder {
	h := fnv.New32a()
	_, _ = io.WriteString(h, cfg.Camera+cfg.Stream)
	r := &Recorder{
		cfg: cfg, log: cfg.Log.With("camera", cfg.Camera, "stream", cfg.Stream),
		// Segments of many cameras that started together must not end together: each ends up to a tenth earlier.
		stagger: time.Duration(h.Sum32()) % (Length / 10),
		endNs:   cfg.Before.EndMs * int64(time.Millisecond),
		cause:   cfg.Before.Cause,
	}
	r.outage = outage{begunNs: time.Now().UnixNano(), before: cfg.Before.Cause, endNs: r.endNs}
	r.state.Reason = "Waiting for the camera's first picture."
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

// Run records until the source ends (nil) or the context does (its error). Open segments are closed on the way out.
func (r *Recorder) Run(ctx context.Context) error {
	defer func() {
		r.closeOld()
		r.end()
		r.setState(State{Reason: "Recording has been stopped."})
	}()
	frames := make([]*media.Frame, batch)
	for {
		r.outage.reached(r.endNs)
		n, lost, err := r.cfg.Source.Read(ctx, frames)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if lost > 0 {
			r.log.Warn("footage left out: the ring was full", "gops", lost)
			r.end()
			if r.waited {
				r.blame(index.Disk)
			} else {
				r.blame(index.Overload)
			}
		}
		r.waited = false
		for _, f := range frames[:n] {
			if err := r.frame(ctx, f); err != nil {
				return err
			}
		}
		clear(frames[:n])
		r.confirm()
	}
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
	if video && f.Keyframe && r.seg != nil && r.full(at) {
		r.cut()
	}
	if r.seg != nil && at-r.startNs > int64(maxLength) {
		r.end() // no keyframe for most of an hour: the rest of the GOP cannot be played alone
	}
	if r.seg == nil {
		if !video || !f.Keyframe {
			return nil
		}
		if err := r.begin(ctx, f); err != nil {
			return err
		}
	}
	if at < r.startNs {
		return nil // audio from before the first picture of a run, or pictures that build on an earlier GOP
	}
	r.picture(f, video)
	return r.write(ctx, f)
}

// full tells whether a keyframe at an instant ends the segment.
func (r *Recorder) full(at int64) bool {
	return at-r.startNs >= int64(Length-r.stagger) || r.bytes >= maxBytes
}

// begin opens a segment at a keyframe, however long it takes to find a volume; the error is the context's.
func (r *Recorder) begin(ctx context.Context, f *media.Frame) error {
	pause := 200 * time.Millisecond
	for {
		seg, err := r.cfg.Archive.Create(f.Run, r.cfg.Kind, f.TimeNs())
		if err == nil {
			r.gap(f.TimeNs())
			r.seg, r.run, r.startNs, r.bytes = seg, f.Run, f.TimeNs(), 0
			r.held, r.heldAt = r.held[:0], 0
			r.setState(State{Recording: true, Volume: seg.Volume()})
			r.outage.waitsFor("")
			return nil
		}
		r.outage.waitsFor(index.Disk)
		if s := r.State(); s.Recording || s.Reason != err.Error() {
			r.log.Error("cannot record", "err", err)
			r.setState(State{Reason: err.Error()})
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
		r.seg = nil
		first := 0
		for first < len(r.held) && !keyframe(r.held[first]) {
			first++
		}
		again = append([]*media.Frame(nil), r.held[first:]...)
		if len(again) == 0 { // nothing that could be played alone: the next keyframe begins a segment
			clear(r.held)
			r.held, r.heldAt = r.held[:0], 0
			r.setState(State{Reason: "A disk failed; waiting for the camera's next keyframe."})
			return nil
		}
		// The archive ends the failed segment by itself. What it did not confirm comes again from here.
		if err := r.begin(ctx, again[0]); err != nil {
			return err
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
	r.seg = nil
	if len(r.run.Tracks) == 1 {
		r.closeOld()
	}
}

// end closes the segment.
func (r *Recorder) end() {
	r.closeOld()
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
