package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"vigie/internal/mirror"
)

// Buckets, and the first part of the names of those of groups and of streams.
const (
	prefixSegments = "seg2/"
	prefixDays     = "day2/"
	prefixGaps     = "gap2/"
	bucketMarks    = "del2"
)

const (
	flagSuspect   = 1
	flagUnchecked = 2
)

// group is what the segments of one bucket have in common. It is comparable.
type group struct {
	camera string
	kind   Kind
	stream string
	volume string
}

func (s Segment) group() group { return group{s.Camera, s.Kind, s.Stream, s.Volume} }

// groupsOf is the first part of the names of all buckets of a camera, kind and stream.
func (k Key) groupsOf() string {
	return prefixSegments + k.Camera + "/" + string(k.Kind) + "/" + k.Stream + "/"
}

func (g group) bucket() string {
	return prefixSegments + g.camera + "/" + string(g.kind) + "/" + g.stream + "/" + g.volume
}

func parseGroup(bucket string) (group, error) {
	rest, ok := strings.CutPrefix(bucket, prefixSegments)
	p := strings.SplitN(rest, "/", 4)
	if !ok || len(p) != 4 || p[3] == "" {
		return group{}, fmt.Errorf("index bucket %q: bad name", bucket)
	}
	g := group{p[0], Kind(p[1]), p[2], p[3]}
	if err := (Key{Camera: g.camera, Kind: g.kind, Stream: g.stream}).check(); err != nil {
		return group{}, fmt.Errorf("index bucket %q: %w", bucket, err)
	}
	return g, nil
}

// timeKey is an instant as a row's key; what a key cannot hold is moved to the nearest that it can.
func timeKey(ms int64) []byte {
	ms = min(max(ms, 0), maxMs-1)
	return []byte{byte(ms >> 40), byte(ms >> 32), byte(ms >> 24), byte(ms >> 16), byte(ms >> 8), byte(ms)}
}

// endKey is the end of a range of keys, exclusive; nil: there is none.
func endKey(ms int64) []byte {
	if ms >= maxMs {
		return nil
	}
	return timeKey(ms)
}

func timeOf(key []byte) (int64, error) {
	if len(key) != 6 {
		return 0, fmt.Errorf("index row %x: bad key", key)
	}
	return int64(binary.BigEndian.Uint16(key))<<32 | int64(binary.BigEndian.Uint32(key[2:])), nil
}

func (s Segment) value() []byte {
	b := make([]byte, 0, 16)
	b = binary.AppendUvarint(b, uint64(s.EndMs-s.StartMs))
	b = binary.AppendUvarint(b, uint64(s.SizeBytes))
	var flags byte
	if s.Suspect {
		flags |= flagSuspect
	}
	if s.Unchecked {
		flags |= flagUnchecked
	}
	if flags != 0 {
		b = append(b, flags)
	}
	return b
}

// segmentOf reads a row of a group.
func (g group) segmentOf(key, value []byte) (Segment, error) {
	start, err := timeOf(key)
	if err != nil {
		return Segment{}, err
	}
	s := Segment{Key: Key{Camera: g.camera, Stream: g.stream, Kind: g.kind, StartMs: start}, Volume: g.volume}
	duration, n := binary.Uvarint(value)
	if n <= 0 || duration > MaxDurationMs {
		return Segment{}, fmt.Errorf("index row %s: bad duration", s.ID())
	}
	size, m := binary.Uvarint(value[n:])
	if m <= 0 || int64(size) < 0 {
		return Segment{}, fmt.Errorf("index row %s: bad size", s.ID())
	}
	switch rest := value[n+m:]; {
	case len(rest) > 1:
		return Segment{}, fmt.Errorf("index row %s: too long", s.ID())
	case len(rest) == 1:
		s.Suspect, s.Unchecked = rest[0]&flagSuspect != 0, rest[0]&flagUnchecked != 0
	}
	s.EndMs, s.SizeBytes = start+int64(duration), int64(size)
	return s, nil
}

// groups calls fn with each group whose bucket's name begins with prefix, in order of name.
func groups(tx *mirror.Tx, prefix string, fn func(g group, bucket string) error) error {
	for name := range tx.Buckets(prefix) {
		g, err := parseGroup(name)
		if err != nil {
			return err
		}
		if err := fn(g, name); err != nil {
			return err
		}
	}
	return nil
}

// find looks a segment up by its key, whichever volume it is on.
func find(tx *mirror.Tx, k Key) (s Segment, found bool, err error) {
	key := timeKey(k.StartMs)
	err = groups(tx, k.groupsOf(), func(g group, bucket string) error {
		v := tx.Get(bucket, key)
		if v == nil || found {
			return nil
		}
		found = true
		s, err = g.segmentOf(key, v)
		return err
	})
	return s, found && err == nil, err
}

// markKey names a segment's file, wherever a segment of its key is now.
func (s Segment) markKey() []byte { return []byte(s.ID() + "/" + s.Volume) }

func markOf(key, value []byte) (Segment, error) {
	id, volume, _ := strings.Cut(string(key), "/")
	k, err := ParseID(id)
	if err != nil {
		return Segment{}, fmt.Errorf("index mark: %w", err)
	}
	if volume == "" {
		return Segment{}, errors.New("index mark " + id + ": no volume")
	}
	return group{k.Camera, k.Kind, k.Stream, volume}.segmentOf(timeKey(k.StartMs), value)
}
