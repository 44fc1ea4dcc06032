package pack

import (
	"encoding/binary"
	"errors"

	"vigie/services/engine/internal/media"
)

// The payload types used. Those of dynamic ones are told in the SDP.
const (
	VideoType = 96
	AudioType = 97
)

const (
	frameHead = 4
	rtpHead   = 12
	// maxPayload leaves room for the headers of IPv6, UDP and RTP in an Ethernet frame, and for SRTP.
	maxPayload = 1430
	// minPayload is what a packet takes at least, whatever its extension.
	minPayload = 256
)

var errPayload = errors.New("payload that cannot be packed")

// Head is what the packets of a frame have in common.
type Head struct {
	Channel   byte
	Type      byte   // payload type
	SSRC      uint32 //
	Sequence  uint16 // of the first packet
	Timestamp uint32 // of the first packet
	// Replay is ONVIF's extension of recordings that are played; nil: none.
	Replay *Replay
}

// Sets are parameter sets to go before a frame, which is of NAL units.
type Sets [][]byte

// packer appends packets.
type packer struct {
	b       []byte
	head    Head
	packets int
	start   int // of the packet that is under way
}

// Append appends the packets of a frame of a track, and returns how many they are.
func Append(b []byte, h Head, track *media.Track, sets Sets, payload []byte) ([]byte, int, error) {
	p := &packer{b: b, head: h}
	var err error
	switch track.Codec {
	case media.H264, media.H265:
		err = p.nalus(track.Codec, sets, payload)
	case media.MPEG4:
		p.pieces(payload)
	case media.MJPEG:
		err = p.jpeg(payload)
	case media.AAC:
		err = p.aac(payload)
	default:
		err = p.samples(track, payload)
	}
	if err != nil {
		return b, 0, err
	}
	return p.b, p.packets, nil
}

// begin begins a packet; extension is what goes behind the RTP header, of whole words with its own head, or nothing.
func (p *packer) begin(timestamp uint32, extension []byte) {
	p.start = len(p.b)
	first := byte(0x80)
	if len(extension) > 0 {
		first |= 0x10
	}
	p.b = append(p.b, '$', p.head.Channel, 0, 0, first, p.head.Type)
	p.b = binary.BigEndian.AppendUint16(p.b, p.head.Sequence+uint16(p.packets))
	p.b = binary.BigEndian.AppendUint32(p.b, timestamp)
	p.b = binary.BigEndian.AppendUint32(p.b, p.head.SSRC)
	p.b = append(p.b, extension...)
	p.packets++
}

// end ends the packet that was begun.
func (p *packer) end(marker bool) {
	if marker {
		p.b[p.start+frameHead+1] |= 0x80
	}
	binary.BigEndian.PutUint16(p.b[p.start+2:], uint16(len(p.b)-p.start-frameHead))
}

// extension returns what goes behind the header of the next packet: of recordings, ONVIF's, with every frame's first.
func (p *packer) extension(jpeg []byte) []byte {
	if p.packets > 0 {
		return nil
	}
	return appendExtension(nil, p.head.Replay, jpeg)
}

// room is how much payload the next packet takes.
func room(extension []byte) int { return max(minPayload, maxPayload-len(extension)) }

// pieces cuts a payload wherever a packet is full.
func (p *packer) pieces(b []byte) {
	for more := true; more; {
		ext := p.extension(nil)
		n := min(len(b), room(ext))
		p.begin(p.head.Timestamp, ext)
		p.b = append(p.b, b[:n]...)
		b = b[n:]
		more = len(b) > 0
		p.end(!more)
	}
}

// nalus sends NAL units, each behind its length in four bytes.
func (p *packer) nalus(codec media.Codec, sets Sets, payload []byte) error {
	for _, s := range sets {
		if len(s) > 2 {
			p.nalu(codec, s, false)
		}
	}
	for len(payload) > 0 {
		if len(payload) < 4 {
			return errPayload
		}
		n := binary.BigEndian.Uint32(payload)
		if uint64(n) > uint64(len(payload)-4) {
			return errPayload
		}
		one := payload[4 : 4+n]
		payload = payload[4+n:]
		if len(one) < 2 {
			if len(payload) > 0 {
				continue // nothing that could be sent
			}
			return errPayload
		}
		p.nalu(codec, one, len(payload) == 0)
	}
	if p.packets == 0 {
		return errPayload
	}
	return nil
}

// nalu sends a NAL unit: alone, or in fragments. last tells whether it ends the frame.
func (p *packer) nalu(codec media.Codec, b []byte, last bool) {
	ext := p.extension(nil)
	if len(b) <= room(ext) {
		p.begin(p.head.Timestamp, ext)
		p.b = append(p.b, b...)
		p.end(last)
		return
	}
	var head [3]byte
	fragment := head[:2]
	if codec == media.H264 {
		head[0], head[1] = b[0]&0xe0|28, b[0]&0x1f
		b = b[1:]
	} else {
		fragment = head[:3]
		head[0], head[1], head[2] = b[0]&0x81|49<<1, b[1], b[0]>>1&0x3f
		b = b[2:]
	}
	flags := &fragment[len(fragment)-1]
	*flags |= 0x80
	for len(b) > 0 {
		ext := p.extension(nil)
		n := min(len(b), room(ext)-len(fragment))
		if n == len(b) {
			*flags |= 0x40
		}
		p.begin(p.head.Timestamp, ext)
		p.b = append(p.b, fragment...)
		p.b = append(p.b, b[:n]...)
		b = b[n:]
		p.end(last && len(b) == 0)
		*flags &^= 0x80
	}
}
