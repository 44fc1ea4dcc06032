package sdp

import (
	"encoding/hex"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// LATM is AAC in the multiplex of RFC 6416 §6. The library's format refuses a configuration beside CPresent, and counts in
// 90 kHz with it: here both stand as the camera said. CPresent with a configuration means that it is not known whether
// there is one in band too.
type LATM struct {
	*format.MPEG4AudioLATM
	Rate int // of RTP time, in Hz
}

// ClockRate is that of RTP time.
func (l *LATM) ClockRate() int { return l.Rate }

// audio is format for sound.
func (p *payload) audio() (format.Format, string) {
	switch name := p.name; {
	case name == "PCMU", name == "PCMA":
		f := &format.G711{PayloadTyp: p.number, MULaw: name == "PCMU", SampleRate: p.clock, ChannelCount: max(1, p.channels)}
		if f.SampleRate == 0 {
			f.SampleRate = 8000
		}
		return f, ""
	case name == "MPEG4-GENERIC":
		return p.aac()
	case name == "MP4A-LATM":
		return p.latm()
	case name == "OPUS": // always counts in 48 kHz, and names two channels whatever it has (RFC 7587 §4.1, §7)
		f := &format.Opus{PayloadTyp: p.number, ChannelCount: 1}
		if p.params["sprop-stereo"] == "1" {
			f.ChannelCount = 2
		}
		return f, ""
	case strings.HasPrefix(name, "G726-"), strings.HasPrefix(name, "AAL2-G726-"):
		p.channels = 0
	}
	return p.generic(), ""
}

// aac reads the parameters of RFC 3640 §4.1.
func (p *payload) aac() (format.Format, string) {
	f := &format.MPEG4Audio{PayloadTyp: p.number, ProfileLevelID: count(p.params["profile-level-id"])}
	size, index := 13, 3
	switch mode := strings.ReplaceAll(strings.ToLower(p.params["mode"]), "_", "-"); mode {
	case "", "aac-hbr":
	case "aac-lbr":
		size, index = 6, 2
	default:
		return nil, "it is packed in a way that is not supported"
	}
	f.SizeLength, f.IndexLength, f.IndexDeltaLength = size, index, index
	for key, field := range map[string]*int{"sizelength": &f.SizeLength, "indexlength": &f.IndexLength, "indexdeltalength": &f.IndexDeltaLength} {
		if text, said := p.params[key]; said {
			*field = count(text)
		}
	}
	if f.SizeLength < 1 || f.SizeLength > 31 || f.IndexLength > 31 || f.IndexDeltaLength > 31 {
		return nil, "the lengths in its description make no sense"
	}
	if f.Config = specificConfig(p.params["config"]); f.Config == nil {
		f.Config = p.guessed()
	}
	if f.Config == nil {
		return nil, "its description has no usable configuration"
	}
	return f, ""
}

// specificConfig reads an AudioSpecificConfig in hex; nil: it is none.
func specificConfig(text string) *mpeg4audio.AudioSpecificConfig {
	b, err := hex.DecodeString(text)
	c := &mpeg4audio.AudioSpecificConfig{}
	if err != nil || c.Unmarshal(b) != nil || c.SampleRate < 1 {
		return nil
	}
	return c
}

// guessed is the configuration of plain AAC as the payload's name describes it.
func (p *payload) guessed() *mpeg4audio.AudioSpecificConfig {
	if p.channels > 7 {
		return nil
	}
	b, err := mpeg4audio.AudioSpecificConfig{Type: mpeg4audio.ObjectTypeAACLC, SampleRate: p.clock,
		ChannelConfig: uint8(max(1, p.channels))}.Marshal()
	if err != nil {
		return nil
	}
	c := &mpeg4audio.AudioSpecificConfig{}
	if c.Unmarshal(b) != nil || c.SampleRate < 4000 {
		return nil
	}
	return c
}

// latm reads the parameters of RFC 6416 §7.3. That the configuration comes in band is the default, which many cameras do
// not mean when they write one down.
func (p *payload) latm() (format.Format, string) {
	f := &LATM{MPEG4AudioLATM: &format.MPEG4AudioLATM{PayloadTyp: p.number, CPresent: p.params["cpresent"] != "0"}, Rate: p.clock}
	if b, err := hex.DecodeString(p.params["config"]); err == nil && len(b) > 0 {
		c := &mpeg4audio.StreamMuxConfig{}
		if c.Unmarshal(b) == nil && len(c.Programs) > 0 && len(c.Programs[0].Layers) > 0 {
			if a := c.Programs[0].Layers[0].AudioSpecificConfig; a != nil && a.SampleRate > 0 {
				f.StreamMuxConfig = c
			}
		}
	}
	if !f.CPresent && f.StreamMuxConfig == nil {
		return nil, "its description has no usable configuration"
	}
	if f.Rate == 0 {
		if f.Rate = 90000; f.StreamMuxConfig != nil {
			f.Rate = f.StreamMuxConfig.Programs[0].Layers[0].AudioSpecificConfig.SampleRate
		}
	}
	return f, ""
}
