package fmp4

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"vigie/services/engine/internal/media"
)

var errShortSPS = errors.New("the SPS is too short")

// Names of video by its object type (ISO 14496-1 §7.2.6.6.2): JPEG pictures, and MPEG-4 part 2.
const (
	jpegString  = "mp4v.6C"
	mpeg4String = "mp4v.20"
)

// codecString names a track as RFC 6381 and ISO 14496-15 annex E do.
func codecString(t *media.Track) (string, error) {
	switch t.Codec {
	case media.H264:
		if len(t.SPS) < 4 {
			return "", errShortSPS
		}
		return fmt.Sprintf("avc1.%02X%02X%02X", t.SPS[1], t.SPS[2], t.SPS[3]), nil
	case media.H265:
		return hevcString(t.SPS)
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.Config); err != nil {
			return "", fmt.Errorf("AAC configuration: %w", err)
		}
		return "mp4a.40." + strconv.Itoa(int(c.Type)), nil
	case media.Opus:
		return "opus", nil
	}
	if t.Codec.CodeBits() > 0 {
		return "flac", nil
	}
	return "", &UnplayableError{Codec: t.Codec}
}

// UnplayableError says that no browser plays a codec in MP4.
type UnplayableError struct{ Codec media.Codec }

// Error is a sentence for people.
func (e *UnplayableError) Error() string {
	return fmt.Sprintf("Browsers cannot show %s video. It is recorded as usual: download the recording to see it, or set the camera's video codec to H.264.", e.Codec)
}

// hevcString reads profile, tier and level, which begin at byte 3 of the SPS (ITU-T H.265 §7.3.3).
func hevcString(sps []byte) (string, error) {
	p := h264.EmulationPreventionRemove(sps)
	if len(p) < 15 {
		return "", errShortSPS
	}
	p = p[3:]
	space := []string{"", "A", "B", "C"}[p[0]>>6]
	tier := "L"
	if p[0]&0x20 != 0 {
		tier = "H"
	}
	compatibility := bits.Reverse32(uint32(p[1])<<24 | uint32(p[2])<<16 | uint32(p[3])<<8 | uint32(p[4]))
	var s strings.Builder
	fmt.Fprintf(&s, "hvc1.%s%d.%X.%s%d", space, p[0]&0x1f, compatibility, tier, p[11])
	constraints := p[5:11]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, c := range constraints {
		fmt.Fprintf(&s, ".%X", c)
	}
	return s.String(), nil
}
