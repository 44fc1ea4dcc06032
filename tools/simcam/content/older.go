package content

import (
	"bytes"
	"errors"

	"github.com/bluenviron/gortsplib/v5/pkg/format"

	"vigie/tools/simcam/stamp"
)

// loadMPEG4 cuts an MPEG-4 part 2 elementary stream at its VOP start codes (00 00 01 B6). Headers, which begin with those
// of a sequence (B0), and a group of VOPs (B3) belong to the VOP that follows.
func (l *VideoLoop) loadMPEG4(b []byte) error {
	code := func(c byte) []byte { return []byte{0, 0, 1, c} }
	vop := bytes.Index(b, code(0xb6))
	if vop < 0 {
		return errors.New("no VOP in the stream")
	}
	start := 0
	for vop >= 0 {
		end := len(b)
		next := bytes.Index(b[vop+4:], code(0xb6))
		if next >= 0 {
			next += vop + 4
			end = next
			for _, c := range []byte{0xb0, 0xb3} {
				if i := bytes.Index(b[vop:next], code(c)); i >= 0 {
					end = min(end, vop+i)
				}
			}
		}
		headers := b[start:vop]
		if i := bytes.Index(headers, code(0xb3)); i >= 0 {
			headers = headers[:i]
		}
		if l.sets == nil {
			l.sets = [][]byte{headers}
		}
		if vop+4 == len(b) {
			return errors.New("VOP cut short")
		}
		f := Frame{Keyframe: b[vop+4]>>6 == 0, Size: end - start, Tail: chunks(b[start+len(headers) : end])}
		if len(headers) > 0 {
			f.Head = chunks(headers)
		}
		l.Frames = append(l.Frames, f)
		start, vop = end, next
	}
	return nil
}

// chunks cuts bytes into RTP payloads.
func chunks(b []byte) (out [][]byte) {
	for len(b) > PayloadMax {
		out, b = append(out, b[:PayloadMax]), b[PayloadMax:]
	}
	return append(out, b)
}

// jpegEnd is what the packet that ends a JPEG picture needs to know.
type jpegEnd struct {
	head   [8]byte // of the other packets (RFC 2435 §3.1)
	offset int     // of what it carries in the scan
}

// loadMJPEG cuts a run of JPEG images at their end markers; FF D9 cannot occur inside entropy-coded data. The end marker
// itself is left to the packet with the stamp.
func (l *VideoLoop) loadMJPEG(b []byte) error {
	e, err := (&format.MJPEG{}).CreateEncoder()
	if err != nil {
		return err
	}
	end := []byte{0xff, 0xd9}
	for len(b) > 0 {
		i := bytes.Index(b, end)
		if i < 0 {
			return errors.New("image without end")
		}
		pkts, err := e.Encode(b[:i+2])
		if err != nil {
			return err
		}
		f, err := jpegFrame(payloads(pkts))
		if err != nil {
			return err
		}
		f.Size = i + 2
		l.Frames = append(l.Frames, f)
		b = b[i+2:]
	}
	return nil
}

// jpegFrame cuts a picture's packets anew, without its end marker.
func jpegFrame(pkts [][]byte) (Frame, error) {
	f := Frame{Keyframe: true}
	var scan, tables []byte
	for i, p := range pkts {
		if len(p) < 9 || i == 0 && len(p) < 12 {
			return f, errors.New("packet cut short")
		}
		if i == 0 {
			copy(f.jpeg.head[:], p)
			if p[5] >= 128 {
				tables = p[8:min(len(p), 12+int(p[10])<<8+int(p[11]))]
			}
			p = p[len(tables):]
		}
		scan = append(scan, p[8:]...)
	}
	scan, found := bytes.CutSuffix(scan, []byte{0xff, 0xd9})
	if !found {
		return f, errors.New("the last packet has not the image's end")
	}
	for len(scan) > 0 {
		p := f.jpegPacket(nil)
		if f.jpeg.offset == 0 {
			p = append(p, tables...)
		}
		n := min(len(scan), PayloadMax-len(p))
		f.Head = append(f.Head, append(p, scan[:n]...))
		f.jpeg.offset += n
		scan = scan[n:]
	}
	return f, nil
}

// jpegPacket appends the header of the packet that goes on where the others ended.
func (f *Frame) jpegPacket(dst []byte) []byte {
	at, offset := len(dst), f.jpeg.offset
	dst = append(dst, f.jpeg.head[:]...)
	dst[at+1], dst[at+2], dst[at+3] = byte(offset>>16), byte(offset>>8), byte(offset)
	return dst
}

// AppendStamp appends the RTP payload that stamps a frame.
func (l *VideoLoop) AppendStamp(dst []byte, f *Frame, s stamp.Stamp) []byte {
	codec, _ := l.Stampable()
	if codec != stamp.MJPEG {
		return stamp.Append(dst, codec, s)
	}
	dst = f.jpegPacket(dst)
	return append(stamp.Append(dst, codec, s), 0xff, 0xd9)
}
