package index

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"vigie/internal/mirror"
)

// Get returns a segment by its key.
func (x *Index) Get(k Key) (s Segment, found bool, err error) {
	if err := k.check(); err != nil {
		return Segment{}, false, nil
	}
	err = x.db.View(func(tx *mirror.Tx) error {
		s, found, err = find(tx, k)
		return err
	})
	return s, found && err == nil, err
}

// inOrder compares segments by start, then kind, stream and volume.
func inOrder(a, b Segment) int {
	return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), strings.Compare(string(a.Kind), string(b.Kind)), strings.Compare(a.Stream, b.Stream))
}

// each calls fn with the rows of a group that overlap [fromMs, toMs), or begin in it, in order of start, until it returns
// false.
func each(tx *mirror.Tx, g group, bucket string, fromMs, toMs int64, fn func(Segment) bool) error {
	for k, v := range tx.Range(bucket, timeKey(max(fromMs-MaxDurationMs, 0)), endKey(toMs)) {
		s, err := g.segmentOf(k, v)
		if err != nil {
			return err
		}
		if s.EndMs <= fromMs && s.StartMs < fromMs {
			continue
		}
		if !fn(s) {
			return nil
		}
	}
	return nil
}

// Segments returns a camera's segments that overlap [fromMs, toMs), in order of start.
func (x *Index) Segments(camera string, fromMs, toMs int64) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			return each(tx, g, bucket, fromMs, toMs, func(s Segment) bool {
				out = append(out, s)
				return true
			})
		})
	})
	slices.SortFunc(out, inOrder)
	return out, err
}

// In tells, within a transaction, whether a camera has segments that overlap [fromMs, toMs), and how many of those that
// did are being deleted.
func In(tx *mirror.Tx, camera string, fromMs, toMs int64) (present bool, deleting int, err error) {
	err = groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
		return each(tx, g, bucket, fromMs, toMs, func(Segment) bool {
			present = true
			return false
		})
	})
	if err != nil {
		return false, 0, err
	}
	for k, v := range tx.Range(bucketMarks, []byte(camera+"-"), []byte(camera+".")) { // ids begin with camera and dash
		s, err := markOf(k, v)
		if err != nil {
			return false, 0, err
		}
		if s.StartMs < toMs && (s.EndMs > fromMs || s.StartMs >= fromMs) {
			deleting++
		}
	}
	return present, deleting, nil
}

// Next returns a stream's segments that end after fromMs, in order of start, limit at most.
func (x *Index) Next(camera, stream string, fromMs int64, limit int) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			if g.stream != stream {
				return nil
			}
			n := 0
			return each(tx, g, bucket, fromMs, math.MaxInt64, func(s Segment) bool {
				out = append(out, s)
				n++
				return n < limit
			})
		})
	})
	slices.SortFunc(out, inOrder)
	return out[:min(len(out), limit)], err
}

// Previous returns a stream's segments that start at or before an instant, the newest first, limit at most.
func (x *Index) Previous(camera, stream string, atMs int64, limit int) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			if g.stream != stream {
				return nil
			}
			n := 0
			for k, v := range tx.Descend(bucket, nil, endKey(atMs+1)) {
				s, err := g.segmentOf(k, v)
				if err != nil {
					return err
				}
				out = append(out, s)
				if n++; n == limit {
					break
				}
			}
			return nil
		})
	})
	slices.SortFunc(out, func(a, b Segment) int { return inOrder(b, a) })
	return out[:min(len(out), limit)], err
}

// Bounds returns the start of a camera's oldest footage and the end of its newest; found is false when it has none.
func (x *Index) Bounds(camera string) (firstMs, lastMs int64, found bool, err error) {
	err = x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			start, ok, err := firstStart(tx, bucket)
			if err != nil || !ok {
				return err
			}
			if !found || start < firstMs {
				firstMs, found = start, true
			}
			for k, v := range tx.Descend(bucket, nil, nil) {
				s, err := g.segmentOf(k, v)
				if err != nil {
					return err
				}
				lastMs = max(lastMs, s.EndMs)
				if s.StartMs+MaxDurationMs <= lastMs {
					break // nothing older can end later
				}
			}
			return nil
		})
	})
	return firstMs, lastMs, found, err
}

// Cameras returns the ids of all cameras with at least one segment.
func (x *Index) Cameras() ([]string, error) {
	var out []string
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments, func(g group, _ string) error {
			if len(out) == 0 || out[len(out)-1] != g.camera {
				out = append(out, g.camera)
			}
			return nil
		})
	})
	return out, err
}

// Unchecked returns segments of a camera on a volume that nobody has looked into, the newest first, limit at most.
func (x *Index) Unchecked(camera, volume string, limit int) ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, bucket string) error {
			if g.volume != volume {
				return nil
			}
			for k, v := range tx.Descend(bucket, nil, nil) {
				if len(out) == limit {
					return nil
				}
				s, err := g.segmentOf(k, v)
				if err != nil {
					return err
				}
				if s.Unchecked {
					out = append(out, s)
				}
			}
			return nil
		})
	})
	return out, err
}
