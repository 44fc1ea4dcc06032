package pack

import (
	"encoding/binary"
)

// Replay is what ONVIF's RTP header extension says of a frame of a recording (Streaming Specification §6.3):
//
//	0xABAC 2 | length in words 2 | NTP time of the frame 8 | C E D T, 4 zero bits 1 | low byte of PLAY's CSeq 1 | zero 2
type Replay struct {
	TimeNs        int64 // UTC of the frame
	Keyframe      bool  // C: it can be decoded alone
	Last          bool  // E: the last of a contiguous piece of recording
	Discontinuity bool  // D: what came before it is missing, or was sent before
	Sequence      byte  // of the PLAY that it answers
}

// Profiles of header extensions.
const (
	profileReplay = 0xabac
	profileJPEG   = 0xffd8
)

// appendExtension appends a header extension that says both, where both are said; nothing where nothing is. The headers of a
// JPEG file are filled up to whole words with FF.
func appendExtension(b []byte, r *Replay, jpeg []byte) []byte {
	if r == nil && len(jpeg) == 0 {
		return b
	}
	filled := (len(jpeg) + 3) / 4 * 4
	words := filled / 4
	profile := uint16(profileJPEG)
	if r != nil {
		profile = profileReplay
		if words += 3; len(jpeg) > 0 {
			words++
		}
	}
	b = binary.BigEndian.AppendUint16(b, profile)
	b = binary.BigEndian.AppendUint16(b, uint16(words))
	if r != nil {
		b = binary.BigEndian.AppendUint64(b, NTP(r.TimeNs))
		var flags byte
		for i, f := range []bool{r.Keyframe, r.Last, r.Discontinuity} {
			if f {
				flags |= 0x80 >> i
			}
		}
		b = append(b, flags, r.Sequence, 0, 0)
		if len(jpeg) > 0 {
			b = binary.BigEndian.AppendUint16(b, profileJPEG)
			b = binary.BigEndian.AppendUint16(b, uint16(filled/4))
		}
	}
	b = append(b, jpeg...)
	for range filled - len(jpeg) {
		b = append(b, 0xff)
	}
	return b
}

// NTP is an instant, in nanoseconds since the Unix epoch, as NTP and RTCP tell it (RFC 5905 §6): seconds since 1900, and
// 2^-32 of them.
func NTP(ns int64) uint64 {
	const second = 1_000_000_000
	sec, rest := ns/second, ns%second
	if rest < 0 {
		sec, rest = sec-1, rest+second
	}
	return uint64(sec+2_208_988_800)<<32 | (uint64(rest)<<32)/second
}
