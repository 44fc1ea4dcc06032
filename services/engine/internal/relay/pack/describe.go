package pack

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"vigie/services/engine/internal/media"
)

// Description is a track as SDP tells of it.
type Description struct {
	Media string // "video" or "audio"
	Type  byte   // payload type
	Map   string // rtpmap without the type (RFC 8866 §6.6)
	Rate  int    // of RTP time
	FMTP  string // without the type; empty: none
}

// Describe describes a track.
func Describe(t *media.Track) (Description, error) {
	d := Description{Media: "audio", Type: AudioType, Rate: t.ClockRate}
	if t.Codec.IsVideo() {
		d.Media, d.Type = "video", VideoType
	}
	switch t.Codec {
	case media.H264:
		d.Map, d.FMTP = "H264/90000", h264FMTP(t)
	case media.H265:
		d.Map, d.FMTP = "H265/90000", h265FMTP(t)
	case media.MPEG4:
		d.Map = "MP4V-ES/90000"
		d.FMTP = fmt.Sprintf("profile-level-id=%d; config=%s", mpeg4Profile(t.Config), strings.ToUpper(hex.EncodeToString(t.Config)))
	case media.MJPEG:
		d.Type, d.Map = 26, "JPEG/90000"
	case media.AAC:
		d.Map = fmt.Sprintf("mpeg4-generic/%d/%d", t.SampleRate, t.Channels)
		d.FMTP = "streamtype=5; profile-level-id=1; mode=AAC-hbr; sizelength=13; indexlength=3; indexdeltalength=3; config=" + hex.EncodeToString(t.Config)
	case media.Opus:
		d.Map = "opus/48000/2" // whatever its channels (RFC 7587 §4.1)
		d.FMTP = "sprop-stereo=" + strconv.Itoa(min(1, t.Channels-1))
	case media.PCMA, media.PCMU:
		d.Map = fmt.Sprintf("%s/%d/%d", t.Codec, t.ClockRate, t.Channels)
		if t.ClockRate == 8000 && t.Channels == 1 {
			d.Type, d.Map = map[media.Codec]byte{media.PCMU: 0, media.PCMA: 8}[t.Codec], string(t.Codec)+"/8000"
		}
	case media.G726x16, media.G726x24, media.G726x32, media.G726x40:
		d.Map = fmt.Sprintf("G726-%d/%d", 8*t.Codec.CodeBits(), t.ClockRate)
	default:
		return d, fmt.Errorf("%s: %w", t.Codec, errPayload)
	}
	return d, nil
}

// h264FMTP gives the parameter sets (RFC 6184 §8.1).
func h264FMTP(t *media.Track) string {
	out := "packetization-mode=1"
	if len(t.SPS) >= 4 {
		out += "; profile-level-id=" + strings.ToUpper(hex.EncodeToString(t.SPS[1:4]))
	}
	var sets []string
	for _, s := range append([][]byte{t.SPS, t.PPS}, t.MoreSets...) {
		if len(s) > 0 {
			sets = append(sets, base64.StdEncoding.EncodeToString(s))
		}
	}
	if len(sets) > 0 {
		out += "; sprop-parameter-sets=" + strings.Join(sets, ",")
	}
	return out
}

// h265FMTP gives the parameter sets (RFC 7798 §7.1).
func h265FMTP(t *media.Track) string {
	sets := map[byte][]string{}
	for _, s := range append([][]byte{t.VPS, t.SPS, t.PPS}, t.MoreSets...) {
		if len(s) > 2 {
			kind := s[0] >> 1 & 0x3f
			sets[kind] = append(sets[kind], base64.StdEncoding.EncodeToString(s))
		}
	}
	var out []string
	for _, k := range []struct {
		name string
		kind byte
	}{{"sprop-vps", 32}, {"sprop-sps", 33}, {"sprop-pps", 34}} {
		if list := sets[k.kind]; len(list) > 0 {
			out = append(out, k.name+"="+strings.Join(list, ","))
		}
	}
	return strings.Join(out, "; ")
}

// mpeg4Profile is the profile_and_level_indication of the visual object sequence's header (ISO 14496-2 §6.2.2).
func mpeg4Profile(config []byte) byte {
	if len(config) >= 5 && config[0] == 0 && config[1] == 0 && config[2] == 1 && config[3] == 0xb0 {
		return config[4]
	}
	return 1
}

// ParameterSets are the parameter sets of a track, in the order in which a decoder wants them.
func ParameterSets(t *media.Track) (sets Sets) {
	for _, s := range append([][]byte{t.VPS, t.SPS, t.PPS}, t.MoreSets...) {
		if len(s) > 0 {
			sets = append(sets, s)
		}
	}
	return sets
}

// HasSets tells whether a payload of NAL units begins with parameter sets of its own, as far as its first coded picture.
func HasSets(codec media.Codec, payload []byte) bool {
	for len(payload) > 5 {
		n := int(payload[0])<<24 | int(payload[1])<<16 | int(payload[2])<<8 | int(payload[3])
		if n < 1 || n > len(payload)-4 {
			return false
		}
		kind, sps, picture := payload[4]&0x1f, byte(7), payload[4]&0x1f >= 1 && payload[4]&0x1f <= 5
		if codec == media.H265 {
			kind, sps = payload[4]>>1&0x3f, 33
			picture = kind < 32
		}
		switch {
		case kind == sps:
			return true
		case picture:
			return false
		}
		payload = payload[4+n:]
	}
	return false
}
