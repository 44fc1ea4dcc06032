// Package mpeg4 reads what a recorder has to know of MPEG-4 part 2 video: the headers that set a decoder up, the size of
// the picture, where one picture ends, whether it can be decoded alone, and when it is shown. Specification: ISO 14496-2
// §6.2.
//
// An elementary stream is a row of sections, each behind a start code:
//
//	00 00 01  B0       visual object sequence        00..1F video object
//	          B5       visual object                 20..2F video object layer (VOL): size, kind of time
//	          B2       user data                     B3     group of VOPs
//	          B6       video object plane (VOP): a picture; its first two bits: 0 I, 1 P, 2 B, 3 S
//
// It keeps no state but that of a Clock, and does no I/O. Whatever bytes it is given, it returns.
package mpeg4

import (
	"bytes"
	"errors"
)

// Kind is what a picture builds on.
type Kind int

// Kinds of pictures.
const (
	None        Kind = iota // there is no picture
	Intra                   // I-VOP: on nothing
	Predicted               // P-VOP or S-VOP: on the last reference
	Bipredicted             // B-VOP: on the last two references, and shown before the last; nothing builds on it
)

// ErrVOL: there is no video object layer header, or not one of a rectangular picture.
var ErrVOL = errors.New("no usable video object layer header")

// sections calls visit with each section and its code, until visit returns false. What lies before the first start code
// is passed over.
func sections(b []byte, visit func(code byte, section []byte) bool) {
	prefix := []byte{0, 0, 1}
	at := bytes.Index(b, prefix)
	for at >= 0 && at+3 < len(b) {
		end := len(b)
		next := bytes.Index(b[at+4:], prefix)
		if next >= 0 {
			next += at + 4
			end = next
		}
		if !visit(b[at+3], b[at:end]) {
			return
		}
		at = next
	}
}

// Picture returns the kind of the first picture in b.
func Picture(b []byte) (k Kind) {
	sections(b, func(code byte, s []byte) bool {
		if code != 0xb6 {
			return true
		}
		k = Predicted
		if len(s) > 4 {
			switch s[4] >> 6 {
			case 0:
				k = Intra
			case 2:
				k = Bipredicted
			}
		}
		return false
	})
	return k
}

// Pictures cuts b into parts of one picture each. Headers are with the picture that follows them, or with the last one.
// Without a picture all of b is one part.
func Pictures(b []byte) (parts [][]byte) {
	at := max(0, bytes.Index(b, []byte{0, 0, 1}))
	begin, headers := 0, -1 // of the part, and of the headers since its picture
	seen := false
	sections(b, func(code byte, s []byte) bool {
		switch {
		case code != 0xb6:
			if headers < 0 {
				headers = at
			}
		case seen:
			if headers < 0 {
				headers = at
			}
			parts = append(parts, b[begin:headers])
			begin, headers = headers, -1
		default:
			seen, headers = true, -1
		}
		at += len(s)
		return true
	})
	return append(parts, b[begin:])
}

// Config returns the headers that precede the first picture in b and set a decoder up, in one new buffer: those of
// sequence, object and layer. User data is left out, as it may differ from picture to picture. Without a layer's header
// it returns nil.
func Config(b []byte) []byte {
	var config []byte
	layer := false
	sections(b, func(code byte, s []byte) bool {
		switch {
		case code == 0xb6:
			return false
		case code == 0xb0, code == 0xb5, code < 0x30:
			config = append(config, s...)
			layer = layer || code >= 0x20 && code < 0x30
		}
		return true
	})
	if !layer {
		return nil
	}
	return config
}

// Size returns the size of the picture that a configuration describes.
func Size(config []byte) (width, height int, err error) {
	err = ErrVOL
	sections(config, func(code byte, s []byte) bool {
		if code < 0x20 || code >= 0x30 {
			return true
		}
		var v vol
		v, err = parseVOL(s[4:])
		width, height = v.width, v.height
		return false
	})
	return width, height, err
}

// vol is what a video object layer's header says.
type vol struct {
	width, height int
	resolution    int // of time, parts of a second
}

// parseVOL reads a VideoObjectLayer (§6.2.3) up to the size of its picture.
func parseVOL(b []byte) (v vol, err error) {
	r := reader{b: b}
	r.skip(1 + 8) // random_accessible_vol, video_object_type_indication
	if r.read(1) == 1 {
		r.skip(4 + 3) // verid, priority
	}
	if r.read(4) == 15 { // extended_PAR
		r.skip(8 + 8)
	}
	if r.read(1) == 1 { // vol_control_parameters
		r.skip(2 + 1) // chroma_format, low_delay
		if r.read(1) == 1 {
			r.skip(79) // vbv_parameters
		}
	}
	if r.read(2) != 0 { // video_object_layer_shape: not rectangular
		return vol{}, ErrVOL
	}
	r.skip(1)
	v.resolution = r.read(16)
	r.skip(1)
	if r.read(1) == 1 { // fixed_vop_rate
		r.skip(incrementBits(v.resolution))
	}
	r.skip(1)
	v.width = r.read(13)
	r.skip(1)
	v.height = r.read(13)
	if r.short || v.width == 0 || v.height == 0 {
		return vol{}, ErrVOL
	}
	return v, nil
}

// reader reads bits, highest first. What lies beyond the end reads as 0 and sets short.
type reader struct {
	b     []byte
	at    int // in bits
	short bool
}

func (r *reader) skip(n int) { r.at += n }

func (r *reader) read(n int) (v int) {
	for range n {
		v <<= 1
		if i := r.at / 8; i < len(r.b) {
			v |= int(r.b[i] >> (7 - r.at%8) & 1)
		} else {
			r.short = true
		}
		r.at++
	}
	return v
}
