package index

import (
	"bytes"
	"context"
	"fmt"
	"maps"

	"vigie/internal/mirror"
)

// Verify reads every row and puts right what the totals say; rows that cannot be read are removed, so that their files
// are found anew. It returns how many groups it had to mend. It takes about a second for a million segments, in pieces
// that hold up nobody.
func (x *Index) Verify(ctx context.Context) (mended int, err error) {
	var names []string
	if err := x.db.View(func(tx *mirror.Tx) error {
		for name := range tx.Buckets(prefixSegments) {
			names = append(names, name)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	for _, name := range names {
		if ctx.Err() != nil {
			return mended, ctx.Err()
		}
		well := false
		if err := x.db.View(func(tx *mirror.Tx) error {
			well = agrees(tx, name)
			return nil
		}); err != nil {
			return mended, err
		}
		if well {
			continue
		}
		mended++
		if err := x.mend(name); err != nil {
			return mended, fmt.Errorf("mend index: %w", err)
		}
	}
	return mended, nil
}

// agrees tells whether all rows of a group can be read and the totals are theirs.
func agrees(tx *mirror.Tx, bucket string) bool {
	g, err := parseGroup(bucket)
	if err != nil {
		return false
	}
	counted, bad := g.recount(tx, bucket)
	kept := map[int64]Totals{}
	err = g.days(tx, func(day int64, t Totals) { kept[day] = t })
	return err == nil && len(bad) == 0 && len(kept) > 0 && maps.Equal(counted, kept)
}

// recount counts the rows of a group by day; bad are the keys of those that cannot be read.
func (g group) recount(tx *mirror.Tx, bucket string) (days map[int64]Totals, bad [][]byte) {
	days = map[int64]Totals{}
	for k, v := range tx.Range(bucket, nil, nil) {
		s, err := g.segmentOf(k, v)
		if err != nil {
			bad = append(bad, bytes.Clone(k))
			continue
		}
		t := days[s.StartMs/DayMs]
		days[s.StartMs/DayMs] = Totals{t.Segments + 1, t.Bytes + s.SizeBytes}
	}
	return days, bad
}

// mend makes a group's rows readable and its totals those of its rows, on disk and in memory.
func (x *Index) mend(bucket string) error {
	x.counting.Lock()
	defer x.counting.Unlock()
	if err := x.db.Update(func(tx *mirror.Tx) error {
		g, err := parseGroup(bucket)
		if err != nil {
			return tx.Clear(bucket)
		}
		days, bad := g.recount(tx, bucket)
		for _, k := range bad {
			if err := tx.Delete(bucket, k); err != nil {
				return err
			}
		}
		if err := tx.Clear(g.dayBucket()); err != nil {
			return err
		}
		for day, t := range days {
			if err := tx.Put(g.dayBucket(), dayKey(day), t.value()); err != nil {
				return err
			}
		}
		if len(days) == 0 {
			return tx.Clear(bucket)
		}
		return nil
	}); err != nil {
		return err
	}
	return x.load()
}

// load reads the totals; counting is held, or nobody else is there yet.
func (x *Index) load() error {
	fresh := &Index{lines: map[Line]*Tally{}}
	if err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments, func(g group, _ string) error {
			return g.days(tx, func(day int64, t Totals) { fresh.count(g.line(), day, t) })
		})
	}); err != nil {
		return err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lines = fresh.lines
	return nil
}

// Reload reads the totals anew, once the database has been exchanged for one that says the same.
func (x *Index) Reload() error {
	x.counting.Lock()
	defer x.counting.Unlock()
	return x.load()
}

// Doubt makes all rows of a camera on a volume ones that nobody has looked into, in pieces that hold up nobody.
func (x *Index) Doubt(camera, volume string) error {
	var buckets []group
	if err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments+camera+"/", func(g group, _ string) error {
			if g.volume == volume {
				buckets = append(buckets, g)
			}
			return nil
		})
	}); err != nil {
		return err
	}
	const step = 2000
	for _, g := range buckets {
		for from := int64(0); from >= 0; {
			if err := x.db.Update(func(tx *mirror.Tx) error {
				var list []Segment
				next := int64(-1)
				for k, v := range tx.Range(g.bucket(), timeKey(from), nil) {
					s, err := g.segmentOf(k, v)
					if err != nil {
						return err
					}
					if len(list) == step {
						next = s.StartMs
						break
					}
					s.Unchecked = true
					list = append(list, s)
				}
				for _, s := range list {
					if err := tx.Put(g.bucket(), timeKey(s.StartMs), s.value()); err != nil {
						return err
					}
				}
				from = next
				return nil
			}); err != nil {
				return err
			}
		}
	}
	return nil
}
