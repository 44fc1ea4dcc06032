package camera

import (
	"time"

	"vigie/internal/api"
	"vigie/services/engine/internal/index"
)

// Owed is a stream that is recorded at all, and what keeps it from being recorded now.
type Owed struct {
	Stream  string
	Running []index.Gap // up to now
}

// Owed returns the streams of a camera whose standard recording is asked for, by calendar or always; none of a camera
// that is not set up.
func (s *Set) Owed(camera string, now time.Time) []Owed {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.slots[camera]
	if sl == nil {
		return nil
	}
	return sl.owed(now)
}

// Running returns the gaps of all cameras that run now.
func (s *Set) Running(now time.Time) (out []index.Gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		for _, o := range sl.owed(now) {
			out = append(out, o.Running...)
		}
	}
	return out
}

// owed says it of a slot. The caller holds mu.
func (sl *slot) owed(now time.Time) []Owed {
	o := Owed{Stream: MainStream}
	if sl.chain != nil {
		o.Running = sl.chain.record.Outage(now)
	} else if end := now.UnixMilli(); sl.sinceMs < end {
		o.Running = []index.Gap{{Camera: sl.row.ID, Stream: MainStream, StartMs: sl.sinceMs, EndMs: end, Cause: index.CameraDisabled}}
	}
	return []Owed{o}
}

// causeOf says why a camera sends no picture, by what ingest says of it. Tentative: it has only been silent so far.
func causeOf(st api.CameraState) (c index.Cause, tentative bool) {
	if st.Status != api.CameraStateStatusOffline {
		return "", false
	}
	switch st.Code {
	case "dns", "unreachable", "timeout":
		return index.Network, false
	case "stalled":
		return index.CameraOffline, true
	}
	return index.CameraOffline, false
}
