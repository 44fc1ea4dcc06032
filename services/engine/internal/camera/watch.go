package camera

import (
	"net/http"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/source"
)

// lingering is how long a stream that was watched stays connected: whoever changes the page comes back soon.
const lingering = 20 * time.Second

// watch counts who watches a stream.
type watch struct {
	viewers int
	left    time.Time // when the last viewer did
}

func (w *watch) wanted(now time.Time) bool { return w.viewers > 0 || now.Sub(w.left) < lingering }

// find returns the slot of a camera that has such a stream; mu is held.
func (s *Set) find(id, stream string) (*slot, error) {
	sl := s.slots[id]
	switch {
	case sl == nil:
		return nil, errNoCamera()
	case stream == MainStream, stream == SubStream && sl.row.SubURL != "":
		return sl, nil
	}
	return nil, answer.Refuse(http.StatusNotFound, "no_stream", "This camera has no such stream.")
}

// Watch has a stream connected to until leave is called.
func (s *Set) Watch(id, stream string) (leave func(), err error) {
	s.mu.Lock()
	sl, err := s.find(id, stream)
	if err != nil {
		s.mu.Unlock()
		return nil, err
	}
	w := sl.watched[stream]
	if w == nil {
		w = &watch{}
		sl.watched[stream] = w
	}
	w.viewers++
	missing := sl.chains[stream] == nil && s.wanted(sl, stream)
	s.mu.Unlock()
	if missing {
		s.resettle(id)
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		w.viewers--
		w.left = time.Now() // keepUp looks after the stream
	}, nil
}

// View is what a live viewer follows.
func (s *Set) View(id, stream string) (source.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl, err := s.find(id, stream)
	if err != nil {
		return source.View{}, err
	}
	v := source.View{Changed: sl.changed}
	c := sl.chains[stream]
	switch {
	case c != nil:
		v.State, v.Ring = c.ingest.State(), c.ring
	case sl.row.Enabled:
		v.State = api.CameraState{Status: api.CameraStateStatusConnecting}
	default:
		v.State = api.CameraState{Status: api.CameraStateStatusDisabled}
	}
	return v, nil
}
