package ingest

import (
	"bytes"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mpeg4"
)

// mpeg4Video turns RTP packets of MPEG-4 part 2 (RFC 6416 §5) into units. A payload is a piece of the elementary stream;
// all of a VOP, and the headers before it, have one time stamp, and the last piece the marker. Small VOPs may share a
// packet: its time stamp is that of the earliest, and how much later the others are shown they say themselves. It keeps
// the promises of type video.
type mpeg4Video struct {
	flow
	orderer
	buf     []byte // the pictures in hand
	headers []byte // came without a picture: they belong to the next
	config  []byte // in force
	offered []byte // the last seen
	tracks  []media.Track
	waitKey bool
	openGOP bool // no reference has followed the keyframe with which decoding began: B-VOPs build on what is not there
	begun   bool // a picture has been delivered
	times   mpeg4.Clock
	offset  int64 // of RTP time from that of the pictures, as of the last packet
	timed   bool  // offset is known
}

func newMPEG4(f *format.MPEG4Video) *mpeg4Video {
	v := &mpeg4Video{offered: mpeg4.Config(f.Config), waitKey: true}
	v.times.Time(v.offered, 90000) // how pictures count
	return v
}

// hold does nothing: payloads are copied as they come.
func (v *mpeg4Video) hold() {}

func (v *mpeg4Video) packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit)) {
	torn, over, skip := v.enter(pkt)
	if torn {
		v.tear(pkt.Timestamp)
		skip = !beginsPicture(pkt.Payload)
		v.skip = skip
	}
	if over {
		v.finish(arrival, deliver)
	}
	if skip || len(pkt.Payload) == 0 {
		return
	}
	if !v.open {
		if !beginsPicture(pkt.Payload) { // joined in the middle of a picture
			v.leave(pkt.Timestamp)
			return
		}
		v.open, v.ts, v.buf = true, pkt.Timestamp, v.buf[:0]
	}
	if len(v.buf)+len(pkt.Payload) > maxPicture {
		v.lost++
		v.tear(pkt.Timestamp)
		return
	}
	v.buf = append(v.buf, pkt.Payload...)
	if pkt.Marker {
		v.finish(arrival, deliver)
	}
}

// beginsPicture tells whether a payload begins with a start code, as a picture or its headers do. RFC 6416 §5.1 has
// start codes at the beginning of a payload.
func beginsPicture(b []byte) bool { return bytes.HasPrefix(b, []byte{0, 0, 1}) }

// tear gives up all pictures up to the next keyframe.
func (v *mpeg4Video) tear(ts uint32) {
	v.leave(ts)
	v.waitKey, v.headers = true, nil
}

// finish takes what is in hand as complete.
func (v *mpeg4Video) finish(arrival time.Duration, deliver func(unit)) {
	v.open = false
	parts := mpeg4.Pictures(v.buf)
	for i, pts := range v.place(parts) {
		v.take(parts[i], pts, arrival, deliver)
	}
}

// place tells when the pictures of one time stamp are shown.
func (v *mpeg4Video) place(parts [][]byte) []int64 {
	pts, own := make([]int64, len(parts)), make([]int64, len(parts))
	stamp := v.clock.unwrap(v.ts)
	known := true
	for i, p := range parts {
		var ok bool
		own[i], ok = v.times.Time(p, 90000)
		known = known && ok
		pts[i] = stamp
	}
	switch {
	case !known && mpeg4.Picture(parts[0]) == mpeg4.None: // headers alone
		return pts
	case !known:
		v.timed = false
		return pts
	}
	offset := stamp - slices.Min(own)
	if first := stamp - own[0]; v.timed && apart(first, v.offset) < apart(offset, v.offset) {
		offset = first // GStreamer's time stamp is that of the first sent, where B-VOPs follow that are shown before it
	}
	v.offset, v.timed = offset, true
	if slices.Max(own)-slices.Min(own) > 90000 { // nonsense
		return pts
	}
	for i := range own {
		pts[i] = own[i] + offset
	}
	return pts
}

func apart(a, b int64) int64 { return max(a-b, b-a) }

// take takes a picture with its headers, or headers alone.
func (v *mpeg4Video) take(b []byte, pts int64, arrival time.Duration, deliver func(unit)) {
	kind := mpeg4.Picture(b)
	if c := mpeg4.Config(b); c != nil {
		v.offered = c
	}
	if kind == mpeg4.None {
		if len(v.headers)+len(b) <= 1<<16 {
			v.headers = append(v.headers, b...)
		}
		return
	}
	payload := append(append(make([]byte, 0, len(v.headers)+len(b)), v.headers...), b...)
	v.headers = nil
	key := kind == mpeg4.Intra
	switch {
	case key && !v.adopt(), v.waitKey && !key:
		v.waitKey = true
		if v.begun {
			v.lost++
		}
		return
	case v.waitKey:
		v.openGOP = true
	case v.openGOP && kind == mpeg4.Bipredicted:
		return
	default:
		v.openGOP = false
	}
	v.waitKey, v.begun = false, true
	deliver(pictureUnit(key, pts, v.order(pts, kind == mpeg4.Bipredicted), arrival, payload, v.tracks))
}

// adopt puts the offered headers in force. It returns false when there are none that make sense.
func (v *mpeg4Video) adopt() bool {
	if v.tracks != nil && bytes.Equal(v.offered, v.config) {
		return true
	}
	w, h, err := mpeg4.Size(v.offered)
	if err != nil {
		return false
	}
	v.config = v.offered
	v.tracks = []media.Track{{Codec: media.MPEG4, ClockRate: 90000, Config: v.config, Width: w, Height: h}}
	return true
}
