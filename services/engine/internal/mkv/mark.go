package mkv

import (
	"encoding/binary"
	"errors"
)

// A mark stands in each cluster that begins a write (FORMAT.md): it lets repair find the end of a file from its end, and
// the keyframes before without looking at them.

const (
	markVoid  = 5     // its Void's ID and size
	markFixed = 3 * 8 // id, list, newest
	markHead  = markVoid + markFixed

	// listEvery is how many bytes a file must have grown by for each keyframe that a list has: so lists are well below a
	// hundredth of it, and the newest is a fraction of a second of footage from the end.
	listEvery = 1 << 10
)

// mark is what a cluster's mark says.
type mark struct {
	list   int64 // offset of the newest cluster up to this one whose mark lists the keyframes before it; 0: there is none
	newest int64 // timestamp of the newest frame before this cluster, of the track that tells the length; -1: none
}

// markID is what a mark at an offset of a segment begins with. A picture that contains a cluster is told from one by it:
// whoever makes pictures does not know the segment's UUID.
func markID(uuid *[16]byte, offset int64) uint64 {
	return binary.BigEndian.Uint64(uuid[:8]) ^ uint64(offset)
}

// appendMark appends the mark of a cluster that will be at an offset.
func (w *Writer) appendMark(b []byte, offset int64) []byte {
	lists := offset-w.listed >= listEvery*int64(len(w.cues))
	if lists {
		w.listed = offset
	}
	at := len(b)
	b = append(b, idVoid, 0x10, 0, 0, 0)
	b = binary.BigEndian.AppendUint64(b, markID(&w.meta.UUID, offset))
	b = binary.BigEndian.AppendUint64(b, uint64(w.listed))
	b = binary.BigEndian.AppendUint64(b, uint64(w.last[max(w.video, 0)]))
	if lists {
		var last cue
		for _, c := range w.cues {
			b = binary.AppendVarint(b, c.tick-last.tick)
			b = binary.AppendUvarint(b, uint64(c.cluster-last.cluster))
			last = c
		}
	}
	binary.BigEndian.PutUint32(b[at+1:], 1<<28|uint32(len(b)-at-markVoid))
	return b
}

// parseMark reads what stands behind a cluster's first Void; size is that of the Void that it is in, 0: there is no mark.
// b may end anywhere behind markHead.
func parseMark(b []byte, uuid *[16]byte, offset int64) (m mark, size int) {
	if len(b) < markHead || b[0] != idVoid || b[1]&0xf0 != 0x10 {
		return m, 0
	}
	n := int(binary.BigEndian.Uint32(b[1:]) &^ (1 << 28))
	if n < markFixed || binary.BigEndian.Uint64(b[markVoid:]) != markID(uuid, offset) {
		return m, 0
	}
	m.list = int64(binary.BigEndian.Uint64(b[markVoid+8:]))
	m.newest = int64(binary.BigEndian.Uint64(b[markVoid+16:]))
	if m.list < 0 || m.list > offset || m.newest < -1 || m.newest > 1<<40 {
		return m, 0
	}
	return m, markVoid + n
}

var errList = errors.New("malformed list of keyframes")

// parseList reads the keyframes that a mark lists: what stands behind markHead in its Void. They lie from one offset on and
// before another.
func parseList(b []byte, from, before int64) (cues []cue, err error) {
	var last cue
	for len(b) > 0 {
		tick, n := binary.Varint(b)
		if n <= 0 {
			return nil, errList
		}
		distance, k := binary.Uvarint(b[n:])
		if k <= 0 || distance > uint64(before) {
			return nil, errList
		}
		last = cue{last.tick + tick, last.cluster + int64(distance)}
		if last.tick < 0 || last.tick > 1<<40 || last.cluster < from || last.cluster >= before {
			return nil, errList
		}
		cues = append(cues, last)
		b = b[n+k:]
	}
	return cues, nil
}
