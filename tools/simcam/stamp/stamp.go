// Package stamp marks encoded video frames with the camera, the number and the instant of capture, and reads the mark back.
//
// A stamp is one SEI message user_data_unregistered (ITU-T H.264 D.1.7, H.265 D.2.7) in a NAL unit of its own, put
// in front of the first slice of its access unit:
//
//	NAL header (1 byte H.264: 0x06, 2 bytes H.265: 0x4e 0x01)
//	payload type 5 | payload size | UUID (16 bytes) | "camera number captureµs" in ASCII | 0x80
//
// In MPEG-4 part 2 it is user data (B2, then UUID and text) in front of the VOP, in Motion JPEG a comment (FF FE and its
// length, then the same) in front of the end marker, where it can be sent by RTP.
//
// The text holds no zero byte and neither does the UUID, so that the NAL unit needs no emulation prevention: the
// bytes in a file are the bytes that were sent. The package does no I/O and keeps no state.
package stamp

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Codec is the video codec whose syntax is meant.
type Codec int

// The codecs that can carry a stamp.
const (
	H264 Codec = iota
	H265
	MPEG4
	MJPEG
)

// Stamp is what a simulated camera says of one frame.
type Stamp struct {
	Camera  string    // 1 to 64 characters of a-z, 0-9, '-' and '_'
	Number  int64     // of the frame, counted from the Unix epoch at the camera's frame rate; never negative
	Capture time.Time // instant of capture, with microseconds
}

// ErrNone is returned by Parse for a NAL unit that carries no stamp.
var ErrNone = errors.New("no stamp")

const (
	seiUserDataUnregistered = 5
	userData                = 0xb2 // start code of MPEG-4 part 2
	comment                 = 0xfe // marker of JPEG
	maxCamera               = 64
)

func uuid() []byte {
	return []byte{0x9d, 0x51, 0x7a, 0x0c, 0x63, 0x8e, 0x4b, 0x1f, 0xa2, 0xd4, 0x35, 0x76, 0x69, 0x67, 0x69, 0x65}
}

func paddingUUID() []byte {
	return []byte{0x9d, 0x51, 0x7a, 0x0c, 0x63, 0x8e, 0x4b, 0x1f, 0xa2, 0xd4, 0x35, 0x70, 0x61, 0x64, 0x64, 0x21}
}

// ValidCamera says whether a camera id can be carried.
func ValidCamera(id string) bool {
	if id == "" || len(id) > maxCamera {
		return false
	}
	for _, c := range []byte(id) {
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return true
}

// Append adds s to dst: as a NAL unit without start code or length, as MPEG-4 user data with its start code, or as a JPEG
// comment with its marker.
func Append(dst []byte, c Codec, s Stamp) []byte {
	switch c {
	case MPEG4:
		return appendText(append(dst, 0, 0, 1, userData), s)
	case MJPEG:
		at := len(dst) + 2
		dst = appendText(append(dst, 0xff, comment, 0, 0), s)
		dst[at+1] = byte(len(dst) - at) // the length itself counts
		return dst
	}
	dst = appendHeader(dst, c)
	dst = append(dst, seiUserDataUnregistered, 0)
	sizeAt := len(dst) - 1
	dst = appendText(dst, s)
	dst[sizeAt] = byte(len(dst) - sizeAt - 1) // 16 + at most 64 + 2 × 20 < 255
	return append(dst, 0x80)
}

func appendText(dst []byte, s Stamp) []byte {
	dst = append(dst, uuid()...)
	dst = append(dst, s.Camera...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, s.Number, 10)
	dst = append(dst, ' ')
	return strconv.AppendInt(dst, s.Capture.UnixMicro(), 10)
}

// PaddingOverhead is the size in bytes of the smallest padding NAL unit of a codec.
func PaddingOverhead(c Codec) int { return len(appendHeader(nil, c)) + 1 + 1 + 16 + 1 }

// AppendPadding adds a SEI NAL unit that means nothing and is size bytes long, or a few bytes less where the coding
// of its length does not allow that; size below PaddingOverhead adds nothing.
func AppendPadding(dst []byte, c Codec, size int) []byte {
	left := size - PaddingOverhead(c)
	if left < 0 {
		return dst
	}
	dst = appendHeader(dst, c)
	dst = append(dst, seiUserDataUnregistered)
	payload := 16 + left
	payload -= (payload + 1) / 256 // room for the 0xff bytes of the length
	n := payload
	for ; n >= 255; n -= 255 {
		dst = append(dst, 0xff)
	}
	dst = append(dst, byte(n))
	dst = append(dst, paddingUUID()...)
	for range payload - 16 {
		dst = append(dst, 0xa5)
	}
	return append(dst, 0x80)
}

func appendHeader(dst []byte, c Codec) []byte {
	if c == H265 {
		return append(dst, 39<<1, 1) // PREFIX_SEI_NUT, layer 0, temporal id 0
	}
	return append(dst, 6)
}

// Parse reads the stamp out of one NAL unit, one section of MPEG-4 part 2 without 00 00 01, or one JPEG picture. It
// returns ErrNone when there is none of ours, another error when there is one but it is damaged.
func Parse(c Codec, nalu []byte) (Stamp, error) {
	switch {
	case c == MPEG4:
		if len(nalu) > 0 && nalu[0] == userData && bytes.HasPrefix(nalu[1:], uuid()) {
			return parseText(nalu[17:])
		}
		return Stamp{}, ErrNone
	case c == MJPEG:
		at := bytes.Index(nalu, uuid())
		if at < 4 || nalu[at-4] != 0xff || nalu[at-3] != comment {
			return Stamp{}, ErrNone
		}
		end := at - 2 + int(nalu[at-2])<<8 + int(nalu[at-1])
		if end < at+16 || end > len(nalu) {
			return Stamp{}, errors.New("comment cut short")
		}
		return parseText(nalu[at+16 : end])
	case c == H264 && len(nalu) > 1 && nalu[0]&0x1f == 6:
		nalu = nalu[1:]
	case c == H265 && len(nalu) > 2 && nalu[0]>>1&0x3f == 39:
		nalu = nalu[2:]
	default:
		return Stamp{}, ErrNone
	}
	for len(nalu) > 2 { // at least one more message before the trailing bits
		typ, rest, ok := seiNumber(nalu)
		if !ok {
			return Stamp{}, ErrNone
		}
		size, rest, ok := seiNumber(rest)
		if !ok || size > len(rest) {
			return Stamp{}, ErrNone
		}
		if typ == seiUserDataUnregistered && bytes.HasPrefix(rest[:size], uuid()) {
			return parseText(rest[16:size])
		}
		nalu = rest[size:]
	}
	return Stamp{}, ErrNone
}

// seiNumber reads a payload type or size: 255 for each 0xff, then the last byte (H.264 7.3.2.3.1).
func seiNumber(b []byte) (n int, rest []byte, ok bool) {
	for i, c := range b {
		n += int(c)
		if c != 0xff {
			return n, b[i+1:], true
		}
	}
	return 0, nil, false
}

func parseText(b []byte) (Stamp, error) {
	fields := bytes.Split(b, []byte{' '})
	if len(fields) != 3 {
		return Stamp{}, fmt.Errorf("stamp %q: not three fields", b)
	}
	s := Stamp{Camera: string(fields[0])}
	if !ValidCamera(s.Camera) {
		return Stamp{}, fmt.Errorf("stamp %q: bad camera id", b)
	}
	var err error
	if s.Number, err = strconv.ParseInt(string(fields[1]), 10, 64); err != nil || s.Number < 0 {
		return Stamp{}, fmt.Errorf("stamp %q: bad frame number", b)
	}
	us, err := strconv.ParseInt(string(fields[2]), 10, 64)
	if err != nil {
		return Stamp{}, fmt.Errorf("stamp %q: bad instant", b)
	}
	s.Capture = time.UnixMicro(us).UTC()
	return s, nil
}
