package content

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// beeps feeds n samples of the sound as signed 16 bits.
func (a Audio) beeps(n int) func(io.Writer) error {
	return func(w io.Writer) error {
		var buf bytes.Buffer
		for i := range n {
			v := beep(i, a.SampleRate)
			for range a.Channels {
				buf.Write([]byte{byte(v), byte(v >> 8)})
			}
		}
		_, err := w.Write(buf.Bytes())
		return err
	}
}

// muxConfig describes AAC in a LATM multiplex of one program.
func muxConfig(c *mpeg4audio.AudioSpecificConfig) *mpeg4audio.StreamMuxConfig {
	return &mpeg4audio.StreamMuxConfig{Programs: []*mpeg4audio.StreamMuxConfigProgram{{
		Layers: []*mpeg4audio.StreamMuxConfigLayer{{AudioSpecificConfig: c, LatmBufferFullness: 255}}}}}
}

// codeBits is the length of a code of G.726; 0 for other codecs.
func codeBits(codec string) int {
	return map[string]int{G726x16: 2, G726x24: 3, G726x32: 4, G726x40: 5}[codec]
}

// loadShort makes a loop of a second in units of 20 ms: of G.726, packed as RFC 3551 §4.5.4 has it, or of Opus. It is the
// second of three, so that the end fits the beginning.
func (s *Store) loadShort(ctx context.Context, a Audio) (*AudioLoop, error) {
	b, err := s.file(ctx, a.key()+"."+a.Codec, func(ctx context.Context) ([]byte, error) {
		args := []string{"-f", "s16le", "-ar", fmt.Sprint(a.SampleRate), "-ac", fmt.Sprint(a.Channels), "-i", "-"}
		if bits := codeBits(a.Codec); bits > 0 {
			args = append(args, "-c:a", "g726le", "-code_size", fmt.Sprint(bits), "-b:a", fmt.Sprint(8000*bits), "-f", "g726le")
		} else {
			args = append(args, "-c:a", "libopus", "-b:a", "32k", "-page_duration", "20000", "-f", "ogg")
		}
		return ffmpeg(ctx, args, a.beeps(3*a.SampleRate))
	})
	if err != nil {
		return nil, err
	}
	l := &AudioLoop{Spec: a, Samples: a.SampleRate / shortLoop}
	var units [][]byte
	if bits := codeBits(a.Codec); bits > 0 {
		size := l.Samples * bits / 8
		for ; len(b) >= size; b = b[size:] {
			units = append(units, b[:size])
		}
	} else if units, err = oggPackets(b); err != nil {
		return nil, err
	} else if len(units) > 2 {
		units = units[2:] // behind header and tags
	}
	if len(units) < 2*shortLoop {
		return nil, fmt.Errorf("%d units, want %d", len(units), 2*shortLoop)
	}
	l.Payloads = units[shortLoop : 2*shortLoop]
	return l, nil
}

// oggPackets reads the packets of one logical stream (RFC 3533 §6): a page is a header, a table of segment sizes, and the
// segments; one shorter than 255 bytes ends a packet.
func oggPackets(b []byte) (packets [][]byte, err error) {
	var packet []byte
	for len(b) > 0 {
		if len(b) < 27 || string(b[:4]) != "OggS" || len(b) < 27+int(b[26]) {
			return nil, errors.New("not Ogg")
		}
		sizes := b[27 : 27+int(b[26])]
		b = b[27+len(sizes):]
		for _, size := range sizes {
			if len(b) < int(size) {
				return nil, errors.New("an Ogg page is cut short")
			}
			packet = append(packet, b[:size]...)
			b = b[size:]
			if size < 255 {
				packets, packet = append(packets, packet), nil
			}
		}
	}
	return packets, nil
}
