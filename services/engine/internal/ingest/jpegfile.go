package ingest

import "encoding/binary"

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

// The Huffman tables that RFC 2435 takes for granted: T.81 tables K.3 to K.6, as the sixteen counts of codes of each
// length and the symbols.
var huffman = []struct {
	id      byte // class and destination
	counts  string
	symbols string
}{
	{0x00, "\x00\x01\x05\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
	{0x10, "\x00\x02\x01\x03\x03\x02\x04\x03\x05\x05\x04\x04\x00\x00\x01\x7d",
		"\x01\x02\x03\x00\x04\x11\x05\x12\x21\x31\x41\x06\x13\x51\x61\x07\x22\x71\x14\x32\x81\x91\xa1\x08\x23\x42\xb1\xc1\x15\x52\xd1\xf0" +
			"\x24\x33\x62\x72\x82\x09\x0a\x16\x17\x18\x19\x1a\x25\x26\x27\x28\x29\x2a\x34\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48\x49" +
			"\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x83\x84\x85\x86\x87\x88\x89" +
			"\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3\xc4\xc5" +
			"\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe1\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa"},
	{0x01, "\x00\x03\x01\x01\x01\x01\x01\x01\x01\x01\x01\x00\x00\x00\x00\x00", "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b"},
	{0x11, "\x00\x02\x01\x02\x04\x04\x03\x04\x07\x05\x04\x04\x00\x01\x02\x77",
		"\x00\x01\x02\x03\x11\x04\x05\x21\x31\x06\x12\x41\x51\x07\x61\x71\x13\x22\x32\x81\x08\x14\x42\x91\xa1\xb1\xc1\x09\x23\x33\x52\xf0" +
			"\x15\x62\x72\xd1\x0a\x16\x24\x34\xe1\x25\xf1\x17\x18\x19\x1a\x26\x27\x28\x29\x2a\x35\x36\x37\x38\x39\x3a\x43\x44\x45\x46\x47\x48" +
			"\x49\x4a\x53\x54\x55\x56\x57\x58\x59\x5a\x63\x64\x65\x66\x67\x68\x69\x6a\x73\x74\x75\x76\x77\x78\x79\x7a\x82\x83\x84\x85\x86\x87" +
			"\x88\x89\x8a\x92\x93\x94\x95\x96\x97\x98\x99\x9a\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xc2\xc3" +
			"\xc4\xc5\xc6\xc7\xc8\xc9\xca\xd2\xd3\xd4\xd5\xd6\xd7\xd8\xd9\xda\xe2\xe3\xe4\xe5\xe6\xe7\xe8\xe9\xea\xf2\xf3\xf4\xf5\xf6\xf7\xf8" +
			"\xf9\xfa"},
}

// The quantizers that Q 1 to 99 scales, for luminance and chrominance: T.81 tables K.1 and K.2 in zigzag order.
const (
	lumaQuantizers = "\x10\x0b\x0c\x0e\x0c\x0a\x10\x0e\x0d\x0e\x12\x11\x10\x13\x18\x28\x1a\x18\x16\x16\x18\x31\x23\x25\x1d\x28\x3a\x33\x3d\x3c\x39\x33" +
		"\x38\x37\x40\x48\x5c\x4e\x40\x44\x57\x45\x37\x38\x50\x6d\x51\x57\x5f\x62\x67\x68\x67\x3e\x4d\x71\x79\x70\x64\x78\x5c\x65\x67\x63"
	chromaQuantizers = "\x11\x12\x12\x18\x15\x18\x2f\x1a\x1a\x2f\x63\x42\x38\x42\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63" +
		"\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63\x63"
)

// quantizers makes both tables for Q 1 to 99 (RFC 2435 §4.2).
func quantizers(q uint8) []byte {
	scale := 200 - 2*int(q)
	if q < 50 {
		scale = 5000 / int(q)
	}
	t := []byte(lumaQuantizers + chromaQuantizers)
	for i, v := range t {
		t[i] = byte(max(1, min(255, (int(v)*scale+50)/100)))
	}
	return t
}

// segment is a marker segment of a JPEG file.
type segment struct {
	marker byte
	body   []byte // without marker and length
}

// segments reads marker segments, up to a scan or what is none. given may begin with SOI or without.
func segments(b []byte) (list []segment) {
	for {
		for len(b) > 1 && b[0] == 0xff && (b[1] == 0xff || b[1] == markerSOI) { // fill bytes, SOI
			b = b[1:]
			if b[0] == markerSOI {
				b = b[1:]
			}
		}
		if len(b) < 4 || b[0] != 0xff {
			return list
		}
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 2 || n > len(b)-2 {
			return list
		}
		list = append(list, segment{b[1], b[4 : 2+n]})
		if b[1] == markerSOS {
			return list
		}
		b = b[2+n:]
	}
}

// hasFrame tells whether headers say what the picture is like.
func hasFrame(headers []byte) bool {
	frame, tables := false, false
	for _, s := range segments(headers) {
		frame = frame || s.marker == markerSOF0 && len(s.body) >= 6
		tables = tables || s.marker == markerDQT
	}
	return frame && tables
}

// appendHeaders appends all of a file that comes before its scan: the segments given and, in place of those missing, what
// the head says. It returns the picture's size.
func appendHeaders(b []byte, h *jpegHead, given []byte) (_ []byte, width, height int) {
	add := func(marker byte, body ...byte) {
		b = binary.BigEndian.AppendUint16(append(b, 0xff, marker), uint16(2+len(body)))
		b = append(b, body...)
	}
	b = append(b, 0xff, markerSOI)
	width, height = h.width, h.height
	var have [256]bool
	scan := []byte{3, 1, 0x00, 2, 0x11, 3, 0x11, 0, 63, 0}
	for _, s := range segments(given) {
		have[s.marker] = true
		switch {
		case s.marker == markerSOS:
			scan = s.body
			continue
		case s.marker == markerSOF0 && len(s.body) >= 6:
			height, width = int(binary.BigEndian.Uint16(s.body[1:])), int(binary.BigEndian.Uint16(s.body[3:]))
		}
		add(s.marker, s.body...)
	}
	chroma := byte(0)
	if !have[markerDQT] {
		for i := 0; i+64 <= len(h.tables); i += 64 {
			chroma = byte(i / 64)
			add(markerDQT, append([]byte{chroma}, h.tables[i:i+64]...)...)
		}
	}
	if !have[markerSOF0] {
		add(markerSOF0, 8, byte(height>>8), byte(height), byte(width>>8), byte(width), 3,
			1, 0x21+h.typ&1, 0, 2, 0x11, chroma, 3, 0x11, chroma) // types 0 and 1: 4:2:2 and 4:2:0
	}
	if !have[markerDHT] {
		for _, t := range huffman {
			add(markerDHT, append([]byte{t.id}, t.counts+t.symbols...)...)
		}
	}
	if !have[markerDRI] && h.restart > 0 {
		add(markerDRI, byte(h.restart>>8), byte(h.restart))
	}
	add(markerSOS, scan...)
	return b, width, height
}
