package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"vigie/services/engine/internal/media"
)

// waveFormat builds a WAVEFORMATEX (mmreg.h, little-endian):
//
//	0  tag 2 | channels 2 | samples a second 4 | bytes a second 4 | block align 2 | bits a sample 2 | bytes that follow 2
//
// A block is the least number of whole codes that fills whole bytes.
func waveFormat(tag uint16, t *media.Track) ([]byte, error) {
	code := t.Codec.CodeBits()
	if t.Channels < 1 || t.Channels > 255 || t.SampleRate < 1 {
		return nil, fmt.Errorf("%s of %d Hz, %d channels", t.Codec, t.SampleRate, t.Channels)
	}
	block := code * t.Channels
	block >>= min(3, bits.TrailingZeros(uint(block)))
	b := binary.LittleEndian.AppendUint16(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.SampleRate))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.SampleRate*t.Channels*code/8))
	b = binary.LittleEndian.AppendUint16(b, uint16(block))
	b = binary.LittleEndian.AppendUint16(b, uint16(code))
	return binary.LittleEndian.AppendUint16(b, 0), nil
}

// acmCodec tells what a WAVEFORMATEX describes.
func acmCodec(b []byte) (media.Codec, error) {
	if len(b) < 16 {
		return "", errors.New("WAVEFORMATEX is too short")
	}
	tag, code := binary.LittleEndian.Uint16(b), int(binary.LittleEndian.Uint16(b[14:]))
	for codec, f := range forms {
		if f.id == acm && f.tag == tag && codec.CodeBits() == code {
			return codec, nil
		}
	}
	return "", fmt.Errorf("audio format %#04x of %d bits is unknown", tag, code)
}
