// Package cameratest makes cameras for the engine's tests: clips encoded by ffmpeg at run time, and an RTSP server in
// this process that sends them, well or badly, as a test asks.
//
// It is imported by tests only. A clip is immutable once made.
package cameratest

import (
	"bytes"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h264"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"

	"vigie/services/engine/internal/media"
)

// VideoOptions say how a clip is encoded. Zero values mean 320x240, 25 frames a second, 2 s, a keyframe each second.
type VideoOptions struct {
	Codec    media.Codec
	Size     string // "320x240"
	Rate     int    // frames a second
	Frames   int
	GOP      int // frames
	BFrames  int
	Slices   int
	OpenGOP  bool
	Template string // ffmpeg lavfi source; default testsrc2
}

// Video is an encoded clip.
type Video struct {
	Codec         media.Codec
	Rate          int
	Size          string
	VPS, SPS, PPS []byte
	Config        []byte // MPEG-4 part 2 only
	Units         []Unit
}

// Unit is one access unit.
type Unit struct {
	NALUs [][]byte // without delimiters; codecs without NAL units: one, the whole
	PTS   int64    // in 1/90000 s, from 0 on
	Key   bool
}

// EncodeVideo makes a clip.
func EncodeVideo(t testing.TB, o VideoOptions) *Video {
	t.Helper()
	if o.Codec == "" {
		o.Codec = media.H264
	}
	if o.Size == "" {
		o.Size = "320x240"
	}
	if o.Rate == 0 {
		o.Rate = 25
	}
	if o.Frames == 0 {
		o.Frames = 2 * o.Rate
	}
	if o.GOP == 0 {
		o.GOP = o.Rate
	}
	if o.Template == "" {
		o.Template = "testsrc2"
	}
	v := *videos.get(t, o, func() *Video { return encodeVideo(t, o) })
	v.Units = slices.Clone(v.Units)
	return &v
}

func encodeVideo(t testing.TB, o VideoOptions) *Video {
	t.Helper()
	file := filepath.Join(t.TempDir(), "clip.mp4")
	args := []string{"-v", "error", "-f", "lavfi", "-i", fmt.Sprintf("%s=size=%s:rate=%d", o.Template, o.Size, o.Rate), "-frames:v", strconv.Itoa(o.Frames), "-pix_fmt", "yuv420p"}
	open, slices := 0, max(1, o.Slices)
	if o.OpenGOP {
		open = 1
	}
	bitstream, format := "h264_mp4toannexb,h264_metadata=aud=insert", "h264"
	if o.Codec == media.H265 {
		args = append(args, "-c:v", "libx265", "-preset", "ultrafast", "-x265-params",
			fmt.Sprintf("log-level=error:keyint=%d:min-keyint=%d:scenecut=0:bframes=%d:open-gop=%d:slices=%d:aud=1:pools=1:frame-threads=1", o.GOP, o.GOP, o.BFrames, open, slices))
		bitstream, format = "hevc_mp4toannexb,hevc_metadata=aud=insert", "hevc"
	} else if e, ok := encoders[o.Codec]; ok {
		args = append(args, "-c:v", e.args, "-q:v", "4", "-g", strconv.Itoa(o.GOP), "-bf", strconv.Itoa(o.BFrames), "-b_strategy", "0", "-huffman", "default")
		bitstream, format = e.filter, e.format
	} else {
		args = append(args, "-c:v", "libx264", "-preset", "veryfast", "-threads", "1", "-x264-params",
			fmt.Sprintf("keyint=%d:min-keyint=%d:scenecut=0:bframes=%d:b-adapt=0:open-gop=%d:slices=%d", o.GOP, o.GOP, o.BFrames, open, slices))
	}
	output(t, "ffmpeg", append(args, "-y", file)...)
	stream := output(t, "ffmpeg", "-v", "error", "-i", file, "-c", "copy", "-bsf:v", bitstream, "-f", format, "-")
	times := strings.Fields(string(output(t, "ffprobe", "-v", "error", "-show_entries", "packet=pts_time,flags", "-of", "csv=p=0", file)))
	v := &Video{Codec: o.Codec, Rate: o.Rate}
	v.Size = o.Size
	if v.Codec.HasNALUs() {
		v.split(t, stream)
	} else {
		v.splitOthers(t, stream)
	}
	if len(times) != len(v.Units) || len(times) != o.Frames {
		t.Fatalf("%d access units, %d packets, want %d", len(v.Units), len(times), o.Frames)
	}
	for i, line := range times {
		at, flags, _ := strings.Cut(line, ",")
		seconds, err := strconv.ParseFloat(at, 64)
		if err != nil {
			t.Fatalf("packet time %q: %v", line, err)
		}
		v.Units[i].PTS = int64(seconds*90000 + 0.5)
		v.Units[i].Key = strings.HasPrefix(flags, "K")
	}
	return v
}

// split cuts an Annex B stream at its access unit delimiters.
func (v *Video) split(t testing.TB, stream []byte) {
	for _, nalu := range bytes.Split(bytes.ReplaceAll(stream, []byte{0, 0, 0, 1}, []byte{0, 0, 1}), []byte{0, 0, 1}) {
		if len(nalu) == 0 {
			continue
		}
		typ := nalu[0] & 0x1f
		delimiter, sps, pps := byte(9), byte(7), byte(8)
		if v.Codec == media.H265 {
			typ, delimiter, sps, pps = nalu[0]>>1&0x3f, 35, 33, 34
		}
		switch {
		case typ == delimiter:
			v.Units = append(v.Units, Unit{})
			continue
		case typ == sps && v.SPS == nil:
			v.SPS = nalu
		case typ == pps && v.PPS == nil:
			v.PPS = nalu
		case v.Codec == media.H265 && typ == 32 && v.VPS == nil:
			v.VPS = nalu
		}
		if len(v.Units) == 0 {
			t.Fatal("stream does not begin with a delimiter")
		}
		u := &v.Units[len(v.Units)-1]
		u.NALUs = append(u.NALUs, nalu)
	}
}

// Duration returns the length of the clip in 1/90000 s.
func (v *Video) Duration() int64 { return int64(len(v.Units)) * 90000 / int64(v.Rate) }

// Track describes the clip.
func (v *Video) Track() media.Track {
	t := media.Track{Codec: v.Codec, ClockRate: 90000, VPS: v.VPS, SPS: v.SPS, PPS: v.PPS, Config: v.Config}
	var sps h264.SPS
	var sps5 h265.SPS
	switch {
	case v.Codec == media.H264 && sps.Unmarshal(v.SPS) == nil:
		t.Width, t.Height = sps.Width(), sps.Height()
	case v.Codec == media.H265 && sps5.Unmarshal(v.SPS) == nil:
		t.Width, t.Height = sps5.Width(), sps5.Height()
	case !v.Codec.HasNALUs():
		_, _ = fmt.Sscanf(v.Size, "%dx%d", &t.Width, &t.Height) // as given to ffmpeg
	}
	return t
}

// Audio is a clip of a tone.
type Audio struct {
	Codec      media.Codec
	SampleRate int
	Channels   int
	Config     *mpeg4audio.AudioSpecificConfig // AAC only
	Units      [][]byte                        // AAC access units, or 20 ms each
	Samples    int                             // a unit
}

// EncodeAudio makes two seconds of a rising tone, so that no two units are alike.
func EncodeAudio(t testing.TB, codec media.Codec) *Audio {
	t.Helper()
	a := *audios.get(t, codec, func() *Audio { return encodeAudio(t, codec) })
	a.Units = slices.Clone(a.Units)
	return &a
}

func encodeAudio(t testing.TB, codec media.Codec) *Audio {
	t.Helper()
	rate := 8000
	if codec == media.AAC || codec == media.Opus {
		rate = 48000
	}
	source := fmt.Sprintf("aevalsrc=0.4*sin(2*PI*(300+200*t)*t):s=%d:d=2", rate)
	args := []string{"-v", "error", "-f", "lavfi", "-i", source, "-ac", "1"}
	switch codec {
	case media.AAC:
		var packets mpeg4audio.ADTSPackets
		if err := packets.Unmarshal(output(t, "ffmpeg", append(args, "-c:a", "aac", "-b:a", "64k", "-f", "adts", "-")...)); err != nil {
			t.Fatalf("read ADTS: %v", err)
		}
		a := &Audio{Codec: codec, SampleRate: rate, Channels: 1, Samples: 1024,
			Config: &mpeg4audio.AudioSpecificConfig{Type: packets[0].Type, SampleRate: rate, ChannelConfig: 1}}
		for _, p := range packets {
			a.Units = append(a.Units, p.AU)
		}
		return a
	case media.PCMA, media.PCMU:
		format := map[media.Codec]string{media.PCMA: "alaw", media.PCMU: "mulaw"}[codec]
		pcm := output(t, "ffmpeg", append(args, "-c:a", "pcm_"+format, "-f", format, "-")...)
		a := &Audio{Codec: codec, SampleRate: rate, Channels: 1, Samples: 160}
		for ; len(pcm) >= 160; pcm = pcm[160:] {
			a.Units = append(a.Units, pcm[:160])
		}
		return a
	case media.Opus:
		return &Audio{Codec: codec, SampleRate: rate, Channels: 1, Samples: 960, Units: encodeOpus(t, source)}
	}
	if code := codec.CodeBits(); code > 0 {
		return &Audio{Codec: codec, SampleRate: rate, Channels: 1, Samples: 160, Units: encodeG726(t, source, code)}
	}
	t.Fatalf("no audio codec %s", codec)
	return nil
}

// Track describes the clip.
func (a *Audio) Track() media.Track {
	t := media.Track{Codec: a.Codec, ClockRate: a.SampleRate, SampleRate: a.SampleRate, Channels: a.Channels}
	if a.Config != nil {
		t.Config, _ = a.Config.Marshal()
	}
	return t
}

func output(t testing.TB, name string, args ...string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, stderr.String())
	}
	return out
}
