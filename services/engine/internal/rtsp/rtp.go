package rtsp

import (
	"encoding/binary"
	"errors"

	"github.com/pion/rtp"
)

var errRTP = errors.New("not an RTP packet")

// jpegHeaders is the profile of the one header extension that is kept: what does not fit into RTP's own description of a
// JPEG file (ONVIF Streaming Specification §5.1.4).
const jpegHeaders = 0xffd8

// parseRTP reads an RTP packet (RFC 3550 §5.1) into p, whose payload aliases b. Contributing sources are skipped, and
// extensions but for jpegHeaders.
func parseRTP(b []byte, p *rtp.Packet) error {
	if len(b) < rtpHead || b[0]>>6 != 2 {
		return errRTP
	}
	p.Extension, p.Extensions = false, p.Extensions[:0]
	head := rtpHead + 4*int(b[0]&0x0f)
	if b[0]&0x10 != 0 {
		if len(b) < head+4 {
			return errRTP
		}
		extension := head + 4
		head = extension + 4*int(binary.BigEndian.Uint16(b[head+2:]))
		if profile := binary.BigEndian.Uint16(b[extension-4:]); profile == jpegHeaders && head <= len(b) {
			p.Extension, p.ExtensionProfile = true, profile
			if err := p.SetExtension(0, b[extension:head]); err != nil {
				return errRTP
			}
		}
	}
	end := len(b)
	if b[0]&0x20 != 0 {
		end -= int(b[end-1])
		if end == len(b) {
			return errRTP
		}
	}
	if head > end {
		return errRTP
	}
	p.Version, p.Marker, p.PayloadType = 2, b[1]&0x80 != 0, b[1]&0x7f
	p.SequenceNumber = binary.BigEndian.Uint16(b[2:])
	p.Timestamp = binary.BigEndian.Uint32(b[4:])
	p.SSRC = binary.BigEndian.Uint32(b[8:])
	p.Payload = b[head:end:end]
	return nil
}
