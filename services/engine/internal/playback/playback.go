// Package playback answers the operation `getMedia` of internal/api/openapi.yaml: recorded footage from an instant on, as
// fragmented MP4 that a browser appends to a SourceBuffer.
//
// One answer is a run of whole GOPs without a break: it goes on over the border of two segments when their formats are
// equal and nothing is missing between them, and ends where the asked-for time is covered, at a gap, at a change of
// format, or after maxBytes. What is still being written counts as far as it is on disk; the last, unfinished GOP of it
// is given only when there is nothing else to give, so that asking again from Vigie-End-Ms always makes progress.
//
// The answer is collected before its first byte is sent, as its headers tell its end: hence the bound on its size and on
// the number of answers at a time. Files that have vanished or are damaged are passed over.
//
// It reads only. ServeHTTP may be called from many goroutines.
package playback

import (
	"cmp"
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
	defaultDuration = 10_000 // ms
	maxDuration     = 60_000 // ms
	maxBytes        = 16 << 20
	maxAnswers      = 8 // collected at a time, which bounds memory; others wait
	lookahead       = 64
	writeTimeout    = 20 * time.Second // for the client to take a GOP
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
	// Open opens a segment of Footage.
	Open(id string) (File, error)
}

// Playback answers requests. Make one with New.
type Playback struct {
	archive  Archive
	log      *slog.Logger
	slots    chan struct{}
	patience time.Duration // for the client to take a GOP
}

// New returns a Playback.
func New(archive Archive, log *slog.Logger) *Playback {
	return &Playback{archive: archive, log: log, slots: make(chan struct{}, maxAnswers), patience: writeTimeout}
}

// ServeHTTP answers one request for a camera's footage.
func (p *Playback) ServeHTTP(w http.ResponseWriter, r *http.Request, camera string) {
	if err := p.serve(w, r, camera); err != nil && r.Context().Err() == nil {
		answer.Fail(w, err)
	}
}

func (p *Playback) serve(w http.ResponseWriter, r *http.Request, camera string) error {
	q, err := parseQuery(r, camera)
	if err != nil {
		return err
	}
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-r.Context().Done():
		return r.Context().Err()
	}
	c, err := p.collect(r.Context(), q)
	if err != nil {
		return err
	}
	if c == nil {
		e := answer.Refuse(http.StatusNotFound, "no_footage", "Nothing is recorded at or after this time yet.")
		e.Detail.RetryAfterMs = 1000
		return e
	}
	first := c.frames[0]
	mux, err := fmp4.NewMuxer(first.Run)
	if u := new(fmp4.UnplayableError); errors.As(err, &u) {
		return answer.Refuse(http.StatusUnprocessableEntity, "bad_codec", u.Error())
	} else if err != nil {
		return answer.Refuse(http.StatusUnprocessableEntity, "bad_codec", "This recording cannot be shown in a browser. Download it instead.")
	}
	init, err := mux.Init()
	if err != nil {
		return fmt.Errorf("initialisation segment: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "video/mp4")
	h.Set("Cache-Control", "no-store")
	h.Set("Vigie-Mime", mux.Mime())
	h.Set("Vigie-Start-Ms", strconv.FormatInt(floorMs(first.TimeNs()), 10))
	h.Set("Vigie-End-Ms", strconv.FormatInt(c.endMs, 10))
	if c.nextMs > 0 {
		h.Set("Vigie-Next-Ms", strconv.FormatInt(c.nextMs, 10))
	}
	out := &patient{w: w, control: http.NewResponseController(w), patience: p.patience}
	defer out.done()
	if _, err := out.Write(init); err != nil {
		return nil // the client is gone
	}
	return write(out, mux, c.frames)
}

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

// write sends frames, a fragment for each GOP.
func write(w io.Writer, mux *fmp4.Muxer, frames []*media.Frame) error {
	var buf []byte
	for len(frames) > 0 {
		n := 1
		for n < len(frames) && !(frames[n].Keyframe && frames[n].Track == frames[n].Run.Video()) {
			n++
		}
		next := int64(0)
		if n < len(frames) {
			next = onRun(frames[n], mux.Run())
		}
		if frames[0].Run != mux.Run() {
			mux.Switch(frames[0].Run)
			if n < len(frames) {
				next = onRun(frames[n], mux.Run())
			}
		}
		buf = mux.Fragment(buf[:0], frames[:n], next)
		if _, err := w.Write(buf); err != nil {
			return nil // the client is gone; the answer had begun
		}
		frames = frames[n:]
	}
	return nil
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

// query is a checked request.
type query struct {
	camera, stream  string
	fromMs, untilMs int64
}

func parseQuery(r *http.Request, camera string) (query, error) {
	v := r.URL.Query()
	from, err := strconv.ParseInt(v.Get("fromMs"), 10, 64)
	if err != nil || from < 0 || from > math.MaxInt64/int64(time.Millisecond)-maxDuration {
		return query{}, answer.Field("fromMs", "bad_time", "fromMs must be an instant in milliseconds since 1970 in UTC.")
	}
	duration := int64(defaultDuration)
	if s := v.Get("durationMs"); s != "" {
		if duration, err = strconv.ParseInt(s, 10, 64); err != nil || duration < 1 || duration > maxDuration {
			return query{}, answer.Field("durationMs", "bad_duration", "durationMs must be between 1 and 60000.")
		}
	}
	stream := cmp.Or(v.Get("stream"), "main")
	if len(stream) > 16 || slices.ContainsFunc([]byte(stream), func(c byte) bool { return (c < '0' || c > '9') && (c < 'a' || c > 'z') }) {
		return query{}, answer.Field("stream", "bad_stream", "There is no such stream; main is the usual one.")
	}
	return query{camera: camera, stream: stream, fromMs: from, untilMs: from + duration}, nil
}

// collect reads what answers q; nil: there is nothing.
func (p *Playback) collect(ctx context.Context, q query) (*collection, error) {
	from := q.fromMs
	for {
		found, err := p.archive.Footage(q.camera, q.stream, from, math.MaxInt64/int64(time.Millisecond), lookahead)
		if err != nil {
			return nil, fmt.Errorf("look up footage: %w", err)
		}
		segments := outermost(found)
		for i := range segments {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if i+1 < len(segments) && segments[i+1].StartMs <= q.fromMs {
				continue // what is asked for is in a later one; segments may overlap by a little
			}
			c := &collection{fromNs: q.fromMs * int64(time.Millisecond), untilNs: q.untilMs * int64(time.Millisecond)}
			if start := segments[i].StartMs * int64(time.Millisecond); start > c.fromNs { // fromMs lies in a gap
				c.untilNs += start - c.fromNs
				c.fromNs = start
			}
			for j := i; j < len(segments) && !c.over; j++ {
				if err := p.read(c, segments[j:]); err != nil {
					p.log.Warn("segment passed over", "camera", q.camera, "segment", segments[j].ID, "err", err)
					break
				}
			}
			if c.finish(q.fromMs, segments[i:]) {
				return c, nil
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
