package ingest

import (
	"fmt"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"vigie/services/engine/internal/media"
)

// choice is what is fetched of all that a camera offers.
type choice struct {
	video       *description.Media
	videoFormat format.Format // *format.H264 or *format.H265
	audio       *description.Media
	audioFormat format.Format // *format.MPEG4Audio or *format.G711; nil: no audio
	refused     string        // audio that is not fetched, by name
}

// choose takes the first video that we record, and the first audio.
func choose(desc *description.Session) (choice, error) {
	var c choice
	var other []string
	for _, m := range desc.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			switch f := f.(type) {
			case *format.H264, *format.H265:
				if c.video == nil {
					c.video, c.videoFormat = m, f
				}
			case *format.MPEG4Audio, *format.G711:
				if c.audio == nil && recordable(f) {
					c.audio, c.audioFormat = m, f
				}
			default:
				switch m.Type {
				case description.MediaTypeVideo:
					other = append(other, codecName(f))
				case description.MediaTypeAudio:
					c.refused = codecName(f)
				}
			}
		}
	}
	switch {
	case c.video != nil:
		return c, nil
	case len(other) > 0:
		return c, &Fault{Code: "bad_codec", Reason: fmt.Sprintf("The camera sends %s. Set its video codec to H.264 or H.265.", strings.Join(other, ", "))}
	}
	return c, &Fault{Code: "no_video", Reason: "The camera's stream has no video. Check that the address is that of a video stream."}
}

// recordable refuses audio whose numbers make no sense.
func recordable(f format.Format) bool {
	t := audioTrack(f)
	return t.SampleRate >= 4000 && t.SampleRate <= 192_000 && t.Channels >= 1 && t.Channels <= 8
}

// audioTrack describes the audio of a chosen format.
func audioTrack(f format.Format) media.Track {
	switch f := f.(type) {
	case *format.MPEG4Audio:
		config, err := f.Config.Marshal()
		if err != nil {
			return media.Track{}
		}
		return media.Track{Codec: media.AAC, ClockRate: f.Config.SampleRate, SampleRate: f.Config.SampleRate, Channels: channels(f.Config), Config: config}
	case *format.G711:
		codec := media.PCMA
		if f.MULaw {
			codec = media.PCMU
		}
		return media.Track{Codec: codec, ClockRate: f.SampleRate, SampleRate: f.SampleRate, Channels: f.ChannelCount}
	}
	return media.Track{}
}

// channels maps an MPEG-4 channel configuration (ISO 14496-3 table 1.19) to a count; 0 when it is told elsewhere.
func channels(c *mpeg4audio.AudioSpecificConfig) int {
	if c.ChannelConfig == 7 {
		return 8
	}
	return int(c.ChannelConfig)
}

// codecName names a format for people.
func codecName(f format.Format) string {
	name, _, _ := strings.Cut(f.RTPMap(), "/")
	switch f.(type) {
	case *format.MJPEG:
		return "Motion JPEG"
	case *format.MPEG1Video:
		return "MPEG-1/2 video"
	case *format.MPEG4Video:
		return "MPEG-4 part 2 video"
	case *format.MPEGTS:
		return "an MPEG transport stream"
	case *format.MPEG4AudioLATM:
		return "AAC in LATM"
	}
	if name == "" {
		return fmt.Sprintf("an unknown codec (RTP payload type %d)", f.PayloadType())
	}
	return strings.ToUpper(strings.Map(printable, name))
}

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}
