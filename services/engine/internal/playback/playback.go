// Package playback answers the operations `getMedia` and `getKeyframe` of internal/api/openapi.yaml: recorded footage from
// an instant on, as fragmented MP4 that a browser decodes or appends to a SourceBuffer, or of pictures that are made of it
// for one that cannot; and single keyframes.
//
// One answer of media is a run of whole GOPs without a break: it goes on over the border of two segments when their formats
// are equal and nothing is missing between them, and ends where the asked-for time is covered, at a gap, at a change of
// format, or after maxBytes. What is still being written counts as far as it is on disk; the last, unfinished GOP of it
// is given only when there is nothing else to give, so that asking again from Vigie-End-Ms always makes progress.
//
// Where an answer begins and ends, which its headers tell, is planned from the places of keyframes alone; then it is read
// and sent GOP by GOP, so that the first one is on its way before the second is read, and an answer holds two GOPs in
// memory however long it is. Files that have vanished or are damaged are passed over; damage found on the way ends the
// answer early, and asking again from Vigie-End-Ms goes on behind it.
//
// It reads only. ServeHTTP and ServeKeyframe may be called from many goroutines.
package playback

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/fmp4"
	"vigie/services/engine/internal/media"
)

const (
	maxBytes     = 16 << 20 // of one answer, in whole GOPs
	maxPieces    = 16       // segments of one answer, which are open at a time
	maxAnswers   = 16       // sent at a time, which bounds memory and descriptors; others wait
	maxKeyframes = 16       // the same for single keyframes
	lookahead    = 64
	writeTimeout = 20 * time.Second // for the client to take a GOP
)

// Footage is one recorded segment.
type Footage struct {
	ID      string
	StartMs int64 // UTC of the first frame
	EndMs   int64 // UTC of the end of the last frame that is on disk
}

// File is an open segment. Size is how many bytes of it are on disk; what a reader sees beyond may be torn.
type File interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Archive is where footage is found.
type Archive interface {
	// Footage returns the segments of a stream that overlap [fromMs, toMs), the running one included, in order of
	// start, limit at most.
	Footage(camera, stream string, fromMs, toMs int64, limit int) ([]Footage, error)
	// Before returns the segments of a stream that start at or before an instant, the newest first, limit at most.
	Before(camera, stream string, atMs int64, limit int) ([]Footage, error)
	// Open opens a segment of Footage.
	Open(id string) (File, error)
}

// Decoder makes pictures of what a client cannot decode. Errors for people are an *answer.Problem.
type Decoder interface {
	// Still makes a JPEG of a keyframe, at most so wide; 0: as wide as it is.
	Still(ctx context.Context, f *media.Frame, width int) ([]byte, error)
	// Convert begins to make Motion JPEG of footage of a run and of others of its format.
	Convert(ctx context.Context, run *media.Run) (Conversion, error)
}

// Conversion makes Motion JPEG of footage. Close it.
type Conversion interface {
	// Run is that of the pictures.
	Run() *media.Run
	// Do takes GOPs from next until there are no more, and hands over pictures and sound to give, with the ticks of the
	// picture after them (0: none).
	Do(next func() ([]*media.Frame, error), give func(frames []*media.Frame, nextTicks int64) error) error
	Close()
}

// Playback answers requests. Make one with New.
type Playback struct {
	archive  Archive
	decoder  Decoder
	log      *slog.Logger
	answers  chan struct{}
	pictures chan struct{}
	patience time.Duration // for the client to take a GOP
}

// New returns a Playback.
func New(archive Archive, decoder Decoder, log *slog.Logger) *Playback {
	return &Playback{archive: archive, decoder: decoder, log: log, answers: make(chan struct{}, maxAnswers), pictures: make(chan struct{}, maxKeyframes), patience: writeTimeout}
}

// ServeHTTP answers one request for a camera's footage.
func (p *Playback) ServeHTTP(w http.ResponseWriter, r *http.Request, camera string) {
	if err := p.serve(w, r, camera); err != nil && r.Context().Err() == nil {
		answer.Fail(w, err)
	}
}

// enter takes one of a number of places, and returns what gives it back.
func enter(ctx context.Context, places chan struct{}) (leave func(), err error) {
	select {
	case places <- struct{}{}:
		return func() { <-places }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *Playback) serve(w http.ResponseWriter, r *http.Request, camera string) error {
	q, err := parseQuery(r, camera)
	if err != nil {
		return err
	}
	leave, err := enter(r.Context(), p.answers)
	if err != nil {
		return err
	}
	defer leave()
	c, err := p.find(r.Context(), q)
	if err != nil {
		return err
	}
	if c == nil {
		e := answer.Refuse(http.StatusNotFound, "no_footage", "Nothing is recorded at or after this time yet.")
		e.Detail.RetryAfterMs = 1000
		return e
	}
	defer c.close()
	run, send := c.gop[0].Run, c.send
	if q.pictures && run.Tracks[c.gop[0].Track].Codec != media.MJPEG {
		made, err := p.decoder.Convert(r.Context(), run)
		if err != nil {
			return err
		}
		defer made.Close()
		run, send = made.Run(), func(w io.Writer, mux *fmp4.Muxer) error { return c.convert(w, mux, made) }
	}
	mux, init, err := muxer(run)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Cache-Control", "no-store")
	h.Set("Vigie-Mime", mux.Mime())
	setMs(h, "Vigie-Start-Ms", floorMs(c.gop[0].TimeNs()))
	setMs(h, "Vigie-End-Ms", c.endMs)
	if c.nextMs > 0 {
		setMs(h, "Vigie-Next-Ms", c.nextMs)
	}
	out := &patient{w: w, control: http.NewResponseController(w), patience: p.patience}
	defer out.done()
	if _, err := out.Write(init); err != nil {
		return nil // the client is gone
	}
	if err := send(out, mux); err != nil && r.Context().Err() == nil {
		p.log.Warn("answer ends early", "camera", camera, "err", err)
	}
	return nil
}

// muxer prepares to write a run; the error is for the client.
func muxer(run *media.Run) (*fmp4.Muxer, []byte, error) {
	mux, err := fmp4.Options{JPEG: true}.NewMuxer(run)
	if u := new(fmp4.UnplayableError); errors.As(err, &u) {
		return nil, nil, answer.Refuse(http.StatusUnprocessableEntity, "bad_codec", u.Error())
	} else if err != nil {
		return nil, nil, answer.Refuse(http.StatusUnprocessableEntity, "bad_codec", "This recording cannot be shown in a browser. Download it instead.")
	}
	init, err := mux.Init()
	if err != nil {
		return nil, nil, fmt.Errorf("initialisation segment: %w", err)
	}
	return mux, init, nil
}

func setMs(h http.Header, name string, ms int64) { h.Set(name, strconv.FormatInt(ms, 10)) }

// patient gives the client so long for each write: one that takes nothing must not keep others from playing.
type patient struct {
	w        io.Writer
	control  *http.ResponseController
	patience time.Duration
}

func (p *patient) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(p.patience)) // a recorder of tests has none
	return p.w.Write(b)
}

// done frees the connection for its next request.
func (p *patient) done() {
	if f := p.control.Flush(); f == nil {
		_ = p.control.SetWriteDeadline(time.Time{})
	}
}

// find returns the answer to q, its first GOP read; nil: there is nothing.
func (p *Playback) find(ctx context.Context, q query) (*collection, error) {
	from := q.fromMs
	for {
		found, err := p.archive.Footage(q.camera, q.stream, from, math.MaxInt64/int64(time.Millisecond), lookahead)
		if err != nil {
			return nil, fmt.Errorf("look up footage: %w", err)
		}
		segments := outermost(found)
		for i := range segments {
			if i+1 < len(segments) && segments[i+1].StartMs <= q.fromMs {
				continue // what is asked for is in a later one; segments may overlap by a little
			}
			c, err := p.begin(ctx, q, segments[i:])
			if c != nil || err != nil {
				return c, err
			}
		}
		if len(found) < lookahead {
			return nil, nil
		}
		next := found[len(found)-1].EndMs
		if next <= from {
			return nil, errors.New("footage that does not go on")
		}
		from = next
	}
}

// begin plans an answer that begins in the first of segments, and reads its first GOP; nil: it has nothing.
func (p *Playback) begin(ctx context.Context, q query, segments []Footage) (*collection, error) {
	c := &collection{fromNs: q.fromMs * int64(time.Millisecond), untilNs: q.untilMs * int64(time.Millisecond)}
	if start := segments[0].StartMs * int64(time.Millisecond); start > c.fromNs { // fromMs lies in a gap
		c.untilNs += start - c.fromNs
		c.fromNs = start
	}
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for j := 0; j < len(segments) && !c.over; j++ {
			if err := p.plan(c, segments[j:]); err != nil {
				p.log.Warn("segment passed over", "camera", q.camera, "segment", segments[j].ID, "err", err)
				break
			}
		}
		if !c.finish(q.fromMs, segments) {
			c.close()
			return nil, nil
		}
		err := c.read()
		if err == nil && len(c.gop) > 0 {
			if c.tail && !c.endOfTail(q.fromMs) {
				c.close()
				return nil, nil
			}
			return c, nil
		}
		c.close()
		p.log.Warn("footage passed over", "camera", q.camera, "segment", segments[0].ID, "err", err)
		if len(c.pieces) == 0 || c.pieces[0].secondNs == 0 {
			return nil, nil
		}
		// What is damaged is where it begins: behind that it may be whole.
		c = &collection{fromNs: c.pieces[0].secondNs, untilNs: max(c.untilNs, c.pieces[0].secondNs+1)}
	}
}

// outermost leaves out segments that lie wholly within another, given in order of start: what was recorded on alarm while
// the stream was recorded anyhow is there twice.
func outermost(list []Footage) []Footage {
	out := make([]Footage, 0, len(list))
	for i, s := range list {
		within := slices.ContainsFunc(out, func(o Footage) bool { return o.EndMs >= s.EndMs }) || // they start no later
			slices.ContainsFunc(list[i+1:], func(o Footage) bool { return o.StartMs == s.StartMs && o.EndMs > s.EndMs })
		if !within {
			out = append(out, s)
		}
	}
	return out
}

func floorMs(ns int64) int64 { return ns / int64(time.Millisecond) }

func ceilMs(ns int64) int64 { return (ns + int64(time.Millisecond) - 1) / int64(time.Millisecond) }
