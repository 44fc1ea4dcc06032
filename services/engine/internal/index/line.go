package index

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"vigie/internal/mirror"
)

// Line is what one camera has of one kind on one volume: retention takes from its oldest end. It is comparable.
type Line struct {
	Volume string
	Camera string
	Kind   Kind
}

// Tally is what a line holds. Days are in order, without those that have nothing.
type Tally struct {
	Segments int64
	Bytes    int64
	Days     []DayBytes
}

// DayBytes is what started on one day.
type DayBytes struct {
	Day   int64 // UTC, since the Unix epoch
	Bytes int64
}

// DayMs is the length of a day.
const DayMs = 24 * 3_600_000

// Totals of one volume.
type Totals struct {
	Segments int64
	Bytes    int64
}

func (s Segment) line() Line { return s.group().line() }

func (g group) line() Line { return Line{g.volume, g.camera, g.kind} }

// add counts what comes (positive) or goes (negative) on a day.
func (t *Tally) add(day int64, d Totals) {
	t.Segments += d.Segments
	t.Bytes += d.Bytes
	i, found := slices.BinarySearchFunc(t.Days, day, func(d DayBytes, day int64) int { return int(d.Day - day) })
	if !found {
		t.Days = slices.Insert(t.Days, i, DayBytes{Day: day})
	}
	if t.Days[i].Bytes += d.Bytes; t.Days[i].Bytes == 0 {
		t.Days = slices.Delete(t.Days, i, i+1)
	}
}

// count brings what is kept of a line in memory up to date; mu is held.
func (x *Index) count(l Line, day int64, d Totals) {
	t := x.lines[l]
	if t == nil {
		t = &Tally{}
		x.lines[l] = t
	}
	if t.add(day, d); t.Segments == 0 {
		delete(x.lines, l)
	}
}

// Lines returns what each line holds, without those that are empty.
func (x *Index) Lines() map[Line]Tally {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make(map[Line]Tally, len(x.lines))
	for l, t := range x.lines {
		out[l] = Tally{t.Segments, t.Bytes, slices.Clone(t.Days)}
	}
	return out
}

// Totals returns what a volume holds.
func (x *Index) Totals(volume string) (out Totals) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for l, t := range x.lines {
		if l.Volume == volume {
			out.Segments += t.Segments
			out.Bytes += t.Bytes
		}
	}
	return out
}

// Head is the oldest end of a line.
type Head struct {
	Line
	Segments []Segment // in order of start
	More     bool      // there are younger ones
}

// Heads returns the n oldest segments of each line of a volume, but for those that spare wants spared; it says at which
// start to go on behind one (0: with the next). It costs a few seeks a line, however long the lines are.
func (x *Index) Heads(volume string, n int, spare func(Segment) (spared bool, nextMs int64)) ([]Head, error) {
	var out []Head
	err := x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments, func(g group, bucket string) error {
			if g.volume != volume {
				return nil
			}
			list, err := g.head(tx, bucket, n+1, spare)
			if err != nil || len(list) == 0 {
				return err
			}
			i := slices.IndexFunc(out, func(h Head) bool { return h.Line == g.line() })
			if i < 0 {
				i, out = len(out), append(out, Head{Line: g.line()})
			}
			h := &out[i]
			h.Segments = append(h.Segments, list...)
			slices.SortFunc(h.Segments, inOrder)
			if len(h.Segments) > n {
				h.Segments, h.More = h.Segments[:n], true
			}
			return nil
		})
	})
	return out, err
}

// head returns the first n segments of a group that are not spared.
func (g group) head(tx *mirror.Tx, bucket string, n int, spare func(Segment) (bool, int64)) (out []Segment, err error) {
	for from, more := int64(0), true; more; {
		more = false
		for k, v := range tx.Range(bucket, timeKey(from), nil) {
			s, err := g.segmentOf(k, v)
			if err != nil {
				return nil, err
			}
			spared, next := spare(s)
			if spared && next > s.StartMs+1 {
				from, more = next, true
				break
			}
			if spared {
				continue
			}
			if out = append(out, s); len(out) == n {
				return out, nil
			}
		}
	}
	return out, nil
}

// OldestMs returns when the oldest segment of a volume starts.
func (x *Index) OldestMs(volume string) (ms int64, found bool, err error) {
	ms = math.MaxInt64
	err = x.db.View(func(tx *mirror.Tx) error {
		return groups(tx, prefixSegments, func(g group, bucket string) error {
			if g.volume != volume {
				return nil
			}
			start, ok, err := firstStart(tx, bucket)
			if ok {
				ms, found = min(ms, start), true
			}
			return err
		})
	})
	return ms, found, err
}

// firstStart returns the start of a bucket's first row.
func firstStart(tx *mirror.Tx, bucket string) (ms int64, found bool, err error) {
	for k := range tx.Range(bucket, nil, nil) {
		ms, err = timeOf(k)
		return ms, err == nil, err
	}
	return 0, false, nil
}

// Rows of days.

func (g group) dayBucket() string { return prefixDays + g.bucket()[len(prefixSegments):] }

func dayKey(day int64) []byte { return []byte{byte(day >> 16), byte(day >> 8), byte(day)} }

func dayOf(key []byte) (int64, error) {
	if len(key) != 3 {
		return 0, fmt.Errorf("index day %x: bad key", key)
	}
	return int64(key[0])<<16 | int64(key[1])<<8 | int64(key[2]), nil
}

func (t Totals) value() []byte {
	return binary.AppendUvarint(binary.AppendUvarint(nil, uint64(t.Segments)), uint64(t.Bytes))
}

func totalsOf(value []byte) (Totals, error) {
	segments, n := binary.Uvarint(value)
	if n <= 0 || int64(segments) < 0 {
		return Totals{}, fmt.Errorf("index totals %x: bad value", value)
	}
	bytes, m := binary.Uvarint(value[n:])
	if m <= 0 || int64(bytes) < 0 || n+m != len(value) {
		return Totals{}, fmt.Errorf("index totals %x: bad value", value)
	}
	return Totals{int64(segments), int64(bytes)}, nil
}

// addDay changes the totals of a group's day; a day without segments has no row, a group without days no buckets.
func addDay(tx *mirror.Tx, g group, day int64, d Totals) error {
	bucket, key := g.dayBucket(), dayKey(day)
	var t Totals
	if v := tx.Get(bucket, key); v != nil {
		var err error
		if t, err = totalsOf(v); err != nil {
			return err
		}
	}
	t.Segments += d.Segments
	t.Bytes += d.Bytes
	if t.Segments > 0 {
		// Wrong totals must not get in the way of recording: Verify mends them.
		return tx.Put(bucket, key, Totals{t.Segments, max(t.Bytes, 0)}.value())
	}
	if err := tx.Delete(bucket, key); err != nil {
		return err
	}
	for range tx.Range(bucket, nil, nil) {
		return nil
	}
	if err := tx.Clear(bucket); err != nil {
		return err
	}
	for range tx.Range(g.bucket(), nil, nil) {
		return nil
	}
	return tx.Clear(g.bucket())
}

// days reads the totals of a group.
func (g group) days(tx *mirror.Tx, fn func(day int64, t Totals)) error {
	for k, v := range tx.Range(g.dayBucket(), nil, nil) {
		day, err := dayOf(k)
		if err != nil {
			return err
		}
		t, err := totalsOf(v)
		if err != nil {
			return err
		}
		fn(day, t)
	}
	return nil
}
