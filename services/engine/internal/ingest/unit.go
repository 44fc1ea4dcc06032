package ingest

import (
	"time"

	"vigie/services/engine/internal/media"
)

// unit is one access unit as a session delivers it: times are still the camera's.
type unit struct {
	track    int // index into tracks: 0 is video, 1 audio
	key      bool
	pts, dts int64         // RTP time, unwrapped, in the track's clock rate
	duration int64         // audio only
	arrival  time.Duration // when its last byte was read, on the session's monotonic clock
	payload  []byte
	tracks   []media.Track // what the stream consists of; another slice once that changes
}

// unwrapper makes 64-bit time of RTP's 32 bits (RFC 3550 §5.1), which wrap every 13 hours at 90 kHz.
type unwrapper struct {
	begun bool
	prev  uint32
	value int64
}

func (u *unwrapper) unwrap(ts uint32) int64 {
	u.value = u.near(ts)
	u.prev = ts
	return u.value
}

// near places a time without moving on to it.
func (u *unwrapper) near(ts uint32) int64 {
	if !u.begun {
		u.begun, u.prev, u.value = true, ts, int64(ts)
	}
	return u.value + int64(int32(ts-u.prev))
}

// sequence watches RTP sequence numbers (RFC 3550 §5.1).
type sequence struct {
	begun bool
	next  uint16
	ssrc  uint32
}

// lost returns how many packets are missing before this one, and whether the flow was broken: by loss, by packets out
// of order, or by the camera starting over.
func (s *sequence) lost(seq uint16, ssrc uint32) (n int64, broken bool) {
	switch gap := seq - s.next; {
	case !s.begun:
	case ssrc != s.ssrc:
		broken = true
	case gap == 0:
	case gap < 0x8000:
		n, broken = int64(gap), true
	default:
		broken = true
	}
	s.begun, s.next, s.ssrc = true, seq+1, ssrc
	return n, broken
}
