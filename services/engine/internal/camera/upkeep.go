package camera

import (
	"math"
	"time"

	"vigie/services/engine/internal/index"
)

const (
	// settleEvery is how often streams that nobody needs any more are looked for, and memory is shared out.
	settleEvery = 5 * time.Second
	// forgetEvery is how often triggers of footage that is gone are.
	forgetEvery = 2 * time.Minute
	// keptAnyway is how long a trigger is kept without footage.
	keptAnyway = 25 * time.Hour
	// future is an instant that never comes, in milliseconds.
	future = math.MaxInt64 / int64(time.Millisecond)
)

// followCalendars tells all recorders when calendars, holidays, the zone or the clock have changed.
func (s *Set) followCalendars() {
	for {
		_, changed := s.cfg.Calendars.Book()
		s.mu.Lock()
		for _, sl := range s.slots {
			sl.when.follow()
		}
		s.mu.Unlock()
		select {
		case <-changed:
		case <-s.soft.Done():
			return
		}
	}
}

// keepUp does what is due from time to time.
func (s *Set) keepUp() {
	settle, forget := time.NewTicker(settleEvery), time.NewTicker(forgetEvery)
	defer settle.Stop()
	defer forget.Stop()
	for {
		select {
		case <-settle.C:
			for _, id := range s.unsettled() {
				s.resettle(id)
			}
			s.change.Lock()
			s.shareMemory()
			s.change.Unlock()
		case <-forget.C:
			s.forgetTriggers()
		case <-s.soft.Done():
			return
		}
	}
}

// unsettled are the cameras of which a stream runs that is not wanted, or does not that is.
func (s *Set) unsettled() (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, sl := range s.slots {
		for _, stream := range []string{MainStream, SubStream} {
			if s.wanted(sl, stream) != (sl.chains[stream] != nil) {
				ids = append(ids, id)
				break
			}
		}
	}
	return ids
}

// resettle starts and stops a camera's streams as they are wanted.
func (s *Set) resettle(id string) {
	s.change.Lock()
	defer s.change.Unlock()
	s.mu.Lock()
	sl := s.slots[id]
	s.mu.Unlock()
	if sl != nil && s.soft.Err() == nil {
		s.settle(sl, index.Unscheduled)
	}
}

// forgetTriggers forgets those whose footage is gone.
func (s *Set) forgetTriggers() {
	for _, id := range s.cfg.Triggers.Cameras() {
		oldest, found, err := s.cfg.Oldest(id)
		if before := time.Now().Add(-keptAnyway).UnixMilli(); !found || oldest > before {
			oldest = before
		}
		if err == nil {
			err = s.cfg.Triggers.Forget(id, oldest)
		}
		if err != nil {
			s.cfg.Log.Error("cannot forget triggers", "camera", id, "err", err)
		}
	}
}
