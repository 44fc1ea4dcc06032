package content

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/bluenviron/gortsplib/v5/pkg/format"
	"github.com/bluenviron/mediacommon/v2/pkg/codecs/mpeg4audio"
)

// AudioLoop is a loop of audio ready to be sent: one RTP packet a unit, each with the marker bit.
type AudioLoop struct {
	Spec     Audio
	Payloads [][]byte
	Samples  int // per unit
	config   *mpeg4audio.AudioSpecificConfig
}

// aacLoop is the number of AAC units in a loop: at each of the sample rates allowed a whole number of seconds.
const aacLoop = 1875

// shortLoop is the number of 20 ms units in a loop of other codecs: one second.
const shortLoop = 50

// Rate returns units per span in seconds, for Number and Instant.
func (l *AudioLoop) Rate() (units, seconds int64) {
	if l.Spec.Codec != AAC && l.Spec.Codec != LATM {
		return shortLoop, 1
	}
	return aacLoop, int64(aacLoop * l.Samples / l.Spec.SampleRate)
}

// Format returns a new description of the loop for a session description.
func (l *AudioLoop) Format() format.Format {
	switch l.Spec.Codec {
	case PCMA:
		return &format.G711{PayloadTyp: 8, SampleRate: 8000, ChannelCount: 1}
	case PCMU:
		return &format.G711{MULaw: true, PayloadTyp: 0, SampleRate: 8000, ChannelCount: 1}
	case Opus:
		return &format.Opus{PayloadTyp: 97, ChannelCount: 1}
	case LATM:
		return &format.MPEG4AudioLATM{PayloadTyp: 97, ProfileLevelID: 1, StreamMuxConfig: muxConfig(l.config)}
	}
	if bits := codeBits(l.Spec.Codec); bits > 0 {
		return &format.G726{PayloadTyp: 97, BitRate: 8 * bits}
	}
	return &format.MPEG4Audio{PayloadTyp: 97, ProfileLevelID: 1, Config: l.config, SizeLength: 13, IndexLength: 3, IndexDeltaLength: 3}
}

// beep returns one sample of the sound: 80 ms of 880 Hz at each full second, a faint hum of 110 Hz else.
func beep(sample, rate int) int16 {
	within := sample % rate
	t := float64(within) / float64(rate)
	if within < rate*8/100 {
		return int16(9000 * math.Sin(2*math.Pi*880*t))
	}
	return int16(500 * math.Sin(2*math.Pi*110*t))
}

func (s *Store) loadAudio(ctx context.Context, a Audio) (*AudioLoop, error) {
	switch a.Codec {
	case PCMA, PCMU:
		return loadG711(a), nil
	case AAC, LATM:
		return s.loadAAC(ctx, a)
	}
	return s.loadShort(ctx, a)
}

func (s *Store) loadAAC(ctx context.Context, a Audio) (*AudioLoop, error) {
	b, err := s.file(ctx, a.key()+".adts", func(ctx context.Context) ([]byte, error) {
		args := []string{"-f", "s16le", "-ar", fmt.Sprint(a.SampleRate), "-ac", fmt.Sprint(a.Channels), "-i", "-",
			"-c:a", "aac", "-b:a", "64k", "-f", "adts"}
		return ffmpeg(ctx, args, a.beeps((aacLoop+2)*mpeg4audio.SamplesPerAccessUnit))
	})
	if err != nil {
		return nil, err
	}
	var pkts mpeg4audio.ADTSPackets
	if err := pkts.Unmarshal(b); err != nil {
		return nil, fmt.Errorf("read ADTS: %w", err)
	}
	if len(pkts) < aacLoop+1 {
		return nil, fmt.Errorf("%d AAC units, want %d", len(pkts), aacLoop+1)
	}
	l := &AudioLoop{Spec: a, Samples: mpeg4audio.SamplesPerAccessUnit, config: &mpeg4audio.AudioSpecificConfig{
		Type: pkts[0].Type, SampleRate: pkts[0].SampleRate, ChannelConfig: uint8(a.Channels)}}
	if a.Codec == LATM {
		for _, p := range pkts[1 : 1+aacLoop] {
			e := mpeg4audio.AudioMuxElement{StreamMuxConfig: muxConfig(l.config), Payloads: [][][][]byte{{{p.AU}}}}
			b, err := e.Marshal()
			if err != nil {
				return nil, err
			}
			l.Payloads = append(l.Payloads, b)
		}
		return l, nil
	}
	f, ok := l.Format().(*format.MPEG4Audio)
	if !ok {
		return nil, errors.New("no AAC format")
	}
	e, err := f.CreateEncoder()
	if err != nil {
		return nil, err
	}
	for _, p := range pkts[1 : 1+aacLoop] { // the first holds the encoder's delay
		rtps, err := e.Encode([][]byte{p.AU})
		if err != nil {
			return nil, err
		}
		if len(rtps) != 1 {
			return nil, fmt.Errorf("AAC unit of %d bytes needs %d packets, want one", len(p.AU), len(rtps))
		}
		l.Payloads = append(l.Payloads, rtps[0].Payload)
	}
	return l, nil
}

// loadG711 makes 20 ms packets.
func loadG711(a Audio) *AudioLoop {
	l := &AudioLoop{Spec: a, Samples: 160}
	for i := range shortLoop {
		p := make([]byte, l.Samples)
		for j := range p {
			v := beep(i*l.Samples+j, a.SampleRate)
			if a.Codec == PCMA {
				p[j] = alaw(v)
			} else {
				p[j] = mulaw(v)
			}
		}
		l.Payloads = append(l.Payloads, p)
	}
	return l
}

// mulaw encodes a sample as ITU-T G.711 µ-law.
func mulaw(v int16) byte {
	sign, m := byte(0), int(v)
	if m < 0 {
		sign, m = 0x80, -m
	}
	m = min(m, 32635) + 132
	exp := 7
	for mask := 0x4000; exp > 0 && m&mask == 0; mask >>= 1 {
		exp--
	}
	return ^(sign | byte(exp<<4) | byte(m>>(exp+3)&0x0f))
}

// alaw encodes a sample as ITU-T G.711 A-law.
func alaw(v int16) byte {
	sign, m := byte(0x80), int(v)
	if m < 0 {
		sign, m = 0, -m-1
	}
	m >>= 3 // 13 bits
	var b byte
	if m < 32 {
		b = byte(m >> 1)
	} else {
		exp := 1
		for m>>(exp+5) != 0 {
			exp++
		}
		b = byte(exp<<4) | byte(m>>exp&0x0f)
	}
	return (sign | b) ^ 0x55
}
