package record

import (
	"hash/fnv"
	"io"
	"time"

	"vigie/services/engine/internal/index"
)

// Limits bound a segment: it ends at the first keyframe after the one or the other.
type Limits struct {
	Length time.Duration // less the recorder's stagger; at most maxLength
	Bytes  int64         // of payload, less the same share
}

// stagger is by which shares, in 1/1024, a recorder's segments are shorter than their limits. Cameras that began together
// must not end their segments together: closing a file takes several writes, and two syncs.
type stagger struct {
	each  int64 // up to a tenth
	first int64 // up to nine tenths, of a segment that continues no other: the cuts of all spread over the whole of a period at once
}

func staggerOf(camera, stream string, kind index.Kind) stagger {
	h := fnv.New64a()
	_, _ = io.WriteString(h, camera+stream+string(kind))
	n := h.Sum64()
	return stagger{each: int64(n % 103), first: int64(n / 103 % 922)}
}

// reached tells whether a keyframe ends a segment of an age and a size. continues: it began where another was cut.
func (l Limits) reached(s stagger, continues bool, age time.Duration, bytes int64) bool {
	share := s.each
	if !continues {
		share = max(share, s.first)
	}
	less := func(limit int64) int64 { return limit - limit/1024*share }
	return age >= time.Duration(less(int64(min(l.Length, maxLength)))) || bytes >= less(l.Bytes)
}
