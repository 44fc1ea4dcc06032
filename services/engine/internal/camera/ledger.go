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

// owed says it of a slot. The main stream is always among them: where its calendar says no, its recorder says so. The
// caller holds mu.
func (sl *slot) owed(now time.Time) (out []Owed) {
	for _, stream := range []string{MainStream, SubStream} {
		if stream != MainStream && !sl.row.Plan.Standard.has(stream) {
			continue
		}
		o := Owed{Stream: stream}
		if c := sl.chains[stream]; c != nil {
			o.Running = c.standard.Outage(now)
		} else {
			o.Running = sl.disabled(stream, now)
		}
		out = append(out, o)
	}
	return out
}

// disabled are the gaps of a stream since its camera was switched off.
func (sl *slot) disabled(stream string, now time.Time) (out []index.Gap) {
	schedule := sl.when.schedule(stream, index.Standard)
	end := now.UnixMilli()
	for at := sl.sinceMs; at < end; {
		w, ok, _ := schedule(at * int64(time.Millisecond))
		g := index.Gap{Camera: sl.row.ID, Stream: stream, StartMs: at, EndMs: end, Cause: index.Unscheduled}
		switch {
		case ok && w.StartNs <= at*int64(time.Millisecond):
			g.Cause, g.EndMs = index.CameraDisabled, min(end, ceilMs(w.EndNs))
		case ok:
			g.EndMs = min(end, ceilMs(w.StartNs))
		}
		out = append(out, g)
		at = g.EndMs
	}
	return out
}

func ceilMs(ns int64) int64 { return (ns-1)/int64(time.Millisecond) + 1 }

// causeOf says why a camera sends no picture, by what ingest says of it. Tentative: it has only been silent so far.
func causeOf(st api.CameraState) (c index.Cause, tentative bool) {
	if st.Status != api.CameraStateStatusOffline {
		return "", false
	}
	switch st.Code {
	case "dns", "unreachable", "timeout", "tls", "certificate_changed":
		return index.Network, false
	case "stalled":
		return index.CameraOffline, true
	}
	return index.CameraOffline, false
}
