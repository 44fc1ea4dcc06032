package ingest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bluenviron/gortsplib/v5/pkg/description"
	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/sdp"
)

// choice is what is fetched of all that a camera offers.
type choice struct {
	video       *description.Media
	videoFormat format.Format // one that newPicture takes
	audio       *description.Media
	audioFormat format.Format // one that newAudio takes; nil: no audio
	left        []string      // what cannot be fetched and why, in sentences for people
}

// maxLeft bounds what is told of a camera's oddities.
const maxLeft = 8

// choose takes the first video that we record, H.264 and H.265 before others, and, unless it is to be silent, the first
// audio.
func choose(desc *sdp.Session, silent bool) (choice, error) {
	var c choice
	var left []sdp.Left
	var other []string
	leave := func(kind description.MediaType, codec, reason string) {
		if !silent || kind != description.MediaTypeAudio {
			left = append(left, sdp.Left{Kind: kind, Codec: codec, Reason: reason})
		}
	}
	for _, m := range desc.Medias {
		if m.IsBackChannel {
			continue
		}
		for _, f := range m.Formats {
			switch kind := pictureCodec(f); {
			case kind != "":
				if c.video == nil || kind.HasNALUs() && !pictureCodec(c.videoFormat).HasNALUs() {
					c.video, c.videoFormat = m, f
				}
			case recordable(f):
				if c.audio == nil && !silent {
					c.audio, c.audioFormat = m, f
				}
			case m.Type == description.MediaTypeVideo:
				other = append(other, codecName(f))
				leave(m.Type, "", "codec "+codecName(f)+" is not supported; supported are H.264, H.265, MPEG-4 part 2 and Motion JPEG")
			case m.Type == description.MediaTypeAudio && audioTrack(f).Codec != "":
				leave(m.Type, codecName(f), "its sampling rate or number of channels is not supported")
			case m.Type == description.MediaTypeAudio:
				leave(m.Type, "", "codec "+codecName(f)+" is not supported; supported are AAC, Opus, G.711 and G.726")
			}
		}
	}
	for _, l := range desc.Left {
		leave(l.Kind, l.Codec, l.Reason)
	}
	for _, l := range left {
		if text := c.leftOut(l); len(c.left) < maxLeft && !slices.Contains(c.left, text) {
			c.left = append(c.left, text)
		}
	}
	broken := slices.IndexFunc(left, func(l sdp.Left) bool { return l.Kind == description.MediaTypeVideo })
	switch {
	case c.video != nil:
		return c, nil
	case len(other) > 0:
		return c, &Fault{Code: "bad_codec", Reason: fmt.Sprintf("The camera sends %s. Set its video codec to H.264 or H.265.", strings.Join(other, ", "))}
	case broken >= 0:
		return c, &Fault{Code: "bad_codec", Reason: c.leftOut(left[broken]) + " Change the video settings in the camera."}
	}
	return c, &Fault{Code: "no_video", Reason: "The camera's stream has no video. Check that the address is that of a video stream."}
}

// leftOut says why something is not fetched.
func (c *choice) leftOut(l sdp.Left) string {
	what := "Video"
	switch sound := l.Kind == description.MediaTypeAudio; {
	case sound && c.audio != nil:
		what = "Another sound"
	case sound:
		what = "Sound"
	case c.video != nil:
		what = "Another video"
	}
	if codec := strings.Map(printable, l.Codec); codec != "" {
		what += " (" + codec + ")"
	}
	return what + " is not recorded: " + l.Reason + "."
}

// videoFormats are those in which the chosen video may come, that which it is expected in first. A camera that offers
// several may change between them in mid-stream.
func (c *choice) videoFormats() []format.Format {
	all := []format.Format{c.videoFormat}
	for _, f := range c.video.Formats {
		if f != c.videoFormat && pictureCodec(f) != "" {
			all = append(all, f)
		}
	}
	return all
}

// pictureCodec is the codec of a video format; empty for what we do not record.
func pictureCodec(f format.Format) media.Codec {
	switch f := f.(type) {
	case *format.H264:
		return media.H264
	case *format.H265:
		return media.H265
	case *format.MPEG4Video:
		return media.MPEG4
	case *format.MJPEG:
		return media.MJPEG
	case *format.Generic:
		if strings.HasPrefix(f.RTPMap(), "JPEG/") { // of a payload type that the library does not know it by
			return media.MJPEG
		}
	}
	return ""
}

// newPicture returns a depacketiser of a format that pictureCodec knows.
func newPicture(f format.Format) (picture, error) {
	switch f := f.(type) {
	case *format.MPEG4Video:
		return newMPEG4(f), nil
	case *format.MJPEG, *format.Generic:
		return newJPEG(), nil
	}
	return newVideo(f)
}

// recordable tells audio that is recorded. It refuses such whose numbers make no sense.
func recordable(f format.Format) bool {
	if l := latmOf(f); l != nil && l.CPresent && l.StreamMuxConfig == nil {
		return true // will be described in band
	}
	t := audioTrack(f)
	return plausible(&t)
}

func plausible(t *media.Track) bool {
	channels := 8
	if t.Codec == media.Opus || t.Codec.CodeBits() > 0 && t.Codec.CodeBits() < 8 { // more would be in another packing
		channels = 2
	}
	return t.SampleRate >= 4000 && t.SampleRate <= 192_000 && t.Channels >= 1 && t.Channels <= channels
}

// audioTrack describes the audio of a chosen format. What we do not record, or cannot describe yet, has no codec.
func audioTrack(f format.Format) media.Track {
	if l := latmOf(f); l != nil {
		c, err := specificConfig(l.StreamMuxConfig)
		if err != nil {
			return media.Track{}
		}
		return aacTrack(c)
	}
	switch f := f.(type) {
	case *format.MPEG4Audio:
		return aacTrack(f.Config)
	case *format.G711:
		codec := media.PCMA
		if f.MULaw {
			codec = media.PCMU
		}
		return media.Track{Codec: codec, ClockRate: f.SampleRate, SampleRate: f.SampleRate, Channels: f.ChannelCount}
	case *format.Opus:
		return media.Track{Codec: media.Opus, ClockRate: 48000, SampleRate: 48000, Channels: f.ChannelCount}
	}
	if code, _, ok := g726Of(f); ok {
		codec := map[int]media.Codec{2: media.G726x16, 3: media.G726x24, 4: media.G726x32, 5: media.G726x40}[code]
		return media.Track{Codec: codec, ClockRate: 8000, SampleRate: 8000, Channels: 1}
	}
	return media.Track{}
}

func aacTrack(c *mpeg4audio.AudioSpecificConfig) media.Track {
	config, err := c.Marshal()
	if err != nil {
		return media.Track{}
	}
	return media.Track{Codec: media.AAC, ClockRate: c.SampleRate, SampleRate: c.SampleRate, Channels: channels(c), Config: config}
}

// g726Of tells G.726 by its name (RFC 3551 §4.5.4): the bits of a code, and whether the first code of a byte is in its
// lowest bits. The name is looked at since the library knows it with dynamic payload types only.
func g726Of(f format.Format) (codeBits int, little, ok bool) {
	name, clock, _ := strings.Cut(strings.ToUpper(f.RTPMap()), "/")
	name, aal2 := strings.CutPrefix(name, "AAL2-")
	rate, ok := strings.CutPrefix(name, "G726-")
	codeBits = map[string]int{"16": 2, "24": 3, "32": 4, "40": 5}[rate]
	return codeBits, !aal2, ok && codeBits > 0 && (clock == "8000" || clock == "8000/1")
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
	switch name {
	case "MPV":
		return "MPEG-1/2 video"
	case "MP2T":
		return "an MPEG transport stream"
	case "":
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
