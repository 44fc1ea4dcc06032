package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
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
	codec media.Codec

	seq        sequence
	clock      unwrapper
	au         assembly // the access unit that is coming
	auTS       uint32   // its RTP time
	nalus      [][]byte // room for those of one access unit
	startCodes bool     // NAL units may hold several
	skip       bool     // packets of time skipTS belong to a torn access unit
	skipTS     uint32

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
func newVideo(f format.Format) (*video, error) {
	v := &video{waitKey: true}
	switch f := f.(type) {
	case *format.H264:
		if f.PacketizationMode > 1 {
			return nil, &Fault{Code: "bad_codec", Reason: "The camera packs its H.264 video in a way that is not supported (packetization mode 2)."}
		}
		v.codec = media.H264
		v.offered = parameters{sps: f.SPS, pps: f.PPS}
	case *format.H265:
		if f.MaxDONDiff != 0 {
			return nil, &Fault{Code: "bad_codec", Reason: "The camera packs its H.265 video in a way that is not supported (interleaved mode)."}
		}
		v.codec = media.H265
		v.offered = parameters{vps: f.VPS, sps: f.SPS, pps: f.PPS}
	default:
		return nil, fmt.Errorf("no depacketiser for %T", f)
	}
	for _, p := range []*[]byte{&v.offered.vps, &v.offered.sps, &v.offered.pps} {
		if len(*p) == 0 {
			*p = nil
		}
	}
	return v, nil
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

// packet takes one RTP packet and delivers the units that it completes: mostly one with its last packet, but two when
// only the packet of another time shows that the unit before it was complete. The packet's payload must stay as it is
// until hold is called.
func (v *video) packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit)) {
	missing, broken := v.seq.lost(pkt.SequenceNumber, pkt.SSRC)
	v.lost += missing
	if broken {
		v.tear(pkt.Timestamp)
	}
	if v.skip {
		if pkt.Timestamp == v.skipTS {
			return
		}
		v.skip = false
	}
	if v.au.began && pkt.Timestamp != v.auTS { // a camera that sets no marker
		v.finish(arrival, deliver)
	}
	var err error
	if v.codec == media.H264 {
		err = v.au.depacketizeH264(pkt.Payload)
	} else {
		err = v.au.depacketizeH265(pkt.Payload)
	}
	v.auTS = pkt.Timestamp
	switch {
	case errors.Is(err, errMiddle):
		v.skip, v.skipTS = true, pkt.Timestamp // joined in the middle of a picture: nothing is lost
	case err != nil:
		v.lost++
		v.tear(pkt.Timestamp)
	case pkt.Marker:
		v.finish(arrival, deliver)
	}
}

// near places an RTP time among those of the units.
func (v *video) near(ts uint32) int64 { return v.clock.near(ts) }

// hold lets go of the memory of packets that came before.
func (v *video) hold() { v.au.hold() }

// tear gives up the access unit in hand and all pictures up to the next keyframe.
func (v *video) tear(ts uint32) {
	v.waitKey, v.held = true, nil
	v.skip, v.skipTS = true, ts
	v.au.reset()
}

// finish takes the access unit in hand as complete.
func (v *video) finish(arrival time.Duration, deliver func(unit)) {
	payload := v.au.payload()
	v.nalus = split(v.nalus[:0], payload)
	if v.startCodes = v.startCodes || hasStartCode(v.codec, v.nalus); v.startCodes {
		payload = avcc(v.codec, cutStartCodes(v.nalus))
		v.nalus = split(v.nalus[:0], payload)
	}
	if u, ok := v.unit(v.nalus, payload, v.clock.unwrap(v.auTS), arrival); ok {
		deliver(u)
	}
}

// unit makes a unit of an access unit, given as NAL units and as payload.
func (v *video) unit(au [][]byte, payload []byte, pts int64, arrival time.Duration) (unit, bool) {
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
	if len(held) > 0 {
		payload = append(avcc(v.codec, held), payload...)
	}
	return unit{key: key, pts: pts, dts: dts, arrival: arrival, payload: payload, tracks: v.tracks}, true
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
		case kindVPS: // all stay in the payload
			v.offered.note(v.codec, &v.offered.vps, nalu, &sawVPS)
		case kindSPS:
			v.offered.note(v.codec, &v.offered.sps, nalu, &sawSPS)
		case kindPPS:
			v.offered.note(v.codec, &v.offered.pps, nalu, &sawPPS)
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

// adopt puts the offered parameter sets in force at a keyframe. It returns false when there are none that make sense.
func (v *video) adopt() bool {
	o := &v.offered
	if !o.complete(v.codec) {
		return false
	}
	if v.tracks != nil && bytes.Equal(o.vps, v.params.vps) && bytes.Equal(o.sps, v.params.sps) && bytes.Equal(o.pps, v.params.pps) &&
		slices.EqualFunc(o.more, v.params.more, bytes.Equal) {
		return true
	}
	if err := o.read(v.codec); err != nil {
		return false
	}
	v.params = *o
	v.tracks = []media.Track{{Codec: v.codec, ClockRate: 90000, VPS: o.vps, SPS: o.sps, PPS: o.pps, MoreSets: o.more, Width: o.width, Height: o.height}}
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
