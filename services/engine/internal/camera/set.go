package camera

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/live"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/ring"
)

// changeGrace is how long a change of settings waits for the disks to take what the old chain's ring still holds.
const changeGrace = 2 * time.Second

// Config is what a Set needs.
type Config struct {
	Store   *Store
	Archive record.Archive
	Log     *slog.Logger
	Written *atomic.Uint64 // see record.Config
	Ring    ring.Config    // of each camera
	// Before says where a camera's footage ends and why, when its chain starts with the engine; 0: there is none.
	Before func(camera string) (endMs int64, cause index.Cause)
}

// Set is the cameras that run. Make one with NewSet, then Start and, at the end, Stop.
type Set struct {
	cfg  Config
	soft context.Context // of the ingests
	hard context.Context // of the recorders
	quit context.CancelFunc
	kill context.CancelFunc

	change sync.Mutex // held while chains start and stop: changes come one after the other
	mu     sync.Mutex
	slots  map[string]*slot
}

// slot is one camera's place; it lives as long as the row.
type slot struct {
	row     Row
	chain   *chain        // nil when disabled
	sinceMs int64         // of being disabled
	changed chan struct{} // closed, and replaced, at each change of state
}

// NewSet returns a set that runs nothing.
func NewSet(cfg Config) *Set {
	s := &Set{cfg: cfg, slots: map[string]*slot{}}
	s.soft, s.quit = context.WithCancel(context.Background())
	s.hard, s.kill = context.WithCancel(context.Background())
	return s
}

// Start starts the chains of all enabled rows.
func (s *Set) Start() error {
	rows, err := s.cfg.Store.List()
	if err != nil {
		return err
	}
	s.change.Lock()
	defer s.change.Unlock()
	for _, row := range rows {
		end, cause := s.cfg.Before(row.ID)
		s.put(row, end, cause)
		if sl := s.slots[row.ID]; !row.Enabled && end != 0 {
			sl.sinceMs = end // as it was when the engine ended
		}
	}
	return nil
}

// Stop ends all chains. What the rings still hold is written; after grace, what a disk has not taken is given up.
func (s *Set) Stop(grace time.Duration) {
	s.change.Lock()
	defer s.change.Unlock()
	s.quit()
	t := time.AfterFunc(grace, s.kill)
	defer t.Stop()
	s.mu.Lock()
	var chains []*chain
	for _, sl := range s.slots {
		if sl.chain != nil {
			chains = append(chains, sl.chain)
		}
	}
	s.mu.Unlock()
	for _, c := range chains {
		c.stop(grace) // of its own; the common one ends it no later
	}
	s.kill()
}

// put makes the running chain of a row what the row says. The caller holds change.
func (s *Set) put(row Row, beforeMs int64, cause index.Cause) {
	s.mu.Lock()
	sl := s.slots[row.ID]
	if sl == nil {
		sl = &slot{changed: make(chan struct{})}
		s.slots[row.ID] = sl
	}
	old := sl.chain
	s.mu.Unlock()

	want := chainConfig{row.ID, row.URL, row.Username, row.Password, row.Transport}
	next := old
	if old != nil && (!row.Enabled || old.cfg != want) {
		old.stop(changeGrace)
		next = nil
	}
	if next == nil && row.Enabled && s.soft.Err() == nil {
		next = s.startChain(s.soft, want, beforeMs, cause, func() { s.wake(row.ID) })
	}

	s.mu.Lock()
	if sl.row.Enabled != row.Enabled || sl.row.ID == "" {
		sl.sinceMs = time.Now().UnixMilli()
	}
	sl.row, sl.chain = row, next
	s.mu.Unlock()
	s.wake(row.ID)
}

// wake tells those who follow a camera that its state has changed.
func (s *Set) wake(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		close(sl.changed)
		sl.changed = make(chan struct{})
	}
}

// describe is a camera as the API shows it. The caller holds mu.
func (sl *slot) describe() api.Camera {
	c := sl.row.api()
	if sl.chain != nil {
		c.State = sl.chain.state()
	} else {
		c.State = api.CameraState{Status: api.CameraStateStatusDisabled, SinceMs: sl.sinceMs}
	}
	return c
}

// Name returns a camera's name; a camera that is no longer there is called by its id.
func (s *Set) Name(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		return sl.row.Name
	}
	return id
}

// Has tells whether a camera is set up.
func (s *Set) Has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slots[id] != nil
}

// Retention tells how long a camera's recordings are kept, and whether it is set up. It is right before Start too: the
// disks do not wait for that to make room.
func (s *Set) Retention(id string) (Retention, bool) {
	s.mu.Lock()
	sl := s.slots[id]
	if sl != nil {
		defer s.mu.Unlock()
		return sl.row.Retention, true
	}
	s.mu.Unlock()
	row, err := s.cfg.Store.Get(id)
	return row.Retention, err == nil
}

// Names returns the names of all cameras by id.
func (s *Set) Names() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[string]string, len(s.slots))
	for id, sl := range s.slots {
		out[id] = sl.row.Name
	}
	return out
}

// List returns all cameras in order of name.
func (s *Set) List() ([]api.Camera, error) {
	rows, err := s.cfg.Store.List()
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]api.Camera, 0, len(rows))
	for _, row := range rows {
		if sl := s.slots[row.ID]; sl != nil {
			out = append(out, sl.describe())
		}
	}
	return out, nil
}

// Get returns one camera.
func (s *Set) Get(id string) (api.Camera, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		return sl.describe(), nil
	}
	return api.Camera{}, errNoCamera()
}

// View is what a live viewer follows.
func (s *Set) View(id string) (live.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sl := s.slots[id]
	if sl == nil {
		return live.View{}, errNoCamera()
	}
	v := live.View{State: sl.describe().State, Changed: sl.changed}
	if sl.chain != nil {
		v.Ring = sl.chain.ring
	}
	return v, nil
}

// Add adds a camera and starts it.
func (s *Set) Add(r api.CameraRequest) (api.Camera, error) {
	row, err := New(r, time.Now())
	if err != nil {
		return api.Camera{}, err
	}
	s.change.Lock()
	defer s.change.Unlock()
	if err := s.cfg.Store.Add(row); err != nil {
		return api.Camera{}, fmt.Errorf("add camera: %w", err)
	}
	s.cfg.Log.Info("camera added", "camera", row.ID, "name", row.Name, "url", row.URL)
	s.put(row, 0, "")
	return s.Get(row.ID)
}

// Change replaces a camera's settings.
func (s *Set) Change(id string, r api.CameraRequest) (api.Camera, error) {
	s.change.Lock()
	defer s.change.Unlock()
	var old Row
	row, err := s.cfg.Store.Change(id, func(row Row) (Row, error) {
		old = row
		return row.With(r)
	})
	if err != nil {
		return api.Camera{}, fmt.Errorf("change camera: %w", err)
	}
	if row != old {
		s.cfg.Log.Info("camera changed", "camera", row.ID, "name", row.Name, "url", row.URL, "enabled", row.Enabled)
		end, _ := s.cfg.Before(id)
		cause := index.CameraOffline
		if !old.Enabled {
			cause = index.CameraDisabled
		}
		s.put(row, end, cause)
	}
	return s.Get(id)
}

// Remove stops a camera and forgets its settings; its recordings stay.
func (s *Set) Remove(id string) error {
	s.change.Lock()
	defer s.change.Unlock()
	row, err := s.cfg.Store.Delete(id)
	if err != nil {
		return fmt.Errorf("remove camera: %w", err)
	}
	s.cfg.Log.Info("camera removed", "camera", id, "name", row.Name)
	row.Enabled = false
	s.put(row, 0, "")
	s.mu.Lock()
	close(s.slots[id].changed) // viewers look again and find nothing
	delete(s.slots, id)
	s.mu.Unlock()
	return nil
}

// Test connects to a camera as described and says what it sends.
func (s *Set) Test(ctx context.Context, r api.CameraTestRequest) (api.CameraTest, error) {
	var row Row
	if r.Camera != "" {
		var err error
		if row, err = s.cfg.Store.Get(r.Camera); err != nil {
			return api.CameraTest{}, err
		}
	}
	a, err := row.Address(r.URL, r.Username, r.Password)
	if err != nil {
		return api.CameraTest{}, err
	}
	found, err := ingest.Probe(ctx, a)
	var f *ingest.Fault
	if errors.As(err, &f) {
		p := answer.Refuse(http.StatusBadGateway, f.Code, f.Reason)
		p.Detail.Field = faultField(f.Code)
		return api.CameraTest{}, p
	}
	return found, err
}

// faultField is the field of the form that most likely cures a fault.
func faultField(code string) string {
	if code == "unauthorized" {
		return "password"
	}
	return "url"
}

func errNoCamera() error {
	return answer.Refuse(http.StatusNotFound, "no_camera", "There is no such camera; it may have been removed.")
}

// Recording tells whether any camera is live and being recorded.
func (s *Set) Recording() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		if sl.chain != nil && sl.chain.state().Recording {
			return true
		}
	}
	return false
}
