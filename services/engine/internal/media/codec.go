package media

import "github.com/bluenviron/mediacommon/v2/pkg/codecs/opus"

// Codec names one coding of one elementary stream. Its value is the name shown to people; its methods say what the rest
// of the engine has to know about it. How it is packed belongs to ingest, how it is stored to mkv and fmp4.
type Codec string

// The codecs that Vigie records.
const (
	H264  Codec = "H.264"         // payload: NAL units, each behind a 4-byte big-endian length (AVCC); no AUD; SPS and PPS in band are kept
	H265  Codec = "H.265"         // payload: as for H264
	MPEG4 Codec = "MPEG-4 part 2" // payload: one VOP behind whatever headers came with it, start codes included
	MJPEG Codec = "Motion JPEG"   // payload: one JPEG interchange file

	AAC     Codec = "AAC"      // payload: one raw access unit (no ADTS, no LATM)
	Opus    Codec = "Opus"     // payload: one packet (RFC 6716 §3)
	PCMA    Codec = "PCMA"     // payload: G.711 A-law bytes, one a sample and channel
	PCMU    Codec = "PCMU"     // payload: G.711 mu-law bytes
	G726x16 Codec = "G.726-16" // payload: G.726 codes of 2 bits, the first in the highest bits of the first byte
	G726x24 Codec = "G.726-24" // payload: as for G726x16, of 3 bits: 8 codes in 3 bytes
	G726x32 Codec = "G.726-32" // payload: as for G726x16, of 4 bits
	G726x40 Codec = "G.726-40" // payload: as for G726x16, of 5 bits: 8 codes in 5 bytes
)

// traits are what a codec is.
type traits struct {
	video   bool
	nalus   bool // payloads are NAL units, described by parameter sets
	codeLen int  // audio of codes of one length: bits a sample and channel
	samples int  // audio of units of one length: samples
}

var codecs = map[Codec]traits{
	H264:    {video: true, nalus: true},
	H265:    {video: true, nalus: true},
	MPEG4:   {video: true},
	MJPEG:   {video: true},
	AAC:     {samples: 1024}, // ISO 14496-3 §4.5.2.1.1, frameLengthFlag 0
	Opus:    {},
	PCMA:    {codeLen: 8},
	PCMU:    {codeLen: 8},
	G726x16: {codeLen: 2},
	G726x24: {codeLen: 3},
	G726x32: {codeLen: 4},
	G726x40: {codeLen: 5},
}

// IsVideo tells video from audio.
func (c Codec) IsVideo() bool { return codecs[c].video }

// HasNALUs tells whether payloads are NAL units.
func (c Codec) HasNALUs() bool { return codecs[c].nalus }

// CodeBits is the length of the code of one sample of audio, in bits, for audio that is coded sample by sample; else 0.
func (c Codec) CodeBits() int { return codecs[c].codeLen }

// Samples returns how many samples, in each channel, a payload of audio is long; 0 when that makes no sense.
func (t *Track) Samples(payload []byte) int64 {
	k := codecs[t.Codec]
	switch {
	case k.samples > 0:
		return int64(k.samples)
	case k.codeLen > 0 && t.Channels > 0:
		return int64(len(payload) * 8 / (k.codeLen * t.Channels))
	case t.Codec == Opus:
		return opus.PacketDuration2(payload) * int64(t.ClockRate) / 48000
	}
	return 0
}
