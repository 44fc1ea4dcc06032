package fmp4

import (
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/g711"

	"vigie/services/engine/internal/g726"
	"vigie/services/engine/internal/media"
)

// decoder turns payloads into samples of 16 bits, channels interleaved. It may remember what it has decoded.
type decoder interface {
	Decode(dst []int16, payload []byte) []int16
}

// newDecoder returns a decoder of audio that is coded sample by sample.
func newDecoder(t *media.Track) (decoder, error) {
	switch code := t.Codec.CodeBits(); {
	case code == 8:
		return newCompanded(t.Codec), nil
	case code > 0 && t.Channels == 1:
		return g726.NewDecoder(code), nil
	}
	return nil, fmt.Errorf("%s with %d channels cannot be decoded", t.Codec, t.Channels)
}

// companded decodes G.711.
type companded [256]int16

func newCompanded(codec media.Codec) *companded {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	var pcm []byte // big-endian
	if codec == media.PCMU {
		var d g711.Mulaw
		d.Unmarshal(all)
		pcm = d
	} else {
		var d g711.Alaw
		d.Unmarshal(all)
		pcm = d
	}
	var c companded
	for i := range c {
		c[i] = int16(uint16(pcm[2*i])<<8 | uint16(pcm[2*i+1]))
	}
	return &c
}

func (c *companded) Decode(dst []int16, payload []byte) []int16 {
	for _, b := range payload {
		dst = append(dst, c[b])
	}
	return dst
}
