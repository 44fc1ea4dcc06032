package mkv

import (
	"encoding/binary"
	"errors"
	"fmt"

	"vigie/services/engine/internal/media"
)

// opusPreRollNs is how long a decoder of Opus has to run before what it gives is right (RFC 7845 §4.6).
const opusPreRollNs = 80_000_000

// opusHead builds an identification header (RFC 7845 §5.1). Its pre-skip is 0: a recording begins somewhere in the
// camera's stream, not at its encoder's start, so that there is no delay to be cut off, and CodecDelay is 0 as well.
//
//	0  "OpusHead" | 1 | channels 1 | pre-skip 2 | sample rate 4 | gain 2 | mapping family 0     (little-endian)
func opusHead(t *media.Track) ([]byte, error) {
	if t.Channels != 1 && t.Channels != 2 {
		return nil, fmt.Errorf("%s of %d channels: at most two can be stored", t.Codec, t.Channels)
	}
	b := append([]byte("OpusHead"), 1, byte(t.Channels), 0, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(t.SampleRate))
	return append(b, 0, 0, 0), nil
}

func parseOpusHead(b []byte, _ *media.Track) error {
	if len(b) < 19 || string(b[:8]) != "OpusHead" || b[8] != 1 || b[18] != 0 {
		return errors.New("unusable OpusHead")
	}
	return nil
}
