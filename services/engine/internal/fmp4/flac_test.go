package fmp4

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os/exec"
	"slices"
	"testing"

	flacinfo "github.com/bluenviron/mediacommon/v2/pkg/codecs/flac"

	"vigie/services/engine/internal/cameratest"
	"vigie/services/engine/internal/g726"
	"vigie/services/engine/internal/media"
)

// decodeFLAC lets ffmpeg decode a native FLAC stream (RFC 9639 §8) made of frames; CRCs are checked.
func decodeFLAC(t testing.TB, track *media.Track, frames []byte) []int16 {
	t.Helper()
	info, err := flacinfo.StreamInfo{MinBlockSize: 16, MaxBlockSize: flacMaxBlock, SampleRate: uint32(track.SampleRate), ChannelCount: uint8(track.Channels), BitDepth: 16}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	stream := append([]byte("fLaC\x80\x00\x00\x22"), info...)
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-v", "error", "-xerror", "-err_detect", "crccheck+bitstream+explode", "-f", "flac", "-i", "-", "-f", "s16le", "-")
	cmd.Stdin = bytes.NewReader(append(stream, frames...))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("ffmpeg: %v: %s", err, stderr.String())
	}
	pcm := make([]int16, len(out)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(out[2*i:]))
	}
	return pcm
}

func TestG711SurvivesFLACUnchanged(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 8000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	tone := cameratest.EncodeAudio(t, media.PCMU)
	mixed := bytes.Join(tone.Units, nil)
	mixed = append(mixed, bytes.Repeat([]byte{0xff}, 800)...) // silence
	mixed = append(mixed, noise...)
	for _, c := range []struct {
		codec    media.Codec
		channels int
		block    int // bytes
	}{
		{media.PCMU, 1, 160}, {media.PCMA, 1, 160}, {media.PCMU, 2, 640}, {media.PCMA, 1, 4096}, {media.PCMU, 1, 17}, {media.PCMU, 8, 8 * 16},
	} {
		track := &media.Track{Codec: c.codec, ClockRate: 8000, SampleRate: 8000, Channels: c.channels}
		e, err := newFLAC(track)
		if err != nil {
			t.Fatal(err)
		}
		var frames []byte
		var want []int16
		whole := len(mixed) / c.block * c.block
		for at := 0; at < whole; at += c.block {
			// Numbers of every length follow one another.
			frames = e.encode(frames, mixed[at:at+c.block], int64(at/c.channels))
			want = newCompanded(c.codec).Decode(want, mixed[at:at+c.block])
		}
		got := decodeFLAC(t, track, frames)
		if len(got) != len(want) {
			t.Fatalf("%+v: %d samples, want %d", c, len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%+v: sample %d is %d, want %d", c, i, got[i], want[i])
			}
		}
		if c.block == 160 {
			t.Logf("%s: %d bytes of G.711 became %d", c.codec, whole, len(frames))
		}
	}
}

// TestG726IsHeardAsFLAC: what comes out of the FLAC frames, cut as they come, is what one decoder makes of it all.
func TestG726IsHeardAsFLAC(t *testing.T) {
	for _, codec := range []media.Codec{media.G726x16, media.G726x24, media.G726x32, media.G726x40} {
		track := &media.Track{Codec: codec, ClockRate: 8000, SampleRate: 8000, Channels: 1}
		e, err := newFLAC(track)
		if err != nil {
			t.Fatal(err)
		}
		clip := cameratest.EncodeAudio(t, codec)
		var frames []byte
		for i, u := range clip.Units {
			frames = e.encode(frames, u, int64(i*clip.Samples))
		}
		want := g726.NewDecoder(codec.CodeBits()).Decode(nil, bytes.Join(clip.Units, nil))
		if got := decodeFLAC(t, track, frames); !slices.Equal(got, want) || len(got) != 160*len(clip.Units) {
			t.Errorf("%s: %d samples, want %d, or others", codec, len(got), len(want))
		}
	}
	if _, err := newFLAC(&media.Track{Codec: media.G726x32, SampleRate: 8000, Channels: 2}); err == nil {
		t.Error("two channels of G.726 pass")
	}
}

func TestCodedNumbers(t *testing.T) {
	for v, want := range map[uint64]string{
		0: "\x00", 0x7f: "\x7f", 0x80: "\xc2\x80", 0x7ff: "\xdf\xbf", 0x800: "\xe0\xa0\x80", 0xffff: "\xef\xbf\xbf", 0x10000: "\xf0\x90\x80\x80",
		0x1fffff: "\xf7\xbf\xbf\xbf", 0x200000: "\xf8\x88\x80\x80\x80", 0x4000000: "\xfc\x84\x80\x80\x80\x80", 1<<31 - 1: "\xfd\xbf\xbf\xbf\xbf\xbf",
		1 << 31: "\xfe\x82\x80\x80\x80\x80\x80", 1<<36 - 1: "\xfe\xbf\xbf\xbf\xbf\xbf\xbf",
	} {
		var w bitWriter
		if w.number(v); string(w.buf) != want {
			t.Errorf("%#x: % x, want % x", v, w.buf, want)
		}
	}
}

func TestG711TablesAreThoseOfITU(t *testing.T) {
	for codec, samples := range map[media.Codec]map[byte]int16{
		media.PCMU: {0x00: -32124, 0x80: 32124, 0xff: 0, 0x7f: 0, 0xf0: 120},
		media.PCMA: {0xd5: 8, 0x55: -8, 0xaa: 32256, 0x2a: -32256},
	} {
		c := newCompanded(codec)
		for b, want := range samples {
			if got := c[b]; got != want {
				t.Errorf("%s %#x: %d, want %d", codec, b, got, want)
			}
		}
	}
}
