package ingest

import (
	"bytes"
	"encoding/binary"
	"errors"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"vigie/services/engine/internal/media"
)

// kind is what a NAL unit means to us.
type kind uint8

const (
	kindOther     kind = iota // SEI and the like: kept
	kindDrop                  // access unit delimiters and filler data: not kept
	kindVPS                   // H.265 only
	kindSPS                   //
	kindPPS                   //
	kindSlice                 // coded picture
	kindKeySlice              // of an IDR (H.264), IDR, BLA or CRA picture (H.265)
	kindOpenSlice             // of a CRA or BLA picture, after which leading pictures may refer to what came before
	kindSkipSlice             // of a leading picture that cannot be decoded after starting at an open keyframe (RASL)
)

// classify returns the kind of a NAL unit and whether it is the first slice of a picture. nalu must not be empty.
// H.264: ITU-T H.264 table 7-1; H.265: ITU-T H.265 table 7-1.
func classify(codec media.Codec, nalu []byte) (k kind, first bool) {
	if codec == media.H264 {
		first = len(nalu) > 1 && nalu[1]&0x80 != 0 // first_mb_in_slice is ue(v): 0 is the bit 1
		switch t := nalu[0] & 0x1f; {
		case t == 5:
			return kindKeySlice, first
		case t >= 1 && t <= 4:
			return kindSlice, first && t <= 2 // partitions B and C follow A
		case t == 7:
			return kindSPS, false
		case t == 8:
			return kindPPS, false
		case t == 9, t == 10, t == 11, t == 12:
			return kindDrop, false
		}
		return kindOther, false
	}
	if len(nalu) < 2 {
		return kindDrop, false
	}
	first = len(nalu) > 2 && nalu[2]&0x80 != 0 // first_slice_segment_in_pic_flag
	switch t := nalu[0] >> 1 & 0x3f; {
	case t == 8 || t == 9:
		return kindSkipSlice, first
	case t <= 15:
		return kindSlice, first
	case t == 19 || t == 20:
		return kindKeySlice, first
	case t >= 16 && t <= 23:
		return kindOpenSlice, first
	case t == 32:
		return kindVPS, false
	case t == 33:
		return kindSPS, false
	case t == 34:
		return kindPPS, false
	case t == 35, t == 36, t == 37, t == 38:
		return kindDrop, false
	}
	return kindOther, false
}

// parameters are a stream's parameter sets and what they say.
type parameters struct {
	vps, sps, pps []byte
	more          [][]byte // of other ids than the three
	width, height int
	reorders      bool // pictures may be shown in another order than sent
}

// complete tells whether a decoder could be set up.
func (p *parameters) complete(codec media.Codec) bool {
	return p.sps != nil && p.pps != nil && (codec == media.H264 || p.vps != nil)
}

var errParameters = errors.New("parameter sets that make no sense")

// read fills in what the SPS says. It is called on any bytes a camera calls an SPS.
func (p *parameters) read(codec media.Codec) error {
	if codec == media.H264 {
		var sps h264.SPS
		if err := sps.Unmarshal(p.sps); err != nil {
			return err
		}
		p.width, p.height = sps.Width(), sps.Height()
		p.reorders = sps.PicOrderCntType != 2 && sps.ProfileIdc != 66 &&
			!(sps.VUI != nil && sps.VUI.BitstreamRestriction != nil && sps.VUI.BitstreamRestriction.MaxNumReorderFrames == 0)
	} else {
		var sps h265.SPS
		if err := sps.Unmarshal(p.sps); err != nil {
			return err
		}
		p.width, p.height = sps.Width(), sps.Height()
		for _, n := range sps.MaxNumReorderPics {
			p.reorders = p.reorders || n > 0
		}
	}
	if p.width < 16 || p.height < 16 || p.width > 16384 || p.height > 16384 {
		return errParameters
	}
	return nil
}

// avcc joins NAL units, each behind its length in four bytes, into one new buffer (ISO 14496-15 §5.3.4.2.1).
func avcc(codec media.Codec, nalus [][]byte) []byte {
	var a assembly
	for _, n := range nalus {
		_ = a.nalu(codec, n) // what is too large is left out
	}
	return a.payload()
}

// split appends the NAL units that a payload consists of, to list; they alias it.
func split(list [][]byte, payload []byte) [][]byte {
	for len(payload) > 4 {
		n := 4 + int(binary.BigEndian.Uint32(payload))
		list = append(list, payload[4:n:n])
		payload = payload[n:]
	}
	return list
}

var startCode = []byte{0, 0, 1}

// hasStartCode looks for NAL units that hold several, with start codes between them as in a file (ITU-T H.264 annex B):
// some cameras send such. Emulation prevention keeps start codes out of sound ones. Coded pictures are looked at where
// they begin only, as they are nearly all that there is: such a camera shows by its parameter sets.
func hasStartCode(codec media.Codec, nalus [][]byte) bool {
	for _, n := range nalus {
		if k, _ := classify(codec, n); k >= kindSlice {
			n = n[:min(len(n), 4)]
		}
		if bytes.Contains(n, startCode) {
			return true
		}
	}
	return false
}

// cutStartCodes takes NAL units that hold several apart.
func cutStartCodes(nalus [][]byte) (out [][]byte) {
	for _, n := range nalus {
		for len(n) > 0 {
			one, rest, _ := bytes.Cut(n, startCode)
			if one = bytes.TrimRight(one, "\x00"); len(one) > 0 { // a longer start code, and trailing zeros
				out = append(out, one)
			}
			n = rest
		}
	}
	return out
}
