package ingest

import (
	"errors"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpmpeg4audio"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

// audio turns RTP packets of one audio format into units.
type audio struct {
	track  media.Track
	decode func(*rtp.Packet) ([][]byte, error)
	seq    sequence
	clock  unwrapper
	lost   int64
}

func newAudio(f format.Format) (*audio, error) {
	a := &audio{track: audioTrack(f)}
	switch f := f.(type) {
	case *format.MPEG4Audio:
		d, err := f.CreateDecoder()
		if err != nil {
			return nil, fmt.Errorf("decode AAC from RTP: %w", err)
		}
		a.decode = d.Decode
	case *format.G711:
		a.decode = func(pkt *rtp.Packet) ([][]byte, error) {
			if len(pkt.Payload) == 0 || len(pkt.Payload)%f.ChannelCount != 0 {
				return nil, fmt.Errorf("%d bytes of G.711 for %d channels", len(pkt.Payload), f.ChannelCount)
			}
			return [][]byte{pkt.Payload}, nil
		}
	default:
		return nil, fmt.Errorf("no decoder for %T", f)
	}
	return a, nil
}

func (a *audio) takeLost() int64 {
	n := a.lost
	a.lost = 0
	return n
}

// packet takes one RTP packet and delivers the units in it. Audio needs no keyframe: what is lost is merely absent.
func (a *audio) packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit)) {
	missing, _ := a.seq.lost(pkt.SequenceNumber, pkt.SSRC)
	a.lost += missing
	pts := a.clock.unwrap(pkt.Timestamp)
	units, err := a.decode(pkt)
	switch {
	case errors.Is(err, rtpmpeg4audio.ErrMorePacketsNeeded):
		return
	case err != nil:
		a.lost++
		return
	}
	for _, payload := range units {
		if len(payload) == 0 {
			continue
		}
		duration := a.track.Samples(payload)
		deliver(unit{track: 1, key: true, pts: pts, dts: pts, duration: duration, arrival: arrival, payload: payload})
		pts += duration
	}
}
