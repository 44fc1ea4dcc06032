package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/bluenviron/mediacommon/v2/pkg/codecs/h265"

	"vigie/services/engine/internal/media"
)

var errTruncated = errors.New("parameter sets are cut short")

// avcC builds an AVCDecoderConfigurationRecord, ISO 14496-15 section 5.3.3.1.
func avcC(t *media.Track) ([]byte, error) {
	if len(t.SPS) < 4 || len(t.PPS) == 0 {
		return nil, errors.New("no usable SPS and PPS")
	}
	sps, pps := [][]byte{t.SPS}, [][]byte{t.PPS}
	for _, n := range t.MoreSets {
		if len(n) == 0 {
			continue
		}
		switch n[0] & 0x1f {
		case 7:
			sps = append(sps, n)
		case 8:
			pps = append(pps, n)
		}
	}
	if len(sps) > 31 || len(pps) > 255 {
		return nil, fmt.Errorf("%d SPS and %d PPS", len(sps), len(pps))
	}
	b := []byte{1, t.SPS[1], t.SPS[2], t.SPS[3], 0xff, 0xe0 | byte(len(sps))}
	b, err := appendSets(b, sps)
	if err != nil {
		return nil, err
	}
	if b, err = appendSets(append(b, byte(len(pps))), pps); err != nil {
		return nil, err
	}
	switch t.SPS[1] { // High profiles also state chroma format and depth; cameras send 4:2:0 of 8 bits
	case 100, 110, 122, 144:
		b = append(b, 0xfd, 0xf8, 0xf8, 0)
	}
	return b, nil
}

// appendSets appends NAL units, each behind its length in two bytes.
func appendSets(b []byte, sets [][]byte) ([]byte, error) {
	for _, n := range sets {
		if len(n) > 0xffff {
			return nil, fmt.Errorf("parameter set of %d bytes", len(n))
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(n)))
		b = append(b, n...)
	}
	return b, nil
}

func parseAVCC(b []byte, t *media.Track) error {
	if len(b) < 8 || b[0] != 1 || b[4]&3 != 3 {
		return errors.New("unusable avcC")
	}
	n, b := int(b[5]&0x1f), b[6:]
	b, err := cutSets(b, n, func(nalu []byte) { keepSet(t, &t.SPS, nalu) })
	if err != nil {
		return err
	}
	if len(b) == 0 {
		return errTruncated
	}
	if _, err = cutSets(b[1:], int(b[0]), func(nalu []byte) { keepSet(t, &t.PPS, nalu) }); err != nil {
		return err
	}
	if len(t.SPS) == 0 || len(t.PPS) == 0 {
		return errors.New("avcC without an SPS and a PPS")
	}
	return nil
}

// keepSet notes a parameter set as the first of its kind, or among the others.
func keepSet(t *media.Track, first *[]byte, nalu []byte) {
	if *first == nil {
		*first = nalu
	} else {
		t.MoreSets = append(t.MoreSets, nalu)
	}
}

// cutSets takes n NAL units off b.
func cutSets(b []byte, n int, take func(nalu []byte)) (rest []byte, err error) {
	for range n {
		if len(b) < 2 {
			return nil, errTruncated
		}
		size := int(binary.BigEndian.Uint16(b))
		if len(b) < 2+size {
			return nil, errTruncated
		}
		take(b[2 : 2+size : 2+size])
		b = b[2+size:]
	}
	return b, nil
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
	for _, array := range []struct {
		kind byte
		nalu []byte
	}{{32, t.VPS}, {33, t.SPS}, {34, t.PPS}} {
		sets := [][]byte{array.nalu}
		for _, n := range t.MoreSets {
			if len(n) > 0 && n[0]>>1&0x3f == array.kind {
				sets = append(sets, n)
			}
		}
		b = binary.BigEndian.AppendUint16(append(b, 0x80|array.kind), uint16(len(sets)))
		var err error
		if b, err = appendSets(b, sets); err != nil {
			return nil, err
		}
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
			return errTruncated
		}
		first, known := map[byte]*[]byte{32: &t.VPS, 33: &t.SPS, 34: &t.PPS}[b[0]&0x3f]
		var err error
		if b, err = cutSets(b[3:], int(binary.BigEndian.Uint16(b[1:])), func(nalu []byte) {
			if known {
				keepSet(t, first, nalu)
			}
		}); err != nil {
			return err
		}
	}
	return nil
}
