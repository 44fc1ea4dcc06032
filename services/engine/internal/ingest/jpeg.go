package ingest

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/pion/rtp"

	"vigie/services/engine/internal/media"
)

var errJPEG = errors.New("malformed JPEG packet")

// jpegVideo turns RTP packets of Motion JPEG (RFC 2435) into units, each a JPEG interchange file. Every picture is a
// keyframe.
//
// A payload is a piece of one scan behind a header that says what the headers of the file were:
//
//	0  type-specific 1 | fragment offset 3 | type 1 | Q 1 | width/8 1 | height/8 1
//	8  types 64 to 127: restart interval 2 | F, L, count 2
//	   Q 128 to 255, offset 0: MBZ 1 | precision 1 | length 2 | quantization tables
//
// Pictures over 2040 pixels do not fit into that. Cameras then send the file's own headers in an RTP header extension
// (ONVIF Streaming Specification §5.1.4), which is used whenever it is there.
type jpegVideo struct {
	flow
	orderer
	head    jpegHead
	tables  map[uint8][]byte // by Q, 128 to 254: they need not come with every picture
	scan    []byte
	headers []byte // from the header extension; nil: none
	tracks  []media.Track
	begun   bool
}

// jpegHead is what the headers of all packets of a picture say.
type jpegHead struct {
	typ, q        uint8
	width, height int
	restart       int // MCUs, 0: none
	tables        []byte
}

func newJPEG() *jpegVideo { return &jpegVideo{tables: map[uint8][]byte{}} }

// hold does nothing: payloads are copied as they come.
func (v *jpegVideo) hold() {}

func (v *jpegVideo) packet(pkt *rtp.Packet, arrival time.Duration, deliver func(unit)) {
	torn, over, skip := v.enter(pkt)
	if torn {
		v.open = false // a picture that begins with this packet is whole all the same
		skip, v.skip = false, false
	}
	if over {
		v.finish(arrival, deliver)
	}
	if skip {
		return
	}
	if err := v.add(pkt); err != nil {
		if v.begun && !errors.Is(err, errMiddle) {
			v.lost++
		}
		v.leave(pkt.Timestamp)
		return
	}
	if pkt.Marker {
		v.finish(arrival, deliver)
	}
}

// add takes a packet's piece of the scan.
func (v *jpegVideo) add(pkt *rtp.Packet) error {
	head, offset, piece, err := parseJPEG(pkt.Payload)
	if err != nil {
		return err
	}
	if offset == 0 {
		v.open, v.ts, v.head, v.scan, v.headers = true, pkt.Timestamp, head, v.scan[:0], jpegExtension(pkt)
	}
	if !v.open {
		return errMiddle
	}
	if offset != len(v.scan) || len(v.scan)+len(piece) > maxPicture {
		return errJPEG
	}
	v.scan = append(v.scan, piece...)
	return nil
}

// finish takes the scan in hand as complete.
func (v *jpegVideo) finish(arrival time.Duration, deliver func(unit)) {
	v.open = false
	payload, w, h, err := v.file()
	if err != nil {
		if v.begun {
			v.lost++
		}
		return
	}
	if v.tracks == nil || v.tracks[0].Width != w || v.tracks[0].Height != h {
		v.tracks = []media.Track{{Codec: media.MJPEG, ClockRate: 90000, Width: w, Height: h}}
	}
	v.begun = true
	pts := v.clock.unwrap(v.ts)
	deliver(pictureUnit(true, pts, v.order(pts, false), arrival, payload, v.tracks))
}

// file puts headers in front of the scan.
func (v *jpegVideo) file() (b []byte, width, height int, err error) {
	if len(v.scan) < 2 {
		return nil, 0, 0, errJPEG
	}
	h := v.head
	if v.headers == nil || !hasFrame(v.headers) {
		switch {
		case h.q < 128:
			h.tables = quantizers(h.q)
		case len(h.tables) > 0 && h.q < 255:
			v.tables[h.q] = h.tables
		case len(h.tables) == 0:
			h.tables = v.tables[h.q]
		}
		if len(h.tables) == 0 {
			return nil, 0, 0, errJPEG // sent with a picture that is lost
		}
	}
	b = make([]byte, 0, len(v.scan)+len(v.headers)+1024)
	b, width, height = appendHeaders(b, &h, v.headers)
	b = append(b, v.scan...)
	if n := len(b); b[n-2] != 0xff || b[n-1] != markerEOI {
		b = append(b, 0xff, markerEOI)
	}
	if width < 8 || height < 8 {
		return nil, 0, 0, errJPEG
	}
	return b, width, height, nil
}

// parseJPEG reads an RTP payload's header.
func parseJPEG(b []byte) (h jpegHead, offset int, piece []byte, err error) {
	if len(b) < 8 {
		return h, 0, nil, errJPEG
	}
	offset = int(binary.BigEndian.Uint32(b) & 0xffffff)
	h.typ, h.q, h.width, h.height = b[4], b[5], 8*int(b[6]), 8*int(b[7])
	b = b[8:]
	if h.q == 0 || h.q > 99 && h.q < 128 || h.typ&0x3f > 1 || h.typ > 127 {
		return h, 0, nil, errJPEG
	}
	if h.typ >= 64 {
		if len(b) < 4 {
			return h, 0, nil, errJPEG
		}
		h.restart, b = int(binary.BigEndian.Uint16(b)), b[4:]
	}
	if h.q >= 128 && offset == 0 {
		if len(b) < 4 {
			return h, 0, nil, errJPEG
		}
		precision, n := b[1], int(binary.BigEndian.Uint16(b[2:]))
		if b = b[4:]; precision != 0 || n > len(b) || n%64 != 0 || n > 2*64 {
			return h, 0, nil, errJPEG
		}
		h.tables, b = append([]byte(nil), b[:n]...), b[n:]
	}
	return h, offset, b, nil
}

// jpegExtension returns the headers in an RTP header extension, nil when there is none. Its profile is the marker that
// begins them, SOI (the pion library keeps it); fill bytes FF may follow.
func jpegExtension(pkt *rtp.Packet) []byte {
	if !pkt.Extension || pkt.ExtensionProfile != 0xffd8 {
		return nil
	}
	return append([]byte(nil), pkt.GetExtension(0)...)
}
