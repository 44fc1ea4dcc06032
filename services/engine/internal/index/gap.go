package index

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/mirror"
)

// Cause says why a span has no frames. Values are those of the API.
type Cause string

// The causes.
const (
	CameraOffline  Cause = "camera_offline"
	Network        Cause = "network"
	CameraDisabled Cause = "camera_disabled"
	Disk           Cause = "disk"
	Overload       Cause = "overload"
	EngineRestart  Cause = "engine_restart"
	Power          Cause = "power"
	ClockStep      Cause = "clock_step"
	LostFile       Cause = "lost_file"
	Unscheduled    Cause = "unscheduled"
	Deleted        Cause = "deleted"
	Unknown        Cause = "unknown"
)

// Words says a cause to people.
func (c Cause) Words() string {
	switch c {
	case CameraOffline:
		return "The camera sent nothing."
	case Network:
		return "The camera could not be reached over the network."
	case CameraDisabled:
		return "The camera was switched off in the settings."
	case Disk:
		return "No disk could take the recording."
	case Overload:
		return "The disks were too slow; footage was left out."
	case EngineRestart:
		return "The video engine was restarted."
	case Power:
		return "The recorder was off."
	case ClockStep:
		return "The clock was set forward."
	case LostFile:
		return "The file is no longer on its disk."
	case Unscheduled:
		return "Nothing was to be recorded."
	case Deleted:
		return "A person had it deleted."
	case Unknown:
		return "Nobody noted why."
	}
	return string(c)
}

// Gap is a span of a stream without standard recording. It is comparable.
type Gap struct {
	Camera  string
	Stream  string
	StartMs int64 // UTC
	EndMs   int64
	Cause   Cause
	Inside  bool // frames are missing within a segment, which spans it
}

const flagInside = 1

func gapBucket(camera, stream string) string { return prefixGaps + camera + "/" + stream }

func (g Gap) value() []byte {
	var flags byte
	if g.Inside {
		flags |= flagInside
	}
	b := binary.AppendUvarint(make([]byte, 0, 32), uint64(g.EndMs-g.StartMs))
	return append(append(b, flags), g.Cause...)
}

// gapOf reads a row of a stream's bucket.
func gapOf(camera, stream string, key, value []byte) (Gap, error) {
	start, err := timeOf(key)
	if err != nil {
		return Gap{}, err
	}
	g := Gap{Camera: camera, Stream: stream, StartMs: start}
	duration, n := binary.Uvarint(value)
	if n <= 0 || duration >= maxMs || len(value) < n+2 {
		return Gap{}, fmt.Errorf("index gap of %s %s at %d: bad value", camera, stream, start)
	}
	g.EndMs, g.Inside, g.Cause = start+int64(duration), value[n]&flagInside != 0, Cause(value[n+1:])
	return g, nil
}

func (g Gap) check() error {
	if err := (Key{Camera: g.Camera, Stream: g.Stream, Kind: Standard, StartMs: g.StartMs}).check(); err != nil {
		return fmt.Errorf("index gap: %w", err)
	}
	if g.EndMs <= g.StartMs || g.EndMs >= maxMs {
		return fmt.Errorf("index gap of %s at %d: ends before it starts, or never", g.Camera, g.StartMs)
	}
	if g.Cause == "" {
		return fmt.Errorf("index gap of %s at %d: has no cause", g.Camera, g.StartMs)
	}
	return nil
}

// AddGap stores gaps in one transaction; one of the same stream and start is replaced.
func (x *Index) AddGap(gaps ...Gap) error {
	for _, g := range gaps {
		if err := g.check(); err != nil {
			return err
		}
	}
	return x.db.Update(func(tx *mirror.Tx) error {
		for _, g := range gaps {
			if err := putGap(tx, g, false); err != nil {
				return err
			}
		}
		return nil
	})
}

// putGap stores a gap; unlessLonger keeps one of the same start that lasts longer.
func putGap(tx *mirror.Tx, g Gap, unlessLonger bool) error {
	bucket, key := gapBucket(g.Camera, g.Stream), timeKey(g.StartMs)
	if v := tx.Get(bucket, key); v != nil {
		old, err := gapOf(g.Camera, g.Stream, key, v)
		if err == nil && (old == g || unlessLonger && old.EndMs > g.EndMs) {
			return nil
		}
	}
	return tx.Put(bucket, key, g.value())
}

// Gaps returns a camera's gaps that overlap [fromMs, toMs), in order of start and stream.
func (x *Index) Gaps(camera string, fromMs, toMs int64) ([]Gap, error) {
	var out []Gap
	err := x.db.View(func(tx *mirror.Tx) error {
		prefix := gapBucket(camera, "")
		for bucket := range tx.Buckets(prefix) {
			stream := strings.TrimPrefix(bucket, prefix)
			// Gaps of a stream follow one another, but for lost files, which may have had gaps inside: of those that
			// began before only the last, and the lost, can reach in.
			for k, v := range tx.Descend(bucket, nil, timeKey(fromMs)) {
				g, err := gapOf(camera, stream, k, v)
				if err != nil {
					return err
				}
				if g.EndMs > fromMs {
					out = append(out, g)
				}
				if g.StartMs <= fromMs-MaxDurationMs {
					break
				}
			}
			for k, v := range tx.Range(bucket, timeKey(fromMs), endKey(toMs)) {
				g, err := gapOf(camera, stream, k, v)
				if err != nil {
					return err
				}
				out = append(out, g)
			}
		}
		return nil
	})
	slices.SortFunc(out, func(a, b Gap) int {
		return cmp.Or(cmp.Compare(a.StartMs, b.StartMs), strings.Compare(a.Stream, b.Stream))
	})
	return out, err
}

// forgetGaps removes the gaps that end before a camera's first footage: a timeline begins with footage, and a camera
// that drops out every minute must not fill the memory. Of many it takes the rest with the next deletion.
func forgetGaps(tx *mirror.Tx, camera string) error {
	first := int64(maxMs)
	if err := groups(tx, prefixSegments+camera+"/", func(_ group, bucket string) error {
		start, ok, err := firstStart(tx, bucket)
		if ok {
			first = min(first, start)
		}
		return err
	}); err != nil || first == maxMs {
		return err
	}
	prefix := gapBucket(camera, "")
	gone := map[string][][]byte{}
	n := 0
	for bucket := range tx.Buckets(prefix) {
		for k, v := range tx.Range(bucket, nil, timeKey(first)) {
			g, err := gapOf(camera, strings.TrimPrefix(bucket, prefix), k, v)
			if err != nil {
				return err
			}
			if g.EndMs > first || n == 1000 {
				break
			}
			gone[bucket] = append(gone[bucket], bytes.Clone(k))
			n++
		}
	}
	for bucket, keys := range gone {
		for _, k := range keys {
			if err := tx.Delete(bucket, k); err != nil {
				return err
			}
		}
	}
	return nil
}
