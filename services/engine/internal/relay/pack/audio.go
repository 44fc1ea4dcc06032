package pack

import (
	"vigie/services/engine/internal/g726"
	"vigie/services/engine/internal/media"
)

// maxAccessUnit is the longest unit of AAC that its header can tell (RFC 3640 §3.3.6: 13 bits).
const maxAccessUnit = 1<<13 - 1

// aac sends one access unit behind its header of two bytes, in fragments where it is long; each has the size of the whole.
func (p *packer) aac(b []byte) error {
	if len(b) == 0 || len(b) > maxAccessUnit {
		return errPayload
	}
	size := len(b)
	for len(b) > 0 {
		ext := p.extension(nil)
		n := min(len(b), room(ext)-4)
		p.begin(p.head.Timestamp, ext)
		p.b = append(p.b, 0, 16, byte(size>>5), byte(size<<3))
		p.b = append(p.b, b[:n]...)
		b = b[n:]
		p.end(len(b) == 0)
	}
	return nil
}

// samples sends audio that is coded sample by sample, cut where a packet is full, and packets of Opus as they are.
func (p *packer) samples(track *media.Track, b []byte) error {
	if len(b) == 0 {
		return errPayload
	}
	bits := track.Codec.CodeBits() * max(1, track.Channels)
	if bits == 0 { // Opus
		if len(b) > 1<<15 {
			return errPayload
		}
		p.begin(p.head.Timestamp, p.extension(nil))
		p.b = append(p.b, b...)
		p.end(false)
		return nil
	}
	if code := track.Codec.CodeBits(); code < 8 {
		if b = g726.Unpack(b, code); len(b) == 0 {
			return errPayload
		}
	}
	timestamp := p.head.Timestamp
	for len(b) > 0 {
		ext := p.extension(nil)
		most := room(ext) / bits * bits // bytes of which each group of bits is whole
		n := min(len(b), most)
		p.begin(timestamp, ext)
		p.b = append(p.b, b[:n]...)
		b = b[n:]
		timestamp += uint32(n * 8 / bits)
		p.end(false)
	}
	return nil
}
