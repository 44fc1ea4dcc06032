package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"vigie/services/engine/internal/media"
)

// codecID returns Matroska's name of a codec and its CodecPrivate (RFC 9559 has neither G.711: it goes as ACM with a
// WAVEFORMATEX).
func codecID(t *media.Track) (id string, private []byte, err error) {
	switch t.Codec {
	case media.H264:
		private, err = avcC(t)
		return "V_MPEG4/ISO/AVC", private, err
	case media.H265:
		private, err = hvcC(t)
		return "V_MPEGH/ISO/HEVC", private, err
	case media.AAC:
		if len(t.Config) < 2 {
			return "", nil, errors.New("no AudioSpecificConfig")
		}
		return "A_AAC", t.Config, nil
	case media.PCMA:
		return "A_MS/ACM", waveFormat(0x0006, t), nil
	case media.PCMU:
		return "A_MS/ACM", waveFormat(0x0007, t), nil
	}
	return "", nil, fmt.Errorf("codec %s cannot be stored", t.Codec)
}

// avcC builds an AVCDecoderConfigurationRecord, ISO 14496-15 section 5.3.3.1.
func avcC(t *media.Track) ([]byte, error) {
	if len(t.SPS) < 4 || len(t.PPS) == 0 || len(t.SPS) > 0xffff || len(t.PPS) > 0xffff {
		return nil, errors.New("no usable SPS and PPS")
	}
	b := []byte{1, t.SPS[1], t.SPS[2], t.SPS[3], 0xff, 0xe1}
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.SPS)))
	b = append(b, t.SPS...)
	b = append(b, 1)
	b = binary.BigEndian.AppendUint16(b, uint16(len(t.PPS)))
	b = append(b, t.PPS...)
	switch t.SPS[1] { // High profiles also state chroma format and depth; cameras send 4:2:0 of 8 bits
	case 100, 110, 122, 144:
		b = append(b, 0xfd, 0xf8, 0xf8, 0)
	}
	return b, nil
}

func parseAVCC(b []byte, t *media.Track) error {
	if len(b) < 8 || b[0] != 1 || b[4]&3 != 3 {
		return errors.New("unusable avcC")
	}
	n, b := int(b[5]&0x1f), b[6:]
	if n != 1 {
		return errors.New("avcC without exactly one SPS")
	}
	var err error
	if t.SPS, b, err = cut16(b); err != nil {
		return err
	}
	if len(b) == 0 || b[0] != 1 {
		return errors.New("avcC without exactly one PPS")
	}
	t.PPS, _, err = cut16(b[1:])
	return err
}

func cut16(b []byte) (p, rest []byte, err error) {
	if len(b) < 2 {
		return nil, nil, errors.New("truncated")
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, errors.New("truncated")
	}
	return b[2 : 2+n], b[2+n:], nil
}

// hvcC builds an HEVCDecoderConfigurationRecord, ISO 14496-15 section 8.3.3.1.
func hvcC(t *media.Track) ([]byte, error) {
	if len(t.VPS) == 0 || len(t.SPS) == 0 || len(t.PPS) == 0 {
		return nil, errors.New("no VPS, SPS and PPS")
	}
	var sps h265.SPS
	if err := sps.Unmarshal(t.SPS); err != nil {
		return nil, fmt.Errorf("SPS: %w", err)
	}
	// general_profile_space to general_level_idc follow the first byte of the SPS as 12 bytes, as the record wants them.
	rbsp := unescape(t.SPS[2:])
	if len(rbsp) < 13 {
		return nil, errors.New("SPS is too short")
	}
	b := append([]byte{1}, rbsp[1:13]...)
	b = append(b, 0xf0, 0, 0xfc, 0xfc|byte(sps.ChromaFormatIdc), 0xf8|byte(sps.BitDepthLumaMinus8), 0xf8|byte(sps.BitDepthChromaMinus8), 0, 0)
	nested := byte(0)
	if sps.TemporalIDNestingFlag {
		nested = 1
	}
	b = append(b, (sps.MaxSubLayersMinus1+1)<<3|nested<<2|3, 3)
	for _, set := range []struct {
		kind byte
		nalu []byte
	}{{32, t.VPS}, {33, t.SPS}, {34, t.PPS}} {
		b = append(b, 0x80|set.kind, 0, 1)
		b = binary.BigEndian.AppendUint16(b, uint16(len(set.nalu)))
		b = append(b, set.nalu...)
	}
	return b, nil
}

// unescape removes emulation prevention bytes.
func unescape(b []byte) []byte {
	out := make([]byte, 0, len(b))
	zeros := 0
	for _, c := range b {
		if zeros >= 2 && c == 3 {
			zeros = 0
			continue
		}
		if c == 0 {
			zeros++
		} else {
			zeros = 0
		}
		out = append(out, c)
	}
	return out
}

func parseHVCC(b []byte, t *media.Track) error {
	if len(b) < 23 || b[0] != 1 || b[21]&3 != 3 {
		return errors.New("unusable hvcC")
	}
	arrays, b := int(b[22]), b[23:]
	for range arrays {
		if len(b) < 3 {
			return errors.New("truncated hvcC")
		}
		kind, n := b[0]&0x3f, int(binary.BigEndian.Uint16(b[1:]))
		b = b[3:]
		for range n {
			nalu, rest, err := cut16(b)
			if err != nil {
				return err
			}
			b = rest
			switch kind {
			case 32:
				t.VPS = nalu
			case 33:
				t.SPS = nalu
			case 34:
				t.PPS = nalu
			}
		}
	}
	return nil
}

// waveFormat builds a WAVEFORMATEX (little-endian).
func waveFormat(tag uint16, t *media.Track) []byte {
	b := binary.LittleEndian.AppendUint16(nil, tag)
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Channels))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.SampleRate))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.SampleRate*t.Channels)) // bytes a second
	b = binary.LittleEndian.AppendUint16(b, uint16(t.Channels))              // bytes a sample of all channels
	b = binary.LittleEndian.AppendUint16(b, 8)                               // bits a sample
	return binary.LittleEndian.AppendUint16(b, 0)
}

// setCodec fills a track from what codecID made.
func setCodec(t *media.Track, id string, private []byte) error {
	switch id {
	case "V_MPEG4/ISO/AVC":
		t.Codec = media.H264
		return parseAVCC(private, t)
	case "V_MPEGH/ISO/HEVC":
		t.Codec = media.H265
		return parseHVCC(private, t)
	case "A_AAC":
		t.Codec, t.Config = media.AAC, private
		return nil
	case "A_MS/ACM":
		if len(private) < 16 {
			return errors.New("WAVEFORMATEX is too short")
		}
		switch tag := binary.LittleEndian.Uint16(private); tag {
		case 6:
			t.Codec = media.PCMA
		case 7:
			t.Codec = media.PCMU
		default:
			return fmt.Errorf("audio format %#04x is unknown", tag)
		}
		return nil
	}
	return fmt.Errorf("codec %q is unknown", id)
}
