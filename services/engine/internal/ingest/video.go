package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

const (
	// maxHeld bounds the NAL units kept for the picture that they precede.
	maxHeld = 32
	// maxExtractorFailures is how many GOPs in a row may break for their order of pictures before order is taken from
	// the time stamps alone.
	maxExtractorFailures = 3
)

// video turns RTP packets of one video format into units. It delivers only pictures that a decoder can decode given
// those delivered before, and begins with a keyframe. Whatever is broken is left out up to the next keyframe.
type video struct {
	codec  media.Codec
	format format.Format
	audio  *media.Track // joins the video track in units' tracks; nil: none

	decode func(*rtp.Packet) ([][]byte, error)
	seq    sequence
	clock  unwrapper

	open   bool   // the decoder holds part of an access unit
	openTS uint32 // its RTP time
	skip   bool   // packets of time skipTS belong to a torn access unit
	skipTS uint32

	params   parameters // in force
	tracks   []media.Track
	offered  parameters // the last seen, in force from the next keyframe on
	held     [][]byte   // NAL units that came without a picture
	waitKey  bool
	skipRASL bool

	extract    func(au [][]byte, pts int64) (int64, error)
	failures   int
	timesOnly  bool // decode time equals presentation time: the extractor cannot cope with this camera
	lastDTS    int64
	haveDTS    bool
	lost       int64 // packets and access units known to be missing, since the last call of takeLost
	seenPacket bool
}

// newVideo takes over the format's parameter sets from the session description, which may have none or stale ones.
func newVideo(f format.Format, audio *media.Track) (*video, error) {
	v := &video{format: f, audio: audio, waitKey: true}
	switch f := f.(type) {
	case *format.H264:
		v.codec = media.H264
		v.offered = parameters{sps: f.SPS, pps: f.PPS}
	case *format.H265:
		v.codec = media.H265
		v.offered = parameters{vps: f.VPS, sps: f.SPS, pps: f.PPS}
	}
	for _, p := range []*[]byte{&v.offered.vps, &v.offered.sps, &v.offered.pps} {
		if len(*p) == 0 {
			*p = nil
		}
	}
	return v, v.resetDecoder()
}

// resetDecoder forgets what the RTP decoder holds of an access unit.
func (v *video) resetDecoder() error {
	v.open = false
	switch f := v.format.(type) {
	case *format.H264:
		d, err := f.CreateDecoder()
		if err != nil {
			return &Fault{Code: "bad_codec", Reason: "The camera packs its H.264 video in a way that is not supported (packetization mode 2).", Err: err}
		}
		v.decode = d.Decode
	case *format.H265:
		d, err := f.CreateDecoder()
		if err != nil {
			return &Fault{Code: "bad_codec", Reason: "The camera packs its H.265 video in a way that is not supported (interleaved mode).", Err: err}
		}
		v.decode = d.Decode
	default:
		return fmt.Errorf("no decoder for %T", f)
	}
	return nil
}

func (v *video) resetExtractor() {
	if v.codec == media.H264 {
		e := &h264.DTSExtractor{}
		e.Initialize()
		v.extract = e.Extract
	} else {
		e := &h265.DTSExtractor{}
		e.Initialize()
		v.extract = e.Extract
	}
}

// takeLost returns the losses since it was last called.
func (v *video) takeLost() int64 {
	n := v.lost
	v.lost = 0
	return n
}

// packet takes one RTP packet and returns the unit that it completes, if any.
func (v *video) packet(pkt *rtp.Packet, arrival time.Duration) (unit, bool) {
	missing, broken := v.seq.lost(pkt.SequenceNumber, pkt.SSRC)
	v.lost += missing
	if broken {
		v.tear(pkt.Timestamp)
	}
	if v.skip {
		if pkt.Timestamp == v.skipTS {
			return unit{}, false
		}
		v.skip = false
	}
	ts := pkt.Timestamp
	if v.open {
		ts = v.openTS // a camera that sets no marker: this packet shows that the unit before is complete
	}
	au, err := v.decode(pkt)
	switch {
	case err == nil:
		v.open = ts != pkt.Timestamp
		v.openTS = pkt.Timestamp
	case errors.Is(err, rtph264.ErrMorePacketsNeeded), errors.Is(err, rtph265.ErrMorePacketsNeeded):
		if !v.open {
			v.open, v.openTS = true, pkt.Timestamp
		}
		return unit{}, false
	case errors.Is(err, rtph264.ErrNonStartingPacketAndNoPrevious), errors.Is(err, rtph265.ErrNonStartingPacketAndNoPrevious):
		v.skip, v.skipTS = true, pkt.Timestamp // joined in the middle of a picture: nothing is lost
		return unit{}, false
	default:
		v.lost++
		v.tear(pkt.Timestamp)
		return unit{}, false
	}
	return v.unit(au, v.clock.unwrap(ts), arrival)
}

// tear gives up the access unit in hand and all pictures up to the next keyframe.
func (v *video) tear(ts uint32) {
	v.waitKey, v.held = true, nil
	v.skip, v.skipTS = true, ts
	// Creating the decoder succeeded before and depends on nothing that has changed.
	_ = v.resetDecoder()
}

// unit makes a unit of an access unit's NAL units.
func (v *video) unit(au [][]byte, pts int64, arrival time.Duration) (unit, bool) {
	picture, whole, kept := v.scan(au)
	switch {
	case kept == 0:
		return unit{}, false
	case picture == kindOther: // parameter sets or SEI sent on their own belong to the picture that follows
		if len(v.held)+len(au) <= maxHeld {
			v.held = append(v.held, au...)
		}
		return unit{}, false
	case !whole:
		return v.refuse()
	}
	held := v.held
	v.held = nil
	key := picture == kindKeySlice || picture == kindOpenSlice
	if v.waitKey {
		if !key {
			return v.refuse()
		}
		v.skipRASL = picture == kindOpenSlice
	}
	if v.skipRASL && !key {
		if picture == kindSkipSlice {
			return unit{}, false
		}
		v.skipRASL = false
	}
	if key && !v.adopt() {
		return v.refuse()
	}
	pts, dts, err := v.order(held, au, pts, key)
	if err != nil {
		v.failures++
		v.timesOnly = v.timesOnly || v.failures >= maxExtractorFailures
		return v.refuse()
	}
	if key {
		v.waitKey, v.seenPacket = false, true
	}
	return unit{key: key, pts: pts, dts: dts, arrival: arrival, payload: avcc(v.codec, held, au), tracks: v.tracks}, true
}

// refuse leaves a picture out, and all that follow up to the next keyframe.
func (v *video) refuse() (unit, bool) {
	if v.seenPacket { // before the first keyframe nothing has begun that could be lost
		v.lost++
	}
	v.waitKey, v.held = true, nil
	return unit{}, false
}

// scan looks through an access unit: the kind of its picture (kindOther: it has none), whether its first slice is there,
// and how many NAL units are worth keeping. Parameter sets are noted.
func (v *video) scan(au [][]byte) (picture kind, whole bool, kept int) {
	sawSPS, sawPPS, sawVPS := false, false, false
	for _, nalu := range au {
		if len(nalu) == 0 {
			return kindOther, false, 0
		}
		k, first := classify(v.codec, nalu)
		switch k {
		case kindDrop:
			continue
		case kindVPS: // of several of a kind, the first describes the stream; all stay in the payload
			note(&v.offered.vps, nalu, &sawVPS)
		case kindSPS:
			note(&v.offered.sps, nalu, &sawSPS)
		case kindPPS:
			note(&v.offered.pps, nalu, &sawPPS)
		case kindSlice, kindKeySlice, kindOpenSlice, kindSkipSlice:
			if picture == kindOther {
				picture, whole = k, first
			}
		case kindOther:
		}
		kept++
	}
	return picture, whole, kept
}

func note(set *[]byte, nalu []byte, seen *bool) {
	if !*seen && !bytes.Equal(*set, nalu) {
		*set = bytes.Clone(nalu) // the packet's buffer must not live as long as the stream
	}
	*seen = true
}

// adopt puts the offered parameter sets in force at a keyframe. It returns false when there are none that make sense.
func (v *video) adopt() bool {
	o := &v.offered
	if !o.complete(v.codec) {
		return false
	}
	if v.tracks != nil && bytes.Equal(o.vps, v.params.vps) && bytes.Equal(o.sps, v.params.sps) && bytes.Equal(o.pps, v.params.pps) {
		return true
	}
	if err := o.read(v.codec); err != nil {
		return false
	}
	v.params = *o
	v.tracks = []media.Track{{Codec: v.codec, ClockRate: 90000, VPS: o.vps, SPS: o.sps, PPS: o.pps, Width: o.width, Height: o.height}}
	if v.audio != nil {
		v.tracks = append(v.tracks, *v.audio)
	}
	v.resetExtractor()
	return true
}

// order finds the decode time. Both times may be moved by a tick so that decode times always grow.
func (v *video) order(held, au [][]byte, pts int64, key bool) (int64, int64, error) {
	dts := pts
	if v.params.reorders && !v.timesOnly {
		if key {
			if v.waitKey {
				v.resetExtractor()
			}
			// The extractor learns the parameter sets from the access unit, which need not carry them.
			full := make([][]byte, 0, 2+len(held)+len(au))
			full = append(full, v.params.sps, v.params.pps)
			au = append(append(full, v.bare(held)...), v.bare(au)...)
		}
		var err error
		if dts, err = v.extract(au, pts); err != nil {
			return 0, 0, err
		}
		if key {
			v.failures = 0
		}
	}
	if v.haveDTS && dts <= v.lastDTS {
		switch back := v.lastDTS - dts; {
		case v.timesOnly && back < 90_000: // shown earlier than decoded, on paper: it stays where it is shown
			dts = v.lastDTS + 1
		case back < 90:
			dts = v.lastDTS + 1
			pts = max(pts, dts)
		}
	}
	v.haveDTS, v.lastDTS = true, dts
	return pts, dts, nil
}

// bare returns the NAL units without parameter sets.
func (v *video) bare(nalus [][]byte) [][]byte {
	out := make([][]byte, 0, len(nalus))
	for _, n := range nalus {
		if k, _ := classify(v.codec, n); k != kindSPS && k != kindPPS && k != kindVPS && k != kindDrop {
			out = append(out, n)
		}
	}
	return out
}
