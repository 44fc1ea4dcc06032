package playback

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"vigie/internal/answer"
	"vigie/services/engine/internal/media"
)

// ServeKeyframe answers one request for a single keyframe.
func (p *Playback) ServeKeyframe(w http.ResponseWriter, r *http.Request, camera string) {
	if err := p.serveKeyframe(w, r, camera); err != nil && r.Context().Err() == nil {
		answer.Fail(w, err)
	}
}

func (p *Playback) serveKeyframe(w http.ResponseWriter, r *http.Request, camera string) error {
	q, err := parsePicture(r, camera)
	if err != nil {
		return err
	}
	leave, err := enter(r.Context(), p.pictures)
	if err != nil {
		return err
	}
	defer leave()
	k, err := p.keyframe(r.Context(), q)
	if err != nil {
		return err
	}
	kind, name, body, err := p.encode(r.Context(), k.frame, q)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if name != "" {
		h.Set("Vigie-Mime", name)
	}
	setMs(h, "Vigie-Start-Ms", floorMs(k.frame.TimeNs()))
	setMs(h, "Vigie-End-Ms", k.endMs)
	h.Set("Vigie-Skipped", strconv.Itoa(k.skipped))
	out := &patient{w: w, control: http.NewResponseController(w), patience: p.patience}
	defer out.done()
	_, _ = out.Write(body) // the client may be gone
	return nil
}

// encode puts a keyframe into the form that was asked for; a JPEG is one.
func (p *Playback) encode(ctx context.Context, f *media.Frame, q picture) (kind, name string, body []byte, err error) {
	t := &f.Run.Tracks[f.Track]
	annexB := q.format == "annexb"
	switch {
	case t.Codec == media.MJPEG:
		return "image/jpeg", "", f.Payload, nil
	case q.format == "jpeg":
		body, err = p.decoder.Still(ctx, f, q.width)
		return "image/jpeg", "", body, err
	case annexB && t.Codec.HasNALUs():
		body, err = annexBOf(t, f.Payload)
		return "application/octet-stream", "", body, err
	case annexB:
		return "", "", nil, answer.Refuse(http.StatusUnprocessableEntity, "bad_codec", fmt.Sprintf("%s has no Annex B form; ask without format.", t.Codec))
	}
	alone := *f.Run // sound would only be announced
	alone.Tracks = []media.Track{*t}
	mux, init, err := muxer(&alone)
	if err != nil {
		return "", "", nil, err
	}
	g := *f
	g.Run, g.Track = &alone, 0
	return "video/mp4", mux.Mime(), mux.Fragment(init, []*media.Frame{&g}, 0), nil
}

// annexBOf writes parameter sets and a payload of length-prefixed NAL units with start codes (ITU-T H.264 and H.265,
// annex B).
func annexBOf(t *media.Track, payload []byte) ([]byte, error) {
	var out []byte
	add := func(n []byte) {
		if len(n) > 0 {
			out = append(append(out, 0, 0, 0, 1), n...)
		}
	}
	for _, n := range append([][]byte{t.VPS, t.SPS, t.PPS}, t.MoreSets...) {
		add(n)
	}
	for len(payload) > 0 {
		if len(payload) < 4 {
			return nil, errors.New("payload ends within a NAL unit")
		}
		n := int(binary.BigEndian.Uint32(payload))
		if n > len(payload)-4 {
			return nil, errors.New("payload ends within a NAL unit")
		}
		add(payload[4 : 4+n])
		payload = payload[4+n:]
	}
	return out, nil
}

// still is a keyframe that was found.
type still struct {
	frame   *media.Frame
	endMs   int64 // how long it is the last one
	skipped int   // how many keyframes were really passed
}

// keyframe finds the last keyframe at or before q.atMs, and from there the one so many further.
func (p *Playback) keyframe(ctx context.Context, q picture) (*still, error) {
	// A keyframe within the asked-for millisecond counts: so Vigie-Start-Ms, which is rounded down, asked for gives the same.
	atNs := q.atMs*int64(time.Millisecond) + int64(time.Millisecond) - 1
	w := &walk{p: p, ctx: ctx, camera: q.camera, stream: q.stream}
	defer w.close()
	skipped, err := w.back(atNs, max(-q.skip, 0))
	if err != nil {
		return nil, err
	}
	if w.points == nil {
		return nil, p.nothingBefore(q)
	}
	if q.skip > 0 {
		if skipped, err = w.forward(q.skip); err != nil {
			return nil, err
		}
	}
	f, err := w.segment.Keyframe(w.points[w.at])
	if err != nil {
		return nil, err
	}
	k := &still{frame: f, endMs: w.footage.EndMs, skipped: skipped}
	if w.at+1 < len(w.points) {
		k.endMs = ceilMs(w.points[w.at+1].Ns)
	}
	k.endMs = max(k.endMs, floorMs(f.TimeNs())+1)
	return k, nil
}

// nothingBefore says what there is instead.
func (p *Playback) nothingBefore(q picture) error {
	list, err := p.archive.Footage(q.camera, q.stream, q.atMs, math.MaxInt64/int64(time.Millisecond), 1)
	if err != nil {
		return fmt.Errorf("look up footage: %w", err)
	}
	if len(list) == 0 {
		return answer.Refuse(http.StatusNotFound, "no_footage", "Nothing is recorded of this stream at or before this time.")
	}
	begin := time.UnixMilli(list[0].StartMs).UTC().Format("2006-01-02 15:04:05 UTC")
	return answer.Refuse(http.StatusNotFound, "no_footage", "Nothing is recorded of this stream at or before this time; its recordings begin at "+begin+".")
}
