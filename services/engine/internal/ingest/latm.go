package ingest

import (
	"errors"
	"fmt"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/gortsplib/v5/pkg/format/rtpfragmented"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/pion/rtp"

	"vigie/services/engine/internal/sdp"
)

// latm takes AAC out of the multiplex that RFC 6416 §6 has it in (ISO 14496-3 §1.7.3): an audioMuxElement a packet or in
// several, whose configuration stands in the session description, or in band. Of several programs or layers the first is
// taken.
//
// A description that has the configuration and does not say that there is none in band may mean either: the first element
// tells, whose length is given before its payload when there is none.
type latm struct {
	packets    *rtpfragmented.Decoder
	inBand     bool
	unsure     bool                        // whether it is in band
	config     *mpeg4audio.StreamMuxConfig // nil: not known yet
	configured func(*mpeg4audio.AudioSpecificConfig)
}

func newLATM(f *format.MPEG4AudioLATM, configured func(*mpeg4audio.AudioSpecificConfig)) (*latm, error) {
	packets, err := f.CreateDecoder()
	if err != nil {
		return nil, fmt.Errorf("decode LATM from RTP: %w", err)
	}
	return &latm{packets: packets, inBand: f.CPresent, unsure: f.CPresent && f.StreamMuxConfig != nil,
		config: mended(f.StreamMuxConfig), configured: configured}, nil
}

// latmOf returns the LATM format that f is; nil: it is another.
func latmOf(f format.Format) *format.MPEG4AudioLATM {
	switch f := f.(type) {
	case *sdp.LATM:
		return f.MPEG4AudioLATM
	case *format.MPEG4AudioLATM:
		return f
	}
	return nil
}

// bare tells whether an element is its payload's length and the payload, without a word on what it is (ISO 14496-3
// §1.7.3.1, PayloadLengthInfo).
func bare(b []byte) bool {
	size := 0
	for i, n := range b {
		if size += int(n); n != 0xff {
			return size == len(b)-i-1
		}
	}
	return false
}

// mended returns a configuration in which a reserved frameLengthType is taken for what it is: the beginning of an extension
// of the AudioSpecificConfig (ISO 14496-3 §1.6.5, syncExtensionType 0x2b7), which some multiplexers leave in.
func mended(c *mpeg4audio.StreamMuxConfig) *mpeg4audio.StreamMuxConfig {
	asc, err := specificConfig(c)
	if err != nil || c.Programs[0].Layers[0].FrameLengthType != 2 {
		return c
	}
	return &mpeg4audio.StreamMuxConfig{NumSubFrames: c.NumSubFrames, Programs: []*mpeg4audio.StreamMuxConfigProgram{{
		Layers: []*mpeg4audio.StreamMuxConfigLayer{{AudioSpecificConfig: asc}}}}}
}

func (l *latm) decode(pkt *rtp.Packet) ([][]byte, error) {
	b, err := l.packets.Decode(pkt)
	switch {
	case errors.Is(err, rtpfragmented.ErrMorePacketsNeeded):
		return nil, errMore
	case err != nil:
		return nil, err
	}
	if l.unsure {
		l.unsure, l.inBand = false, !bare(b)
	}
	if l.config == nil && b[0]&0x80 != 0 { // useSameStreamMux: as was said before we came
		return nil, errMore
	}
	e := mpeg4audio.AudioMuxElement{MuxConfigPresent: l.inBand, StreamMuxConfig: l.config}
	if err := e.Unmarshal(b); err != nil {
		return nil, err
	}
	if l.inBand && !e.UseSameStreamMux {
		c, err := specificConfig(e.StreamMuxConfig)
		if err != nil {
			return nil, err
		}
		l.config = e.StreamMuxConfig
		l.configured(c)
	}
	var units [][]byte
	for _, frame := range e.Payloads {
		if len(frame) > 0 && len(frame[0]) > 0 {
			units = append(units, frame[0][0])
		}
	}
	return units, nil
}

var errLATM = errors.New("LATM without a usable configuration")

// specificConfig returns the first layer's configuration.
func specificConfig(c *mpeg4audio.StreamMuxConfig) (*mpeg4audio.AudioSpecificConfig, error) {
	if c == nil || len(c.Programs) == 0 || len(c.Programs[0].Layers) == 0 || c.Programs[0].Layers[0].AudioSpecificConfig == nil {
		return nil, errLATM
	}
	asc := c.Programs[0].Layers[0].AudioSpecificConfig
	if t := aacTrack(asc); !plausible(&t) {
		return nil, errLATM
	}
	return asc, nil
}
