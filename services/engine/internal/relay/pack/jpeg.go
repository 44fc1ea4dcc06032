package pack

import (
	"bytes"
	"encoding/binary"
)

// Markers of a JPEG file (ITU-T T.81 table B.1).
const (
	markerSOF0 = 0xc0
	markerDHT  = 0xc4
	markerSOI  = 0xd8
	markerEOI  = 0xd9
	markerSOS  = 0xda
	markerDQT  = 0xdb
	markerDRI  = 0xdd
)

// maxExtra bounds the headers of a file that go into an extension: a packet must hold them, and some of the picture.
const maxExtra = 16 << 10

// picture is what is in a JPEG interchange file.
type picture struct {
	width, height int
	typ           byte // RFC 2435's: 0 for 4:2:2, 1 for 4:2:0
	restart       int
	tables        []byte // the quantizers of luminance and chrominance
	scan          []byte
	extra         []byte // header segments that receivers cannot make of the rest
}

// jpeg sends a JPEG interchange file (RFC 2435). Its quantizers go in band, as those of Q 255: they may change with each
// picture. Sizes beyond 2040 pixels and all else that RFC 2435 cannot say goes into the header extension of ONVIF (Streaming
// Specification §5.1.4).
func (p *packer) jpeg(file []byte) error {
	pic, err := parseFile(file)
	if err != nil {
		return err
	}
	var head [8]byte
	head[4], head[5] = pic.typ, 255
	head[6], head[7] = blocks(pic.width), blocks(pic.height)
	if pic.restart > 0 {
		head[4] |= 0x40
	}
	for at := 0; at < len(pic.scan); {
		ext := p.extension(pic.extra)
		p.begin(p.head.Timestamp, ext)
		from := len(p.b)
		binary.BigEndian.PutUint32(head[:], uint32(at)) // the type-specific byte above it is 0
		p.b = append(p.b, head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7])
		if pic.restart > 0 {
			p.b = binary.BigEndian.AppendUint16(p.b, uint16(pic.restart))
			p.b = append(p.b, 0xff, 0xff) // F, L and all of the count: packets are not whole restart intervals
		}
		if at == 0 {
			p.b = append(p.b, 0, 0, 0, byte(len(pic.tables)))
			p.b = append(p.b, pic.tables...)
		}
		n := min(len(pic.scan)-at, max(minPayload, room(ext)-(len(p.b)-from)))
		p.b = append(p.b, pic.scan[at:at+n]...)
		at += n
		p.end(at == len(pic.scan))
	}
	return nil
}

// blocks is a size in units of 8 pixels; 0 for what is too large to tell.
func blocks(pixels int) byte {
	if pixels > 2040 {
		return 0
	}
	return byte((pixels + 7) / 8)
}

// parseFile takes a JPEG interchange file apart.
func parseFile(b []byte) (picture, error) {
	var pic picture
	tables := map[byte][]byte{}
	var frame []byte
	usual := true // receivers make the headers as they are
	var segments []byte
	if len(b) < 4 || b[0] != 0xff || b[1] != markerSOI {
		return pic, errPayload
	}
	b = b[2:]
	for {
		for len(b) > 1 && b[0] == 0xff && b[1] == 0xff {
			b = b[1:]
		}
		if len(b) < 4 || b[0] != 0xff {
			return pic, errPayload
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || n > len(b)-2 {
			return pic, errPayload
		}
		marker, body, whole := b[1], b[4:2+n], b[:2+n]
		b = b[2+n:]
		switch marker {
		case markerDQT:
			if !addTables(tables, body) {
				usual = false
			}
			segments = append(segments, whole...)
		case markerDHT:
			usual = usual && standardHuffman(body)
			segments = append(segments, whole...)
		case markerDRI:
			if len(body) != 2 {
				return pic, errPayload
			}
			pic.restart = int(binary.BigEndian.Uint16(body))
		case markerSOS:
			if frame == nil {
				return pic, errPayload
			}
			if !bytes.Equal(body, []byte{3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0}) {
				usual = false
				segments = append(segments, whole...)
			}
			return pic.finish(frame, tables, usual, segments, b)
		case markerSOF0:
			if frame = body; len(body) < 6 {
				return pic, errPayload
			}
			pic.height, pic.width = int(binary.BigEndian.Uint16(body[1:])), int(binary.BigEndian.Uint16(body[3:]))
			segments = append(segments, whole...)
		default:
			if marker > markerSOF0 && marker < 0xd0 && marker != 0xc8 && marker != 0xcc {
				return pic, errPayload // progressive and other kinds
			}
			// Comments and application data say nothing that a decoder needs.
		}
	}
}

// finish settles how the picture is told.
func (pic picture) finish(frame []byte, tables map[byte][]byte, usual bool, segments, scan []byte) (picture, error) {
	if n := len(scan); n >= 2 && scan[n-2] == 0xff && scan[n-1] == markerEOI {
		scan = scan[:n-2]
	}
	if len(scan) == 0 || len(scan) >= 1<<24 || pic.width == 0 || pic.height == 0 {
		return pic, errPayload
	}
	pic.scan = scan
	luma, chroma := byte(0), byte(0)
	if len(frame) == 15 && frame[0] == 8 && frame[5] == 3 && frame[10] == 0x11 && frame[13] == 0x11 && frame[11] == frame[14] {
		luma, chroma = frame[8], frame[11]
		switch frame[7] {
		case 0x21:
		case 0x22:
			pic.typ = 1
		default:
			usual = false
		}
	} else {
		usual = false
	}
	first, second := tables[luma], tables[chroma]
	if first == nil || second == nil {
		usual = false
		first, second = make([]byte, 64), make([]byte, 64)
	}
	pic.tables = append(append(make([]byte, 0, 128), first...), second...) // both, though they be the same: some take no less
	if !usual || pic.width > 2040 || pic.height > 2040 || pic.width%8 != 0 || pic.height%8 != 0 {
		if pic.extra = segments; len(segments) > maxExtra {
			return pic, errPayload
		}
	}
	return pic, nil
}

// addTables takes the tables of a DQT segment (T.81 §B.2.4.1). It returns false for what RFC 2435 does not send.
func addTables(tables map[byte][]byte, body []byte) bool {
	for len(body) > 0 {
		if body[0]>>4 != 0 || len(body) < 65 {
			return false
		}
		tables[body[0]&0x0f] = body[1:65]
		body = body[65:]
	}
	return true
}
