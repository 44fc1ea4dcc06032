package ingest

import (
	"encoding/binary"
	"errors"

	"vigie/services/engine/internal/media"
)

var (
	errPacket = errors.New("malformed packet")
	// errMiddle: the packet continues a fragmented NAL unit of which nothing is there.
	errMiddle = errors.New("joined in the middle of a NAL unit")
)

// depacketizeH264 adds what an RTP payload of H.264 holds (RFC 6184): a single NAL unit (§5.6), several (STAP-A, §5.7.1)
// or a part of one (FU-A, §5.8). Interleaved packets (§4.4, mode 2) are refused. A fragment that is first and last at once
// is against the letter, but some cameras send it.
func (a *assembly) depacketizeH264(b []byte) error {
	if len(b) == 0 {
		return errPacket
	}
	switch t := b[0] & 0x1f; t {
	case 24:
		return a.aggregate(media.H264, b[1:])
	case 28:
		if len(b) < 2 {
			return errPacket
		}
		return a.fragmentOf(media.H264, []byte{b[0]&0xe0 | b[1]&0x1f}, b[1], b[2:])
	case 25, 26, 27, 29:
		return errPacket
	}
	return a.nalu(media.H264, b)
}

// depacketizeH265 adds what an RTP payload of H.265 holds (RFC 7798): a single NAL unit (§4.4.1), several (AP, §4.4.2) or
// a part of one (FU, §4.4.3), without decoding order numbers.
func (a *assembly) depacketizeH265(b []byte) error {
	if len(b) < 2 {
		return errPacket
	}
	switch b[0] >> 1 & 0x3f {
	case 48:
		return a.aggregate(media.H265, b[2:])
	case 49:
		if len(b) < 3 {
			return errPacket
		}
		return a.fragmentOf(media.H265, []byte{b[0]&0x81 | b[2]&0x3f<<1, b[1]}, b[2], b[3:])
	case 50:
		return errPacket
	}
	return a.nalu(media.H265, b)
}

// aggregate adds NAL units, each behind its length in two bytes. Zeros behind the last are padding.
func (a *assembly) aggregate(codec media.Codec, b []byte) error {
	for n := 0; len(b) > 0; n++ {
		if len(b) < 2 {
			return errPacket
		}
		size := int(binary.BigEndian.Uint16(b))
		b = b[2:]
		if size == 0 && n > 0 && zeros(b) {
			return nil
		}
		if size == 0 || size > len(b) {
			return errPacket
		}
		if err := a.nalu(codec, b[:size]); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

func zeros(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

// fragmentOf adds a fragment; bits 7 and 6 of flags tell the first and the last of a NAL unit.
func (a *assembly) fragmentOf(codec media.Codec, head []byte, flags byte, b []byte) error {
	start, end := flags&0x80 != 0, flags&0x40 != 0
	if !start && !a.open {
		if !a.began {
			return errMiddle
		}
		return errPacket
	}
	return a.fragment(codec, head, b, start, end)
}
