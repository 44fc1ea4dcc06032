// Package index knows which segment holds which instant: time → segment, and the gaps between, as rows of the engine's
// mirrored database.
//
// It is a cache of the files: whatever it says can be rebuilt from names and headers on the volumes, and nothing is
// ever deleted because it is not in here. It does no file I/O; package archive keeps the two in step.
//
// Invariants:
//   - A segment is in exactly one of: segments (it can be played), marks (its file is being deleted).
//   - No two segments have one Key. No segment is longer than MaxDurationMs.
//   - Totals are those of the rows in segments.
//
// Concurrency: all methods may be called from any goroutine. Writes return once they are on a disk (see mirror.DB), so
// they may take as long as an fdatasync; reads never wait for a disk.
package index

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"vigie/internal/mirror"
)

// Buckets of the database.
const (
	bucketSegments = "segments"
	bucketLines    = "segments-by-line"
	bucketMarks    = "deleting"
	bucketGaps     = "gaps"
)

// DB is the part of mirror.DB that the index uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Totals of one volume.
type Totals struct {
	Segments int64
	Bytes    int64
}

// Index is the index in one database.
type Index struct {
	db DB

	mu     sync.Mutex
	totals map[string]Totals // by volume
	lines  map[Line]*Tally
}

// Open reads the totals; it takes about a second a million segments.
func Open(db DB) (*Index, error) {
	x := &Index{db: db, totals: map[string]Totals{}, lines: map[Line]*Tally{}}
	if err := x.upgrade(); err != nil {
		return nil, fmt.Errorf("upgrade index: %w", err)
	}
	err := db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucketSegments, nil, nil) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			x.count(s, 1)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

func (x *Index) count(s Segment, sign int64) {
	t := x.totals[s.Volume]
	t.Segments += sign
	t.Bytes += sign * s.SizeBytes
	x.totals[s.Volume] = t
	line := x.lines[s.line()]
	if line == nil {
		line = &Tally{}
		x.lines[s.line()] = line
	}
	if line.add(s, sign); line.Segments == 0 {
		delete(x.lines, s.line())
	}
}

// Totals returns what a volume holds.
func (x *Index) Totals(volume string) Totals {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.totals[volume]
}

// change runs an update and, when it took effect, counts what came and went.
func (x *Index) change(fn func(tx *mirror.Tx, came, went func(Segment)) error) error {
	var came, went []Segment
	err := x.db.Update(func(tx *mirror.Tx) error {
		came, went = came[:0], went[:0]
		return fn(tx, func(s Segment) { came = append(came, s) }, func(s Segment) { went = append(went, s) })
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, s := range came {
		x.count(s, 1)
	}
	for _, s := range went {
		x.count(s, -1)
	}
	return nil
}

// Put adds segments, or replaces those of the same keys, in one transaction.
func (x *Index) Put(segments ...Segment) error {
	for _, s := range segments {
		if err := s.check(); err != nil {
			return fmt.Errorf("index segment %s: %w", s.ID(), err)
		}
		if s.EndMs < s.StartMs || s.EndMs-s.StartMs > MaxDurationMs || s.SizeBytes < 0 || s.Volume == "" {
			return fmt.Errorf("index segment %s: bad end, size or volume", s.ID())
		}
	}
	return x.change(func(tx *mirror.Tx, came, went func(Segment)) error {
		for _, s := range segments {
			row := s.row()
			if old := tx.Get(bucketSegments, row); old != nil {
				if err := drop(tx, row, old, went); err != nil {
					return err
				}
			}
			if err := errors.Join(tx.Put(bucketSegments, row, s.value()), tx.Put(bucketLines, s.lineRow(), []byte{1}), tx.Delete(bucketMarks, row)); err != nil {
				return err
			}
			came(s)
		}
		return nil
	})
}

// drop removes a segment's rows.
func drop(tx *mirror.Tx, row, value []byte, went func(Segment)) error {
	s, err := segmentOf(row, value)
	if err != nil {
		return err
	}
	went(s)
	return errors.Join(tx.Delete(bucketSegments, row), tx.Delete(bucketLines, s.lineRow()))
}

// Mark takes segments out of the timeline, before their files are deleted, and with them the gaps before what is left.
// Unknown ones are passed over, and those that spare (nil: none), asked within the same transaction, wants spared. It
// returns those that it marked.
func (x *Index) Mark(spare func(*mirror.Tx, Segment) (bool, error), keys ...Key) ([]Segment, error) {
	var marked []Segment
	err := x.change(func(tx *mirror.Tx, _, went func(Segment)) error {
		cameras := map[string]bool{}
		marked = marked[:0]
		for _, k := range keys {
			row := k.row()
			v := tx.Get(bucketSegments, row)
			if v == nil {
				continue
			}
			v = append([]byte(nil), v...)
			s, err := segmentOf(row, v)
			if err != nil {
				return err
			}
			if spare != nil {
				if spared, err := spare(tx, s); err != nil {
					return err
				} else if spared {
					continue
				}
			}
			if err := errors.Join(drop(tx, row, v, went), tx.Put(bucketMarks, row, v)); err != nil {
				return err
			}
			marked = append(marked, s)
			cameras[k.Camera] = true
		}
		for camera := range cameras {
			if err := forgetGaps(tx, camera); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return marked, nil
}

// forgetGaps removes the gaps that end before a camera's first footage: a timeline begins with footage, and a camera
// that drops out every minute must not fill the memory. Of many it takes the rest with the next deletion.
func forgetGaps(tx *mirror.Tx, camera string) error {
	first := int64(-1)
	for k := range tx.Range(bucketSegments, cameraAt(camera, 0), cameraEnd(camera)) {
		key, err := keyOf(k)
		if err != nil {
			return err
		}
		first = key.StartMs
		break
	}
	if first < 0 {
		return nil
	}
	var gone [][]byte
	for k, v := range tx.Range(bucketGaps, cameraAt(camera, 0), cameraAt(camera, first)) {
		g, err := gapOf(k, v)
		if err != nil {
			return err
		}
		if g.EndMs > first || len(gone) == 1000 {
			break
		}
		gone = append(gone, bytes.Clone(k))
	}
	for _, k := range gone {
		if err := tx.Delete(bucketGaps, k); err != nil {
			return err
		}
	}
	return nil
}

// Unmark forgets segments whose files are gone.
func (x *Index) Unmark(keys ...Key) error {
	return x.db.Update(func(tx *mirror.Tx) error {
		for _, k := range keys {
			if err := tx.Delete(bucketMarks, k.row()); err != nil {
				return err
			}
		}
		return nil
	})
}

// Marks returns the segments whose deletion has begun and not been finished.
func (x *Index) Marks() ([]Segment, error) {
	var out []Segment
	err := x.db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucketMarks, nil, nil) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			out = append(out, s)
		}
		return nil
	})
	return out, err
}

// Lose replaces segments whose files have vanished by gaps of cause LostFile. Unknown ones are passed over.
func (x *Index) Lose(keys ...Key) error {
	return x.change(func(tx *mirror.Tx, _, went func(Segment)) error {
		for _, k := range keys {
			row := k.row()
			v := tx.Get(bucketSegments, row)
			if v == nil {
				continue
			}
			s, err := segmentOf(row, v)
			if err != nil {
				return err
			}
			g := Gap{Camera: s.Camera, StartMs: s.StartMs, EndMs: s.EndMs, Cause: LostFile}
			if err := errors.Join(drop(tx, row, v, went), tx.Put(bucketGaps, cameraAt(g.Camera, g.StartMs), g.value())); err != nil {
				return err
			}
		}
		return nil
	})
}

// AddGap stores a gap; one of the same camera and start is replaced.
func (x *Index) AddGap(g Gap) error {
	k := Key{Camera: g.Camera, Stream: "main", Kind: Standard, StartMs: g.StartMs}
	if err := k.check(); err != nil {
		return fmt.Errorf("index gap: %w", err)
	}
	if g.EndMs <= g.StartMs {
		return fmt.Errorf("index gap of %s at %d: ends before it starts", g.Camera, g.StartMs)
	}
	return x.db.Update(func(tx *mirror.Tx) error {
		return tx.Put(bucketGaps, cameraAt(g.Camera, g.StartMs), g.value())
	})
}
