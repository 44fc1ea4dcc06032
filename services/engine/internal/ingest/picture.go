package ingest

import (
	"time"

	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

// picture turns RTP packets of one video format into units with one track. It delivers only pictures that a decoder can
// decode given those delivered before, and begins with a keyframe. Whatever is broken is left out up to the next keyframe.
type picture interface {
	// packet takes a packet and delivers the units that it completes. Its payload stays as it is until hold is called.
	packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit))
	// hold lets go of the memory of packets that came before.
	hold()
	// takeLost returns how many packets and pictures are known to be missing, since it was last called.
	takeLost() int64
	// near places an RTP time among those of the units.
	near(ts uint32) int64
}

// maxPicture bounds one picture of a codec without NAL units, in bytes.
const maxPicture = 16 << 20

// flow is what the depacketisers of codecs without NAL units share: it puts packets into groups of one time stamp, and
// notices what is missing.
type flow struct {
	seq    sequence
	clock  unwrapper
	open   bool // a picture has begun
	ts     uint32
	skip   bool // the rest of the picture of time skipTS is left out
	skipTS uint32
	lost   int64
}

// takeLost returns the losses since it was last called.
func (f *flow) takeLost() int64 {
	n := f.lost
	f.lost = 0
	return n
}

// near places an RTP time among those of the units.
func (f *flow) near(ts uint32) int64 { return f.clock.near(ts) }

// enter looks at a packet before its payload is used. torn: something before it is missing, so that the picture in hand,
// and the rest of this one unless it begins with the packet, are lost; over: the packet shows that the picture in hand is
// complete (cameras that set no marker); skip: it belongs to a picture that is left out.
func (f *flow) enter(pkt *rtp.Packet) (torn, over, skip bool) {
	missing, broken := f.seq.lost(pkt.SequenceNumber, pkt.SSRC)
	f.lost += missing
	torn = broken
	over = f.open && !torn && pkt.Timestamp != f.ts
	if f.skip && (pkt.Timestamp == f.skipTS) {
		return torn, over, true
	}
	f.skip = false
	return torn, over, false
}

// leave gives up the picture in hand and what is left of that of time ts.
func (f *flow) leave(ts uint32) {
	f.open, f.skip, f.skipTS = false, true, ts
}

// orderer makes decode times: they grow, and where no picture is shown in another order than sent they are the times of
// presentation.
type orderer struct {
	begun   bool
	reorder bool  // pictures are shown in another order than sent
	last    int64 // decode time
	refPTS  int64 // of the last picture that others build on
}

// order returns a decode time for a picture shown at pts.
func (o *orderer) order(pts int64, bipredicted bool) int64 {
	dts := pts
	if o.reorder && !bipredicted && o.begun {
		dts = o.refPTS // it is decoded while the reference before it is shown
	}
	if bipredicted {
		o.reorder = true
	} else {
		o.refPTS = pts
	}
	if back := o.last - dts; o.begun && back >= 0 && back < 90_000 { // else the camera's clock has jumped
		dts = o.last + 1
	}
	o.begun, o.last = true, dts
	return dts
}

// pictureUnit makes a unit of the video track.
func pictureUnit(key bool, pts, dts int64, arrival time.Duration, payload []byte, tracks []media.Track) unit {
	return unit{key: key, pts: pts, dts: dts, arrival: arrival, payload: payload, tracks: tracks}
}
