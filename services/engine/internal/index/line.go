package index

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"vigie/internal/mirror"
)

// Line is what one camera has of one kind on one volume: retention takes from its oldest end.
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

// Head is the oldest end of a line.
type Head struct {
	Line
	Segments []Segment // in order of start
	More     bool      // there are younger ones
}

func (s Segment) line() Line { return Line{s.Volume, s.Camera, s.Kind} }

// add counts a segment that comes (sign 1) or goes (-1).
func (t *Tally) add(s Segment, sign int64) {
	t.Segments += sign
	t.Bytes += sign * s.SizeBytes
	day := s.StartMs / DayMs
	i, found := slices.BinarySearchFunc(t.Days, day, func(d DayBytes, day int64) int { return int(d.Day - day) })
	if !found {
		t.Days = slices.Insert(t.Days, i, DayBytes{Day: day})
	}
	if t.Days[i].Bytes += sign * s.SizeBytes; t.Days[i].Bytes == 0 {
		t.Days = slices.Delete(t.Days, i, i+1)
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

// Heads returns the n oldest segments of each line of a volume, but for those that spare wants spared; it says at which
// start to go on behind one (0: with the next). It costs a few seeks a line, however long the lines are.
func (x *Index) Heads(volume string, n int, spare func(Segment) (spared bool, nextMs int64)) ([]Head, error) {
	var out []Head
	err := x.db.View(func(tx *mirror.Tx) error {
		prefix := volumePrefix(volume)
		end := append(bytes.Clone(prefix[:len(prefix)-1]), 1)
		for from := prefix; ; {
			key, found, err := firstLine(tx, prefix, from, end)
			if err != nil || !found {
				return err
			}
			lineEnd := bytes.Clone(key)
			lineEnd[len(lineEnd)-1]++ // a letter: no overflow
			h := Head{}
			if err := h.read(tx, key, lineEnd, n, spare); err != nil {
				return err
			}
			if len(h.Segments) > 0 {
				h.Line = h.Segments[0].line()
				out = append(out, h)
			}
			from = lineEnd
		}
	})
	return out, err
}

// firstLine returns the common start of the rows of the first line at or behind from.
func firstLine(tx *mirror.Tx, prefix, from, end []byte) (key []byte, found bool, err error) {
	for k := range tx.Range(bucketLines, from, end) {
		if len(k) < len(prefix)+cameraLen+1 {
			return nil, false, errors.New("index: short line row")
		}
		return bytes.Clone(k[:len(prefix)+cameraLen+1]), true, nil
	}
	return nil, false, nil
}

// read takes up to n segments of the line between two rows.
func (h *Head) read(tx *mirror.Tx, from, to []byte, n int, spare func(Segment) (bool, int64)) error {
	for line := from; ; {
		next := int64(0)
		for k := range tx.Range(bucketLines, from, to) {
			s, err := segmentOfLineRow(tx, k)
			if err != nil {
				return err
			}
			spared, nextMs := spare(s)
			switch {
			case spared && nextMs > s.StartMs+1:
				next = nextMs
			case spared:
				continue
			case len(h.Segments) == n:
				h.More = true
				return nil
			default:
				h.Segments = append(h.Segments, s)
				continue
			}
			break
		}
		if next == 0 {
			return nil
		}
		from = binary.BigEndian.AppendUint64(bytes.Clone(line), uint64(next))
	}
}

// OldestMs returns when the oldest segment of a volume starts.
func (x *Index) OldestMs(volume string) (ms int64, found bool, err error) {
	heads, err := x.Heads(volume, 1, func(Segment) (bool, int64) { return false, 0 })
	for _, h := range heads {
		if start := h.Segments[0].StartMs; !found || start < ms {
			ms, found = start, true
		}
	}
	return ms, found, err
}

// lineRow is the row of a segment in order of its line. Volume ids hold no zero byte but packed ones are of one length,
// so that no volume's rows stand among another's.
func (s Segment) lineRow() []byte {
	b := volumePrefix(s.Volume)
	b = append(b, s.Camera...)
	b = append(b, s.Kind[0])
	b = binary.BigEndian.AppendUint64(b, uint64(s.StartMs))
	return append(b, s.Stream...)
}

func volumePrefix(volume string) []byte {
	return append(packVolume(volume), 0)
}

// segmentOfLineRow looks up the segment that a line row stands for.
func segmentOfLineRow(tx *mirror.Tx, k []byte) (Segment, error) {
	rest := k
	switch {
	case len(k) > 18 && k[0] == 1:
		rest = k[18:]
	case len(k) > 1 && k[0] == 2:
		rest = k[bytes.IndexByte(k, 0)+1:]
	}
	if len(rest) < cameraLen+9+1 {
		return Segment{}, fmt.Errorf("index line row %x: too short", k)
	}
	row := make([]byte, 0, len(rest))
	row = append(row, rest[:cameraLen]...)
	row = append(row, rest[cameraLen+1:cameraLen+9]...)
	row = append(row, rest[cameraLen])
	row = append(row, rest[cameraLen+9:]...)
	return segmentOf(row, tx.Get(bucketSegments, row))
}

// bucketByStart stood in place of bucketLines in earlier databases: by volume and start.
const bucketByStart = "segments-by-volume"

// upgrade makes the rows of lines in a database that has none yet. Cut off, it starts over.
func (x *Index) upgrade() error {
	old := false
	var rows [][]byte
	err := x.db.View(func(tx *mirror.Tx) error {
		for range tx.Range(bucketByStart, nil, nil) {
			old = true
			break
		}
		if !old {
			return nil
		}
		for k, v := range tx.Range(bucketSegments, nil, nil) {
			s, err := segmentOf(k, v)
			if err != nil {
				return err
			}
			rows = append(rows, s.lineRow())
		}
		return nil
	})
	if err != nil || !old {
		return err
	}
	for chunk := range slices.Chunk(rows, 50_000) {
		if err := x.db.Update(func(tx *mirror.Tx) error {
			for _, row := range chunk {
				if err := tx.Put(bucketLines, row, []byte{1}); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return err
		}
	}
	return x.db.Update(func(tx *mirror.Tx) error { return tx.Clear(bucketByStart) })
}
