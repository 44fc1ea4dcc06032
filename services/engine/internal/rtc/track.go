package rtc

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph264"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtph265"
	"github.com/pion/rtp"
	"github.com/pion/sdp/v3"
	"github.com/pion/webrtc/v4"

	"vigie/services/engine/internal/media"
)

const (
	// maxPayload leaves room for the headers of IPv6, UDP, SRTP and extensions in 1280 bytes, which pass everywhere.
	maxPayload = 1150
	// A frame that is older than this when it is sent belongs to the past.
	pastAfter = 150 * time.Millisecond
	// maxBack is how far timestamps may go back before that is a clock that was set, not unevenness.
	maxBack = 5 * time.Second
)

// track is one elementary stream on its way.
type track struct {
	index  int
	run    *media.Run
	rate   int64 // ticks a second
	local  *webrtc.TrackLocalStaticRTP
	sender *webrtc.RTPSender
	encode func(nalus [][]byte) ([]*rtp.Packet, error) // nil: a frame is a packet

	sequence uint16
	last     int64 // timestamp of the last frame, in ticks since the epoch, shift included
	shift    int64 // what timestamps are off since a clock was set back
	playout  uint8 // id of the header extension; 0: not agreed on
	noDelay  []byte
}

func newTrack(pc *webrtc.PeerConnection, run *media.Run, index int) (*track, error) {
	m := &run.Tracks[index]
	c, _ := capability(m)
	kind := "audio"
	if m.Codec.IsVideo() {
		kind = "video"
	}
	t := &track{}
	var err error
	if t.local, err = webrtc.NewTrackLocalStaticRTP(c, kind, "vigie"); err != nil {
		return nil, fmt.Errorf("make track: %w", err)
	}
	if t.sender, err = pc.AddTrack(t.local); err != nil {
		return nil, fmt.Errorf("add track: %w", err)
	}
	switch m.Codec {
	case media.H264:
		e := &rtph264.Encoder{PayloadMaxSize: maxPayload, PacketizationMode: 1}
		err, t.encode = e.Init(), e.Encode
	case media.H265:
		e := &rtph265.Encoder{PayloadMaxSize: maxPayload}
		err, t.encode = e.Init(), e.Encode
	}
	if err != nil {
		return nil, fmt.Errorf("make packetiser: %w", err)
	}
	t.follow(run, index)
	return t, nil
}

// follow goes on with a track of another run, which has the same codec.
func (t *track) follow(run *media.Run, index int) {
	t.run, t.index, t.rate = run, index, int64(run.Tracks[index].ClockRate)
}

// agree learns what was agreed on, and tells whether the browser takes the track.
func (t *track) agree(answer *sdp.SessionDescription) bool {
	for _, h := range t.sender.GetParameters().HeaderExtensions {
		if h.URI == playoutDelay {
			t.playout, t.noDelay = uint8(h.ID), make([]byte, 3) // at least and at most 0
		}
	}
	for _, m := range answer.MediaDescriptions {
		_, sent := m.Attribute("sendonly")
		if m.MediaName.Media == t.local.Kind().String() && m.MediaName.Port.Value != 0 && sent {
			return true
		}
	}
	return false
}

// packets cuts a frame into RTP packets.
func (t *track) packets(f *media.Frame, now time.Time) ([]*rtp.Packet, error) {
	var list []*rtp.Packet
	if t.encode == nil {
		list = []*rtp.Packet{{Header: rtp.Header{Version: 2}, Payload: f.Payload}}
	} else {
		var err error
		if list, err = t.encode(t.nalus(f)); err != nil {
			return nil, fmt.Errorf("cut frame into packets: %w", err)
		}
	}
	at := uint32(t.timestamp(f, now))
	for _, p := range list {
		p.Timestamp = at
		p.SequenceNumber = t.sequence
		t.sequence++
		if t.playout != 0 {
			if err := p.Header.SetExtension(t.playout, t.noDelay); err != nil {
				return nil, fmt.Errorf("set header extension: %w", err)
			}
		}
	}
	return list, nil
}

// timestamp is a frame's, always later than that of the one before.
func (t *track) timestamp(f *media.Frame, now time.Time) int64 {
	ticks := func(d time.Duration) int64 { return int64(d) * t.rate / int64(time.Second) }
	start := t.run.StartNs
	at := start/1e9*t.rate + start%1e9*t.rate/1e9 + f.PTSTicks + t.shift
	age := now.Sub(time.Unix(0, f.ArrivalNs))
	switch past := age > pastAfter && age < time.Hour; {
	case past && t.last == 0:
		at += ticks(age - pastAfter) // a little before what the edge has now
	case past:
		at = t.last + 1
	case t.last != 0 && t.last-at > ticks(maxBack):
		t.shift += t.last - at
		at = t.last
	}
	t.last = max(at, t.last+1)
	return t.last
}

// nalus takes a payload apart (see media.H264), with the parameter sets before a keyframe.
func (t *track) nalus(f *media.Frame) [][]byte {
	var list [][]byte
	if m := &t.run.Tracks[t.index]; f.Keyframe {
		for _, set := range append([][]byte{m.VPS, m.SPS, m.PPS}, m.MoreSets...) {
			if len(set) > 0 {
				list = append(list, set)
			}
		}
	}
	for p := f.Payload; len(p) > 4; {
		n := int(binary.BigEndian.Uint32(p))
		if n > len(p)-4 {
			break
		}
		if n > 0 {
			list = append(list, p[4:4+n])
		}
		p = p[4+n:]
	}
	return list
}
