package cameratest

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mpeg4"
)

// Payload returns a unit as media.Frame wants it.
func (v *Video) Payload(u Unit) []byte {
	if !v.Codec.HasNALUs() {
		return u.NALUs[0]
	}
	var b []byte
	for _, n := range u.NALUs {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(n))), n...)
	}
	return b
}

// encoders are ffmpeg's names and arguments for codecs without NAL units, and the filter and format of their raw streams.
var encoders = map[media.Codec]struct{ args, filter, format string }{
	media.MPEG4: {"mpeg4", "dump_extra=freq=keyframe", "m4v"},
	media.MJPEG: {"mjpeg", "null", "mjpeg"},
}

// splitOthers cuts a stream of MPEG-4 part 2 or JPEG pictures. A unit is one byte string.
func (v *Video) splitOthers(t testing.TB, stream []byte) {
	if v.Codec == media.MJPEG { // the end marker cannot occur inside coded data
		end := []byte{0xff, 0xd9}
		for _, picture := range bytes.SplitAfter(stream, end) {
			if len(picture) > 0 {
				v.Units = append(v.Units, Unit{NALUs: [][]byte{picture}})
			}
		}
		return
	}
	vop := []byte{0, 0, 1, 0xb6}
	start := 0
	for at := bytes.Index(stream, vop); at >= 0; {
		next := bytes.Index(stream[at+4:], vop)
		end := len(stream)
		if next >= 0 {
			next += at + 4
			end = next
			for _, code := range []byte{0xb0, 0xb3} { // headers belong to what follows
				if i := bytes.Index(stream[at:next], []byte{0, 0, 1, code}); i >= 0 {
					end = min(end, at+i)
				}
			}
		}
		v.Units = append(v.Units, Unit{NALUs: [][]byte{stream[start:end]}})
		start, at = end, next
	}
	if v.Config = mpeg4.Config(stream); v.Config == nil {
		t.Fatal("no headers in the stream")
	}
}

// encodeOpus makes Opus packets of 20 ms.
func encodeOpus(t testing.TB, source string) [][]byte {
	ogg := output(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-ac", "1", "-c:a", "libopus", "-b:a", "32k", "-page_duration", "20000", "-f", "ogg", "-")
	var packets [][]byte
	var packet []byte
	for len(ogg) >= 27 { // RFC 3533 §6: a page is a header, a table of segment sizes, and the segments
		segments := int(ogg[26])
		body := ogg[27+segments:]
		for _, size := range ogg[27 : 27+segments] {
			packet = append(packet, body[:size]...)
			body = body[size:]
			if size < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
		ogg = body
	}
	if len(packets) < 3 || !bytes.HasPrefix(packets[0], []byte("OpusHead")) {
		t.Fatalf("%d packets of Opus", len(packets))
	}
	return packets[2:] // behind header and tags
}

// encodeG726 makes 20 ms units of codes, the first in the highest bits.
func encodeG726(t testing.TB, source string, codeBits int) [][]byte {
	b := output(t, "ffmpeg", "-v", "error", "-f", "lavfi", "-i", source, "-ac", "1", "-c:a", "g726", "-code_size", fmt.Sprint(codeBits),
		"-b:a", fmt.Sprint(8000*codeBits), "-f", "g726", "-")
	var units [][]byte
	for ; len(b) >= 20*codeBits; b = b[20*codeBits:] {
		units = append(units, b[:20*codeBits])
	}
	return units
}
