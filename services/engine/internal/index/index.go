// Package index knows which segment holds which instant: time → segment, and the gaps between, as rows of the engine's
// mirrored database.
//
// It is a cache of the files: whatever it says of segments can be rebuilt from names and headers on the volumes, and
// nothing is ever deleted because it is not in here. Gaps alone are nowhere else. It does no file I/O; package archive
// keeps index and files in step.
//
// Invariants:
//   - A segment is in exactly one of: segments (it can be played), marks (its file is being deleted).
//   - No two segments have one Key. No segment is longer than MaxDurationMs.
//   - Totals are those of the rows in segments: they are kept in the same transactions. Verify counts them.
//
// # Rows
//
// The database lives in RAM, so rows are small: a segment takes about 35 bytes with what bbolt adds. All segments of one
// camera, kind, stream and volume are a group, with a bucket of its own, so that what they have in common is written
// once and the oldest of any choice of them is one seek. Numbers in keys are big-endian, so that rows stand in order of
// time; v are unsigned varints.
//
//	bucket                              key                    value
//	seg2/<camera>/<kind>/<stream>/<volume>  start ms (6)       duration ms (v) · size (v) · flags (1, absent when 0)
//	gap2/<camera>/<stream>              start ms (6)           duration ms (v) · flags (1) · cause
//	day2/<as of seg2>                   day (3)                segments (v) · bytes (v) that start on that day (UTC)
//	del2                                segment id/<volume>    as in seg2
//
// The 2 is the format: a program that knows another one has buckets of its own and brings them in step with the files,
// so that going back to an older version costs no recording. What format 1 left is taken over by Open.
//
// Concurrency: all methods may be called from any goroutine. Writes return once they are on a disk (see mirror.DB), so
// they may take as long as an fdatasync; reads never wait for a disk.
package index

import (
	"errors"
	"fmt"
	"sync"

	"vigie/internal/mirror"
)

// DB is the part of mirror.DB that the index uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Index is the index in one database.
type Index struct {
	db DB

	// counting is held from a transaction until its totals are in memory, so that Verify finds the two in step.
	counting sync.RWMutex
	mu       sync.Mutex
	lines    map[Line]*Tally
}

// Open takes over what an older format left and reads the totals: a few milliseconds however many segments there are.
func Open(db DB) (*Index, error) {
	x := &Index{db: db, lines: map[Line]*Tally{}}
	if err := x.migrate(); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if err := x.load(); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

// edit is one transaction of changes to segments, and what it does to the totals.
type edit struct {
	tx    *mirror.Tx
	delta map[groupDay]Totals
}

type groupDay struct {
	group
	day int64
}

// change runs an update of segments; totals follow.
func (x *Index) change(fn func(e *edit) error) error {
	x.counting.RLock()
	defer x.counting.RUnlock()
	e := &edit{}
	err := x.db.Update(func(tx *mirror.Tx) error {
		*e = edit{tx: tx, delta: map[groupDay]Totals{}}
		if err := fn(e); err != nil {
			return err
		}
		for g, d := range e.delta {
			if d == (Totals{}) {
				continue
			}
			if err := addDay(tx, g.group, g.day, d); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for g, d := range e.delta {
		x.count(g.line(), g.day, d)
	}
	return nil
}

func (e *edit) put(s Segment) error {
	e.count(s, 1)
	return e.tx.Put(s.group().bucket(), timeKey(s.StartMs), s.value())
}

func (e *edit) drop(s Segment) error {
	e.count(s, -1)
	return e.tx.Delete(s.group().bucket(), timeKey(s.StartMs))
}

func (e *edit) count(s Segment, sign int64) {
	key := groupDay{s.group(), s.StartMs / DayMs}
	d := e.delta[key]
	e.delta[key] = Totals{d.Segments + sign, d.Bytes + sign*s.SizeBytes}
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
	return x.change(func(e *edit) error {
		for _, s := range segments {
			old, found, err := find(e.tx, s.Key)
			if err != nil {
				return err
			}
			if found {
				if err := e.drop(old); err != nil {
					return err
				}
			}
			if err := errors.Join(e.put(s), e.tx.Delete(bucketMarks, s.markKey())); err != nil {
				return err
			}
		}
		return nil
	})
}

// Forget takes segments out of the index because their files are not what their names say. The files stay. Those that
// are not in the index as they are here are passed over.
func (x *Index) Forget(segments ...Segment) error {
	return x.change(func(e *edit) error {
		for _, s := range segments {
			if now, found, err := find(e.tx, s.Key); err != nil || !found || now != s {
				if err != nil {
					return err
				}
				continue
			}
			if err := e.drop(s); err != nil {
				return err
			}
		}
		return nil
	})
}

// Mark takes segments out of the timeline, before their files are deleted, and with them the gaps before what is left.
// Unknown ones are passed over, and those that spare (nil: none), asked within the same transaction, wants spared. It
// returns those that it marked.
func (x *Index) Mark(spare func(*mirror.Tx, Segment) (bool, error), keys ...Key) (marked []Segment, err error) {
	return x.mark(spare, func(*mirror.Tx, []Segment) error { return nil }, keys)
}

// mark is Mark with what else belongs into its transaction.
func (x *Index) mark(spare func(*mirror.Tx, Segment) (bool, error), also func(*mirror.Tx, []Segment) error, keys []Key) (marked []Segment, err error) {
	err = x.change(func(e *edit) error {
		marked = nil
		cameras := map[string]bool{}
		for _, k := range keys {
			s, found, err := find(e.tx, k)
			if err != nil {
				return err
			}
			if found && spare != nil {
				spared, err := spare(e.tx, s)
				if err != nil {
					return err
				}
				found = !spared
			}
			if !found {
				continue
			}
			if err := errors.Join(e.drop(s), e.tx.Put(bucketMarks, s.markKey(), s.value())); err != nil {
				return err
			}
			marked = append(marked, s)
			cameras[k.Camera] = true
		}
		if err := also(e.tx, marked); err != nil {
			return err
		}
		for camera := range cameras {
			if err := forgetGaps(e.tx, camera); err != nil {
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

// Unmark forgets segments whose files are gone.
func (x *Index) Unmark(segments ...Segment) error {
	return x.db.Update(func(tx *mirror.Tx) error {
		for _, s := range segments {
			if err := tx.Delete(bucketMarks, s.markKey()); err != nil {
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
			s, err := markOf(k, v)
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
	return x.change(func(e *edit) error {
		for _, k := range keys {
			s, found, err := find(e.tx, k)
			if err != nil {
				return err
			}
			if !found {
				continue
			}
			if err := e.drop(s); err != nil {
				return err
			}
			g := Gap{Camera: s.Camera, Stream: s.Stream, StartMs: s.StartMs, EndMs: s.EndMs, Cause: LostFile}
			if s.IsDuplicate() || g.EndMs == g.StartMs {
				continue
			}
			if err := putGap(e.tx, g, true); err != nil {
				return err
			}
		}
		return nil
	})
}
