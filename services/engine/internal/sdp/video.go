package sdp

import (
	"bytes"
	"encoding/hex"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
)

// format makes what the rest of the engine works with; or says why not, as Left.Reason. Codecs that are not recorded are
// formats too: who chooses says so.
func (p *payload) format() (f format.Format, reason string) {
	if p.kind == description.MediaTypeAudio {
		return p.audio()
	}
	switch p.name {
	case "H264":
		return p.h264()
	case "H265", "HEVC":
		return p.h265()
	case "MP4V-ES":
		// Headers may come in band only, and those of the sequence are often left out: package mpeg4 takes what there is.
		config, _ := hex.DecodeString(p.params["config"])
		return &format.MPEG4Video{PayloadTyp: p.number, ProfileLevelID: count(p.params["profile-level-id"]), Config: config}, ""
	case "JPEG":
		if p.number == 26 {
			return &format.MJPEG{}, ""
		}
	}
	return p.generic(), ""
}

// h264 reads the parameters of RFC 6184 §8.1. Packetisation mode 1 holds all that mode 0 does; many cameras say 0, or
// nothing, and cut NAL units all the same.
func (p *payload) h264() (format.Format, string) {
	f := &format.H264{PayloadTyp: p.number, PacketizationMode: 1}
	if count(p.params["packetization-mode"]) > 1 {
		return nil, "its packets are interleaved (packetization mode 2), which is not supported"
	}
	for _, n := range sets(p.params["sprop-parameter-sets"]) {
		switch n[0] & 0x1f {
		case 7:
			if f.SPS == nil && new(h264.SPS).Unmarshal(n) == nil {
				f.SPS = n
			}
		case 8:
			if f.PPS == nil {
				f.PPS = n
			}
		}
	}
	if f.SPS == nil || f.PPS == nil { // one without the other is of no use; they come in band
		f.SPS, f.PPS = nil, nil
	}
	return f, ""
}

// h265 reads the parameters of RFC 7798 §7.1.
func (p *payload) h265() (format.Format, string) {
	f := &format.H265{PayloadTyp: p.number}
	if p.params["sprop-max-don-diff"] != "" && count(p.params["sprop-max-don-diff"]) > 0 {
		return nil, "its packets are interleaved (sprop-max-don-diff), which is not supported"
	}
	first := func(key string) []byte {
		if list := sets(p.params[key]); len(list) > 0 {
			return list[0]
		}
		return nil
	}
	f.VPS, f.SPS, f.PPS = first("sprop-vps"), first("sprop-sps"), first("sprop-pps")
	if f.VPS == nil || new(h265.SPS).Unmarshal(f.SPS) != nil || new(h265.PPS).Unmarshal(f.PPS) != nil {
		f.VPS, f.SPS, f.PPS = nil, nil, nil
	}
	return f, ""
}

// sets reads NAL units in base64. Some cameras put a start code before each. What cannot be read is passed over.
func sets(list string) (out [][]byte) {
	for item := range strings.SplitSeq(list, ",") {
		b, ok := decode64(strings.TrimSpace(item))
		for _, code := range [][]byte{{0, 0, 0, 1}, {0, 0, 1}} {
			b = bytes.TrimPrefix(b, code)
		}
		if ok && len(b) > 2 {
			out = append(out, b)
		}
	}
	return out
}
