package index

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind says why a segment was recorded.
type Kind string

// The kinds, as in file names and the API.
const (
	Standard Kind = "standard"
	Alarm    Kind = "alarm"
)

// MaxDurationMs bounds a segment's length: a query looks back no further than this.
const MaxDurationMs = 3_600_000

// Key names a segment. It is comparable.
type Key struct {
	Camera  string
	Stream  string
	Kind    Kind
	StartMs int64 // UTC, since the Unix epoch
}

// ID is the segment's id in the API and the stem of its file name.
func (k Key) ID() string {
	return k.Camera + "-" + strconv.FormatInt(k.StartMs, 10) + "-" + string(k.Kind) + "-" + k.Stream
}

// ParseID is the inverse of Key.ID.
func ParseID(id string) (Key, error) {
	p := strings.Split(id, "-")
	if len(p) != 4 {
		return Key{}, fmt.Errorf("segment id %q: want four parts", id)
	}
	start, err := strconv.ParseInt(p[1], 10, 64)
	k := Key{Camera: p[0], StartMs: start, Kind: Kind(p[2]), Stream: p[3]}
	if err != nil || start < 0 || k.ID() != id {
		return Key{}, fmt.Errorf("segment id %q: bad start", id)
	}
	if err := k.check(); err != nil {
		return Key{}, fmt.Errorf("segment id %q: %w", id, err)
	}
	return k, nil
}

func (k Key) check() error {
	switch {
	case len(k.Camera) != cameraLen || !plain(k.Camera):
		return errors.New("bad camera id")
	case k.Stream == "" || len(k.Stream) > 16 || !plain(k.Stream):
		return errors.New("bad stream name")
	case k.Kind != Standard && k.Kind != Alarm:
		return errors.New("bad kind")
	case k.StartMs < 0:
		return errors.New("starts before 1970")
	}
	return nil
}

// plain tells whether s has lower-case letters and digits only: it becomes part of file names.
func plain(s string) bool {
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// Segment is a closed file of recording. It is comparable.
type Segment struct {
	Key
	EndMs     int64 // UTC; end of the last frame
	SizeBytes int64
	Volume    string // id
	Suspect   bool   // closed by a disk error: its end may be missing
}

// Rows. Keys begin with the camera and the start, big-endian, so that a camera's rows stand in order of time:
//
//	segments, marks   camera (8) · start ms (8) · kind (1: s, a) · stream  →  flags (1) · duration ms · size (uvarints) · volume
//	by line           volume · 0 · camera (8) · kind (1) · start ms (8) · stream  →  1
//	gaps              camera (8) · start ms (8)  →  duration ms (uvarint) · cause
//
// A volume is written as the 16 bytes of its UUID behind a 1, or as text behind a 2.
const (
	cameraLen = 8

	flagSuspect = 1
)

func (k Key) row() []byte {
	b := make([]byte, 0, cameraLen+9+len(k.Stream))
	b = append(b, k.Camera...)
	return append(k.appendTime(b), k.Stream...)
}

func (k Key) appendTime(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(k.StartMs))
	return append(b, k.Kind[0])
}

func keyOf(row []byte) (Key, error) {
	if len(row) < cameraLen+9+1 {
		return Key{}, errors.New("short key")
	}
	k := Key{Camera: string(row[:cameraLen]), StartMs: int64(binary.BigEndian.Uint64(row[cameraLen:])), Stream: string(row[cameraLen+9:])}
	switch row[cameraLen+8] {
	case 's':
		k.Kind = Standard
	case 'a':
		k.Kind = Alarm
	}
	return k, k.check()
}

// cameraAt is the first possible row of a camera at an instant.
func cameraAt(camera string, ms int64) []byte {
	b := append(make([]byte, 0, cameraLen+8), camera...)
	return binary.BigEndian.AppendUint64(b, uint64(max(0, ms)))
}

func (s Segment) value() []byte {
	b := make([]byte, 0, 32)
	var flags byte
	if s.Suspect {
		flags |= flagSuspect
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(s.EndMs-s.StartMs))
	b = binary.AppendUvarint(b, uint64(s.SizeBytes))
	return append(b, packVolume(s.Volume)...)
}

func segmentOf(row, value []byte) (Segment, error) {
	k, err := keyOf(row)
	if err != nil {
		return Segment{}, fmt.Errorf("index row %x: %w", row, err)
	}
	bad := fmt.Errorf("index row %s: bad value", k.ID())
	if len(value) < 1 {
		return Segment{}, bad
	}
	s := Segment{Key: k, Suspect: value[0]&flagSuspect != 0}
	rest := value[1:]
	duration, n := binary.Uvarint(rest)
	if n <= 0 || duration > MaxDurationMs {
		return Segment{}, bad
	}
	size, m := binary.Uvarint(rest[n:])
	if m <= 0 || int64(size) < 0 {
		return Segment{}, bad
	}
	s.EndMs, s.SizeBytes = k.StartMs+int64(duration), int64(size)
	if s.Volume, err = unpackVolume(rest[n+m:]); err != nil {
		return Segment{}, fmt.Errorf("index row %s: %w", k.ID(), err)
	}
	return s, nil
}

func packVolume(id string) []byte {
	if len(id) == 36 {
		if b, err := hex.DecodeString(strings.ReplaceAll(id, "-", "")); err == nil && len(b) == 16 {
			packed := append([]byte{1}, b...)
			if back, err := unpackVolume(packed); err == nil && back == id {
				return packed
			}
		}
	}
	return append([]byte{2}, id...)
}

func unpackVolume(b []byte) (string, error) {
	switch {
	case len(b) == 17 && b[0] == 1:
		h := hex.EncodeToString(b[1:])
		return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:], nil
	case len(b) > 1 && b[0] == 2:
		return string(b[1:]), nil
	}
	return "", errors.New("bad volume")
}
