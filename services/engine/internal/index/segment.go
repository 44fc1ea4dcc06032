package index

import (
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

// maxMs is the first instant that a key cannot hold: in the year 10889.
const maxMs = 1 << 48

const cameraLen = 8

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
	case k.StartMs >= maxMs:
		return errors.New("starts too far in the future")
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
	Unchecked bool   // taken up by its name alone: nobody has looked into its file yet
}
