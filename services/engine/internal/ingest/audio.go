package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/g726"
	"vigie/services/engine/internal/media"
)

// errMore: the packet completes nothing.
var errMore = errors.New("more packets are needed")

// audio turns RTP packets of one audio format into units.
type audio struct {
	track   media.Track // its Codec is empty until the configuration is known, which may come in band
	version int         // counts changes of track
	decode  func(*rtp.Packet) ([][]byte, error)
	seq     sequence
	clock   unwrapper
	rate    int64 // of RTP time; units count in the track's clock rate
	due     int64 // where the next unit begins, if none is missing
	lost    int64
}

func newAudio(f format.Format) (*audio, error) {
	a := &audio{track: audioTrack(f), rate: int64(f.ClockRate())}
	if l := latmOf(f); l != nil {
		d, err := newLATM(l, a.configured)
		if err != nil {
			return nil, err
		}
		a.decode = d.decode
		return a, nil
	}
	switch f := f.(type) {
	case *format.MPEG4Audio:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("decode AAC from RTP: %w", err)
		}
		a.decode = func(pkt *rtp.Packet) ([][]byte, error) {
			units, err := d.Decode(pkt)
			if errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded) {
				err = errMore
			}
			return units, err
		}
	case *format.G711, *format.Opus:
		a.decode = whole
	default:
		code, little, ok := g726Of(f)
		if !ok {
			return nil, fmt.Errorf("no decoder for %T", f)
		}
		a.decode = whole
		if little {
			a.decode = func(pkt *rtp.Packet) ([][]byte, error) { return [][]byte{g726.Repack(pkt.Payload, code)}, nil }
		}
	}
	return a, nil
}

// whole takes a packet's payload as one unit.
func whole(pkt *rtp.Packet) ([][]byte, error) { return [][]byte{pkt.Payload}, nil }

// configured takes the configuration of AAC that came in band.
func (a *audio) configured(c *mpeg4audio.AudioSpecificConfig) {
	t := aacTrack(c)
	if t.Codec == a.track.Codec && bytes.Equal(t.Config, a.track.Config) {
		return
	}
	a.track = t
	a.version++
}

func (a *audio) takeLost() int64 {
	n := a.lost
	a.lost = 0
	return n
}

// near places an RTP time among those of the units.
func (a *audio) near(ts uint32) int64 { return a.ticks(a.clock.near(ts)) }

// ticks converts RTP time to the track's clock rate.
func (a *audio) ticks(t int64) int64 {
	rate := int64(a.track.ClockRate)
	if rate == a.rate || a.rate == 0 {
		return t
	}
	return t/a.rate*rate + t%a.rate*rate/a.rate
}

// packet takes one RTP packet and delivers the units in it. Audio needs no keyframe: what is lost is merely absent.
func (a *audio) packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit)) {
	missing, _ := a.seq.lost(pkt.SequenceNumber, pkt.SSRC)
	a.lost += missing
	ts := a.clock.unwrap(pkt.Timestamp)
	units, err := a.decode(pkt)
	switch {
	case errors.Is(err, errMore):
		return
	case err != nil:
		a.lost++
		return
	}
	pts := a.ticks(ts)
	if d := pts - a.due; a.rate != int64(a.track.ClockRate) && d >= -2 && d <= 2 {
		pts = a.due // what rounding has moved
	}
	for _, payload := range units {
		duration := a.track.Samples(payload)
		if duration <= 0 {
			if len(payload) > 0 {
				a.lost++
			}
			continue
		}
		deliver(unit{track: 1, key: true, pts: pts, dts: pts, duration: duration, arrival: arrival, payload: payload})
		pts += duration
	}
	a.due = pts
}
