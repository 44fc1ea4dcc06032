package index

import (
	"bytes"
	"slices"

	"vigie/internal/mirror"
)

// joinMs is how far apart two deleted segments may be to be one gap: the time of a frame, and what ends and what begins are
// noted each to its own millisecond.
const joinMs = 2000

// Erase is Mark for what a person had deleted: a gap that says so stays in the place of each segment of standard recording,
// as long as there is footage before it. note is called within the same transaction with what is marked.
func (x *Index) Erase(spare func(*mirror.Tx, Segment) (bool, error), note func(*mirror.Tx, []Segment) error, keys ...Key) (marked []Segment, err error) {
	return x.mark(spare, func(tx *mirror.Tx, marked []Segment) error {
		for _, s := range marked {
			if err := leaveGap(tx, s); err != nil {
				return err
			}
		}
		return note(tx, marked)
	}, keys)
}

// leaveGap puts a gap into the place of a segment. What it adjoins is one with it, so that of a month that was deleted one
// row stays, and of the gaps inside it none. A segment in between, however short, keeps them apart.
func leaveGap(tx *mirror.Tx, s Segment) error {
	if s.Kind != Standard || s.IsDuplicate() || s.EndMs <= s.StartMs {
		return nil
	}
	g := Gap{Camera: s.Camera, Stream: s.Stream, StartMs: s.StartMs, EndMs: s.EndMs, Cause: Deleted}
	bucket := gapBucket(s.Camera, s.Stream)
	var gone [][]byte
	for k, v := range tx.Descend(bucket, nil, timeKey(s.StartMs)) {
		old, err := gapOf(s.Camera, s.Stream, k, v)
		if err != nil {
			return err
		}
		if old.Cause == Deleted && old.EndMs+joinMs >= s.StartMs {
			apart, err := between(tx, s, old.EndMs, s.StartMs)
			if err != nil {
				return err
			}
			if !apart {
				g.StartMs, g.EndMs = old.StartMs, max(g.EndMs, old.EndMs)
			}
		}
		break
	}
	for k, v := range tx.Range(bucket, timeKey(s.StartMs), endKey(s.EndMs+joinMs)) {
		old, err := gapOf(s.Camera, s.Stream, k, v)
		if err != nil {
			return err
		}
		switch {
		case old.Inside && old.EndMs <= s.EndMs:
			gone = append(gone, bytes.Clone(k))
			continue
		case old.Cause == Deleted:
			apart, err := between(tx, s, s.EndMs, old.StartMs)
			if err != nil {
				return err
			}
			if !apart {
				g.EndMs = max(g.EndMs, old.EndMs)
				gone = append(gone, bytes.Clone(k))
			}
		}
		break
	}
	for _, k := range gone {
		if err := tx.Delete(bucket, k); err != nil {
			return err
		}
	}
	return tx.Put(bucket, timeKey(g.StartMs), g.value())
}

// between says whether a segment of the same stream lies in [fromMs, toMs).
func between(tx *mirror.Tx, s Segment, fromMs, toMs int64) (found bool, err error) {
	if fromMs >= toMs {
		return false, nil
	}
	err = groups(tx, s.groupsOf(), func(g group, bucket string) error {
		there, err := overlaps(tx, g, bucket, fromMs, toMs)
		found = found || there
		return err
	})
	return found, err
}

// wholly calls fn with the rows of a group that lie wholly within [fromMs, toMs), in order of start, until it returns false.
func wholly(tx *mirror.Tx, g group, bucket string, fromMs, toMs int64, fn func(Segment) bool) error {
	for k, v := range tx.Range(bucket, timeKey(fromMs), endKey(toMs)) {
		s, err := g.segmentOf(k, v)
		if err != nil {
			return err
		}
		if s.EndMs <= toMs && !fn(s) {
			return nil
		}
	}
	return nil
}

// Walk calls fn with each segment of a camera that lies wholly within [fromMs, toMs). It reads them all, in a transaction
// for each group, so that nobody waits for it.
func (x *Index) Walk(camera string, fromMs, toMs int64, fn func(Segment)) error {
	var names []string
	if err := x.db.View(func(tx *mirror.Tx) error {
		names = slices.Collect(tx.Buckets(prefixSegments + camera + "/"))
		return nil
	}); err != nil {
		return err
	}
	for _, name := range names {
		if err := x.db.View(func(tx *mirror.Tx) error {
			g, err := parseGroup(name)
			if err != nil {
				return err
			}
			return wholly(tx, g, name, fromMs, toMs, func(s Segment) bool {
				fn(s)
				return true
			})
		}); err != nil {
			return err
		}
	}
	return nil
}

// Within returns segments of a camera and kind on a volume that lie wholly within [fromMs, toMs), in order of start: limit
// of them, or a few more where several begin at the instant of the last.
func (x *Index) Within(camera string, kind Kind, volume string, fromMs, toMs int64, limit int) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/"+string(kind)+"/", func(g group, bucket string) error {
			if g.volume != volume {
				return nil
			}
			n := 0
			return wholly(tx, g, bucket, fromMs, toMs, func(s Segment) bool {
				out = append(out, s)
				n++
				return n < limit
			})
		})
	})
	slices.SortFunc(out, inOrder)
	n := min(len(out), limit)
	for n > 0 && n < len(out) && out[n].StartMs == out[n-1].StartMs {
		n++
	}
	return out[:n], err
}
