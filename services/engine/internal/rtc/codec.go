package rtc

import (
	"fmt"

	"github.com/pion/webrtc/v4"

	"vigie/services/engine/internal/media"
)

// capability is how a track is named in SDP; ok is false for what browsers take by no means.
func capability(t *media.Track) (c webrtc.RTPCodecCapability, ok bool) {
	c.ClockRate = uint32(t.ClockRate)
	switch t.Codec {
	case media.H264:
		c.MimeType = webrtc.MimeTypeH264
		profile := "42e01f"
		if len(t.SPS) >= 4 {
			profile = fmt.Sprintf("%02x%02x%02x", t.SPS[1], t.SPS[2], t.SPS[3])
		}
		c.SDPFmtpLine = h264Line(profile)
	case media.H265:
		c.MimeType = webrtc.MimeTypeH265
	case media.Opus:
		c.MimeType, c.ClockRate, c.Channels = webrtc.MimeTypeOpus, 48000, 2 // RFC 7587 §7: always said to be two
	case media.PCMA:
		c.MimeType = webrtc.MimeTypePCMA
	case media.PCMU:
		c.MimeType = webrtc.MimeTypePCMU
	default:
		return c, false
	}
	if t.Codec.CodeBits() > 0 && (t.ClockRate != 8000 || t.Channels != 1) || t.Codec == media.Opus && t.ClockRate != 48000 {
		return c, false
	}
	return c, true
}

// sendable tells whether a track can be sent at all.
func sendable(t *media.Track) bool {
	_, ok := capability(t)
	return ok
}

func h264Line(profile string) string {
	return "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=" + profile
}

// register makes a codec known, with the ways in which browsers name it. Browsers decode any profile of H.264 that they
// decode elsewhere, whatever was agreed on.
func register(m *webrtc.MediaEngine, t *media.Track) error {
	c, ok := capability(t)
	if !ok {
		return nil // sound that is left out
	}
	kind, lines, first := webrtc.RTPCodecTypeAudio, []string{c.SDPFmtpLine}, webrtc.PayloadType(8)
	if t.Codec.IsVideo() {
		kind, first = webrtc.RTPCodecTypeVideo, 102
		c.RTCPFeedback = []webrtc.RTCPFeedback{{Type: "nack"}, {Type: "nack", Parameter: "pli"}, {Type: "ccm", Parameter: "fir"}}
	}
	switch t.Codec {
	case media.H264:
		for _, profile := range []string{"640c1f", "64001f", "4d001f", "42001f", "42e01f"} {
			if line := h264Line(profile); line != c.SDPFmtpLine {
				lines = append(lines, line)
			}
		}
	case media.Opus:
		first = 111
	case media.PCMU:
		first = 0
	}
	for i, line := range lines {
		c.SDPFmtpLine = line
		if err := m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: first + webrtc.PayloadType(i)}, kind); err != nil {
			return fmt.Errorf("register %s: %w", t.Codec, err)
		}
	}
	return nil
}
