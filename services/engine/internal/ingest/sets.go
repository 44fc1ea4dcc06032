package ingest

import (
	"bytes"
	"math/bits"
	"slices"

	"vigie/services/engine/internal/media"
)

// maxMoreSets bounds the parameter sets that are kept besides one of each kind.
const maxMoreSets = 32

// setID returns the id of a parameter set, by which slices and other sets name it. known is false where it stands behind
// what would have to be understood first.
func setID(codec media.Codec, nalu []byte) (id int, known bool) {
	k, _ := classify(codec, nalu)
	switch {
	case codec == media.H264 && k == kindPPS && len(nalu) > 1: // ITU-T H.264 §7.3.2.2
		return expGolomb(nalu[1:])
	case codec == media.H264 && k == kindSPS && len(nalu) > 4: // §7.3.2.1.1, behind profile, constraints and level
		return expGolomb(nalu[4:])
	case codec == media.H265 && k == kindPPS && len(nalu) > 2: // ITU-T H.265 §7.3.2.3
		return expGolomb(nalu[2:])
	case codec == media.H265 && k == kindVPS && len(nalu) > 2: // §7.3.2.1
		return int(nalu[2] >> 4), true
	}
	return 0, false
}

// expGolomb reads an ue(v) of less than 16 bits in the first bytes.
func expGolomb(b []byte) (v int, ok bool) {
	var head [4]byte
	copy(head[:], b)
	word := uint32(head[0])<<24 | uint32(head[1])<<16 | uint32(head[2])<<8 | uint32(head[3])
	zeros := bits.LeadingZeros32(word)
	if zeros > 8 || 2*zeros+1 > 8*len(b) {
		return 0, false
	}
	return int(word>>(31-2*zeros)) - 1, true
}

// note takes a parameter set of an access unit. set is where the first of its kind is kept, seen whether this access unit
// had one. Of PPS and VPS each id counts; of SPS the first of an access unit describes the stream.
func (p *parameters) note(codec media.Codec, set *[]byte, nalu []byte, seen *bool) {
	first := !*seen
	*seen = true
	if bytes.Equal(*set, nalu) {
		return
	}
	if *set != nil {
		id, known := setID(codec, nalu)
		old, _ := setID(codec, *set)
		k, _ := classify(codec, nalu)
		if other := known && id != old; other && (!first || k != kindSPS) {
			p.more = withSet(codec, p.more, nalu, id)
			return
		}
		if !first {
			return
		}
	}
	*set = bytes.Clone(nalu) // the packet's buffer must not live as long as the stream
}

// withSet returns sets with one more, in place of that of its kind and id. The list given stays as it is.
func withSet(codec media.Codec, sets [][]byte, nalu []byte, id int) [][]byte {
	kind, _ := classify(codec, nalu)
	i := slices.IndexFunc(sets, func(s []byte) bool {
		k, _ := classify(codec, s)
		other, _ := setID(codec, s)
		return k == kind && other == id
	})
	switch {
	case i >= 0 && bytes.Equal(sets[i], nalu), i < 0 && len(sets) >= maxMoreSets:
		return sets
	case i >= 0:
		sets = slices.Clone(sets)
		sets[i] = bytes.Clone(nalu)
		return sets
	}
	return append(slices.Clip(sets), bytes.Clone(nalu))
}
