package camera

import "vigie/services/engine/internal/history"

// Samples are the counters of all streams that run.
func (s *Set) Samples() []history.Sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]history.Sample, 0, len(s.slots))
	for id, sl := range s.slots {
		for stream, c := range sl.chains {
			list = append(list, history.Sample{Camera: id, Stream: stream, Counters: c.ingest.Counters()})
		}
	}
	return list
}
