package fmp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	flacinfo "github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/fmp4/seekablebuffer"
	"github.com/bluenviron/mediacommon/v2/pkg/formats/mp4/codecs"

	"vigie/services/engine/internal/media"
)

// Samples makes the payloads of a track's frames what MP4 holds of them: as they are, but for G.711 and G.726, which become
// FLAC, and for parameter sets that the track's description has no room for, which stand before keyframes. G.726 depends
// on all that came before it: who wants the same bytes again begins at the same place. For one goroutine.
type Samples struct {
	sets []byte
	flac *flac
}

// NewSamples fails for sound that cannot become FLAC.
func NewSamples(t *media.Track) (*Samples, error) {
	s := &Samples{}
	for _, n := range t.MoreSets {
		s.sets = append(binary.BigEndian.AppendUint32(s.sets, uint32(len(n))), n...)
	}
	if t.Codec.CodeBits() > 0 {
		var err error
		if s.flac, err = newFLAC(t); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Append appends a frame's sample to dst. atTicks is when it is presented, in the track's clock.
func (s *Samples) Append(dst, payload []byte, keyframe bool, atTicks int64) []byte {
	if s.flac != nil {
		return s.flac.encode(dst, payload, atTicks)
	}
	return append(append(dst, s.before(keyframe)...), payload...)
}

func (s *Samples) before(keyframe bool) []byte {
	if !keyframe {
		return nil
	}
	return s.sets
}

// Description returns the box that describes a track to players, "stsd" (ISO 14496-12 §8.5.2), of every codec that is
// recorded, also of those that browsers do not play.
func Description(t *media.Track, bitsPerSecond int64) ([]byte, error) {
	codec, err := description(t)
	if err != nil {
		return nil, err
	}
	rate := uint32(min(max(bitsPerSecond, 1), 1<<31))
	init := fmp4.Init{Tracks: []*fmp4.InitTrack{{ID: 1, TimeScale: uint32(t.ClockRate), Codec: codec, AvgBitrate: rate, MaxBitrate: rate}}}
	var buf seekablebuffer.Buffer
	if err := init.Marshal(&buf); err != nil {
		return nil, fmt.Errorf("describe %s: %w", t.Codec, err)
	}
	b := buf.Bytes()
	for _, name := range []string{"moov", "trak", "mdia", "minf", "stbl"} {
		if b = inside(b, name); b != nil {
			b = b[8:]
		}
	}
	if b = inside(b, "stsd"); b == nil {
		return nil, errors.New("there is no description")
	}
	const width = 48 // of the first entry, behind which its height stands
	if t.Codec.IsVideo() && t.Width > 0 && len(b) >= width+4 {
		b = bytes.Clone(b)
		binary.BigEndian.PutUint16(b[width:], uint16(t.Width))
		binary.BigEndian.PutUint16(b[width+2:], uint16(t.Height))
	}
	return b, nil
}

// inside finds a box among those that follow one another in b; nil: there is none.
func inside(b []byte, name string) []byte {
	for len(b) >= 8 {
		n := int(binary.BigEndian.Uint32(b))
		if n < 8 || n > len(b) {
			return nil
		}
		if string(b[4:8]) == name {
			return b[:n]
		}
		b = b[n:]
	}
	return nil
}

// description is a track as the library describes it.
func description(t *media.Track) (codecs.Codec, error) {
	switch t.Codec {
	case media.H264:
		return &codecs.H264{SPS: t.SPS, PPS: t.PPS}, nil
	case media.H265:
		return &codecs.H265{VPS: t.VPS, SPS: t.SPS, PPS: t.PPS}, nil
	case media.MPEG4:
		return &codecs.MPEG4Video{Config: t.Config}, nil
	case media.MJPEG:
		return &codecs.MJPEG{Width: t.Width, Height: t.Height}, nil
	case media.AAC:
		var c mpeg4audio.AudioSpecificConfig
		if err := c.Unmarshal(t.Config); err != nil {
			return nil, fmt.Errorf("AAC configuration: %w", err)
		}
		return &codecs.MPEG4Audio{Config: c}, nil
	case media.Opus:
		return &codecs.Opus{ChannelCount: t.Channels}, nil
	}
	if t.Codec.CodeBits() == 0 {
		return nil, fmt.Errorf("%s is not described in MP4", t.Codec)
	}
	return &codecs.FLAC{StreamInfo: &flacinfo.StreamInfo{
		MinBlockSize: 16, MaxBlockSize: flacMaxBlock, SampleRate: uint32(t.SampleRate), ChannelCount: uint8(t.Channels), BitDepth: 16}}, nil
}
