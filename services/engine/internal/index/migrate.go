package index

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"vigie/internal/mirror"
)

// Format 1 kept all segments in one bucket, a second row of each in order of volume, and gaps by camera:
//
//	segments, deleting    camera (8) · start ms (8) · kind (1: s, a) · stream  →  flags (1) · duration ms (v) · size (v) · volume
//	segments-by-volume    not needed any more, nor segments-by-line
//	gaps                  camera (8) · start ms (8)  →  duration ms (v) · cause
//
// A volume was written as the 16 bytes of its UUID behind a 1, or as text behind a 2.
const (
	oldSegments = "segments"
	oldVolumes  = "segments-by-volume"
	oldLines    = "segments-by-line"
	oldMarks    = "deleting"
	oldGaps     = "gaps"
)

// oldStream is whose gaps format 1 knew.
const oldStream = "main"

// migrate takes over what format 1 left. The rows are copied in steps, each a transaction that may be done again; then
// the old ones go at once. So a power cut in the middle costs time alone.
func (x *Index) migrate() error {
	const step = 20_000
	for _, bucket := range []string{oldSegments, oldMarks, oldGaps} {
		var from []byte
		for {
			var n int
			err := x.change(func(e *edit) error {
				n = 0
				var next []byte
				for k, v := range e.tx.Range(bucket, from, nil) {
					if n++; n > step {
						next = append([]byte(nil), k...)
						break
					}
					if err := takeOver(e, bucket, k, v); err != nil {
						return err
					}
				}
				from = next
				return nil
			})
			if err != nil {
				return fmt.Errorf("take over %s of format 1: %w", bucket, err)
			}
			if from == nil {
				break
			}
		}
	}
	return x.db.Update(func(tx *mirror.Tx) error {
		return errors.Join(tx.Clear(oldSegments), tx.Clear(oldVolumes), tx.Clear(oldLines), tx.Clear(oldMarks), tx.Clear(oldGaps))
	})
}

// takeOver copies one row of format 1. One that cannot be read is left out: its file is found anew.
func takeOver(e *edit, bucket string, k, v []byte) error {
	if bucket == oldGaps {
		g, err := oldGap(k, v)
		if err != nil || g.check() != nil {
			return nil
		}
		return putGap(e.tx, g, false)
	}
	s, err := oldSegment(k, v)
	if err != nil {
		return nil
	}
	if bucket == oldMarks {
		return e.tx.Put(bucketMarks, s.markKey(), s.value())
	}
	old, found, err := find(e.tx, s.Key)
	if err != nil || found && old == s {
		return err
	}
	if found {
		if err := e.drop(old); err != nil {
			return err
		}
	}
	return e.put(s)
}

func oldSegment(row, value []byte) (Segment, error) {
	if len(row) < cameraLen+9+1 || len(value) < 1 {
		return Segment{}, errors.New("short row")
	}
	s := Segment{Key: Key{Camera: string(row[:cameraLen]), StartMs: int64(binary.BigEndian.Uint64(row[cameraLen:])), Stream: string(row[cameraLen+9:])}}
	switch row[cameraLen+8] {
	case 's':
		s.Kind = Standard
	case 'a':
		s.Kind = Alarm
	}
	if err := s.check(); err != nil {
		return Segment{}, err
	}
	s.Suspect = value[0]&flagSuspect != 0
	duration, n := binary.Uvarint(value[1:])
	if n <= 0 || duration > MaxDurationMs {
		return Segment{}, errors.New("bad duration")
	}
	size, m := binary.Uvarint(value[1+n:])
	if m <= 0 || int64(size) < 0 {
		return Segment{}, errors.New("bad size")
	}
	s.EndMs, s.SizeBytes = s.StartMs+int64(duration), int64(size)
	switch volume := value[1+n+m:]; {
	case len(volume) == 17 && volume[0] == 1:
		h := hex.EncodeToString(volume[1:])
		s.Volume = h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
	case len(volume) > 1 && volume[0] == 2:
		s.Volume = string(volume[1:])
	default:
		return Segment{}, errors.New("bad volume")
	}
	return s, nil
}

func oldGap(row, value []byte) (Gap, error) {
	if len(row) != cameraLen+8 {
		return Gap{}, errors.New("bad key")
	}
	g := Gap{Camera: string(row[:cameraLen]), Stream: oldStream, StartMs: int64(binary.BigEndian.Uint64(row[cameraLen:]))}
	duration, n := binary.Uvarint(value)
	if n <= 0 || duration >= maxMs {
		return Gap{}, errors.New("bad duration")
	}
	g.EndMs, g.Cause = g.StartMs+int64(duration), Cause(value[n:])
	return g, nil
}
