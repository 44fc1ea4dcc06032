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
	"vigie/services/engine/internal/calendar"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/ingest"
	"vigie/services/engine/internal/record"
	"vigie/services/engine/internal/ring"
	"vigie/services/engine/internal/trigger"
)

// changeGrace is how long a change of settings waits for the disks to take what the old chain's ring still holds.
const changeGrace = 2 * time.Second

// Config is what a Set needs.
type Config struct {
	Store     *Store
	Calendars *calendar.Keeper
	Triggers  *trigger.Log
	Archive   record.Archive
	Second    record.Archive // of duplicates
	Log       *slog.Logger
	Written   *atomic.Uint64 // see record.Config
	Ring      ring.Config    // of each stream of which nothing is kept for alarms
	// PrebufferBytes is the memory for all that is kept from before alarms.
	PrebufferBytes int64
	// Before says where a stream's standard footage ends and why, when its chain starts with the engine; 0: there is none.
	Before func(camera, stream string) (endMs int64, cause index.Cause)
	// Oldest is the start of a camera's oldest footage; found is false when it has none.
	Oldest func(camera string) (ms int64, found bool, err error)
	// KnowsVolume tells whether a volume was ever seen.
	KnowsVolume func(id string) bool
}

// Set is the cameras that run. Make one with NewSet, then Start and, at the end, Stop.
type Set struct {
	cfg  Config
	soft context.Context // of the ingests
	hard context.Context // of the recorders
	quit context.CancelFunc
	kill context.CancelFunc
	work sync.WaitGroup

	change sync.Mutex // held while chains start and stop: changes come one after the other
	mu     sync.Mutex
	slots  map[string]*slot
	short  string // what is to be said of the memory for prebuffers
}

// slot is one camera's place; it lives as long as the row.
type slot struct {
	row     Row
	when    *when
	chains  map[string]*chain // by stream
	watched map[string]*watch // by stream
	sinceMs int64             // of being disabled
	changed chan struct{}     // closed, and replaced, at each change of state
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
		if err := s.place(row); err != nil {
			return err
		}
		s.put(row, "")
		if end, _ := s.cfg.Before(row.ID, MainStream); !row.Enabled && end != 0 {
			s.slots[row.ID].sinceMs = end // as it was when the engine ended
		}
	}
	s.shareMemory()
	s.work.Go(s.followCalendars)
	s.work.Go(s.keepUp)
	return nil
}

// Stop ends all chains. What the rings still hold is written; after grace, what a disk has not taken is given up.
func (s *Set) Stop(grace time.Duration) {
	s.quit()
	s.work.Wait()
	s.change.Lock()
	defer s.change.Unlock()
	t := time.AfterFunc(grace, s.kill)
	defer t.Stop()
	s.mu.Lock()
	var chains []*chain
	for _, sl := range s.slots {
		for _, c := range sl.chains {
			c.cancel()
			chains = append(chains, c)
		}
	}
	s.mu.Unlock()
	for _, c := range chains {
		c.stop(grace) // of its own; the common one ends it no later
	}
	s.kill()
}

// place makes a camera's slot, with the triggers that are still in force.
func (s *Set) place(row Row) error {
	now := time.Now()
	triggers, err := s.cfg.Triggers.Range(row.ID, now.Add(-time.Duration(row.Plan.PostSeconds)*time.Second).UnixMilli(), future, 0)
	if err != nil {
		return fmt.Errorf("triggers of camera %s: %w", row.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slots[row.ID] = &slot{row: row, when: newWhen(s.cfg.Calendars, row.Plan, triggers), chains: map[string]*chain{}, watched: map[string]*watch{},
		sinceMs: now.UnixMilli(), changed: make(chan struct{})}
	return nil
}

// put makes what runs of a camera what its row says. started is why streams that start now were not recorded before;
// empty when the engine starts. The caller holds change.
func (s *Set) put(row Row, started index.Cause) {
	s.mu.Lock()
	sl := s.slots[row.ID]
	if sl.row.Enabled != row.Enabled {
		sl.sinceMs = time.Now().UnixMilli()
	}
	sl.row = row
	s.mu.Unlock()
	sl.when.set(row.Plan)
	s.settle(sl, started)
	s.wake(row.ID)
}

// settle starts and stops a camera's streams as they are wanted. The caller holds change.
func (s *Set) settle(sl *slot, started index.Cause) {
	for _, stream := range []string{MainStream, SubStream} {
		s.mu.Lock()
		row, old := sl.row, sl.chains[stream]
		wanted := s.wanted(sl, stream)
		s.mu.Unlock()
		want := row.chainConfig(stream)
		if wanted == (old != nil) && (old == nil || old.cfg == want) {
			continue
		}
		var next *chain
		if old != nil {
			old.stop(changeGrace)
		}
		if wanted {
			end, cause := s.cfg.Before(row.ID, stream)
			switch {
			case started != "":
				cause = started
			case old != nil:
				cause = index.CameraOffline
			}
			next = s.startChain(s.soft, want, sl.when, s.cfg.Ring, end, cause, func() { s.wake(row.ID) })
		}
		s.mu.Lock()
		if sl.chains[stream] = next; next == nil {
			delete(sl.chains, stream)
		}
		s.mu.Unlock()
		s.wake(row.ID)
	}
}

// chainConfig is that of one of the camera's streams.
func (row *Row) chainConfig(stream string) chainConfig {
	c := chainConfig{row.ID, stream, row.URL, row.Username, row.Password, row.Transport, "", !row.Audio}
	if stream == SubStream {
		c.url = row.SubURL
	}
	c.certificate = row.certificateOf(c.url)
	return c
}

// wanted tells whether a stream is to be connected to. The caller holds mu.
func (s *Set) wanted(sl *slot, stream string) bool {
	row := &sl.row
	if !row.Enabled || s.soft.Err() != nil {
		return false
	}
	if stream == MainStream {
		return true
	}
	if row.SubURL == "" {
		return false
	}
	if w := sl.watched[stream]; w != nil && w.wanted(time.Now()) {
		return true
	}
	_, forced := sl.when.forced(time.Now())
	return row.Plan.Standard.Sub && row.Plan.Standard.Calendar != calendar.Never ||
		row.Plan.Alarm.Sub && (row.Plan.Alarm.Calendar != calendar.Never || forced)
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
	main := sl.chains[MainStream]
	if main == nil {
		c.State = api.CameraState{Status: api.CameraStateStatusDisabled, SinceMs: sl.sinceMs}
		return c
	}
	c.State = main.state()
	for _, stream := range []string{MainStream, SubStream} {
		if ch := sl.chains[stream]; ch != nil {
			c.State.Streams = append(c.State.Streams, ch.stream())
		}
	}
	c.State.AlarmUntilMs, c.State.ForcedUntilMs = sl.when.until(time.Now())
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

// Pinned is the id of the volume that a camera is to be recorded to; "": any.
func (s *Set) Pinned(id string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sl := s.slots[id]; sl != nil {
		return sl.row.Plan.Volume
	}
	return ""
}

// checkVolume refuses a volume that was never seen.
func (s *Set) checkVolume(id string) error {
	if id != "" && !s.cfg.KnowsVolume(id) {
		return answer.Field("recording.volume", "no_volume", "There is no such volume.")
	}
	return nil
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

// Add adds a camera and starts it.
func (s *Set) Add(r api.CameraRequest) (api.Camera, error) {
	row, err := New(r, time.Now())
	if err != nil {
		return api.Camera{}, err
	}
	s.change.Lock()
	defer s.change.Unlock()
	book, _ := s.cfg.Calendars.Book()
	if err := errors.Join(row.Plan.checkCalendars(book), s.checkVolume(row.Plan.Volume)); err != nil {
		return api.Camera{}, err
	}
	if err := s.cfg.Store.Add(row); err != nil {
		return api.Camera{}, fmt.Errorf("add camera: %w", err)
	}
	s.cfg.Log.Info("camera added", "camera", row.ID, "name", row.Name, "url", row.URL)
	if err := s.place(row); err != nil {
		return api.Camera{}, err
	}
	s.put(row, index.Unscheduled)
	s.shareMemory()
	return s.Get(row.ID)
}

// Change replaces a camera's settings.
func (s *Set) Change(id string, r api.CameraRequest) (api.Camera, error) {
	s.change.Lock()
	defer s.change.Unlock()
	var old Row
	book, _ := s.cfg.Calendars.Book()
	row, err := s.cfg.Store.Change(id, func(row Row) (Row, error) {
		old = row
		next, err := row.With(r)
		if err == nil && next.Plan != old.Plan {
			err = next.Plan.checkCalendars(book)
		}
		if err == nil && next.Plan.Volume != old.Plan.Volume {
			err = s.checkVolume(next.Plan.Volume)
		}
		return next, err
	})
	if err != nil {
		return api.Camera{}, fmt.Errorf("change camera: %w", err)
	}
	if row != old {
		s.cfg.Log.Info("camera changed", "camera", row.ID, "name", row.Name, "url", row.URL, "enabled", row.Enabled)
		var started index.Cause // of a stream that starts anew: as settle sees it
		switch {
		case !old.Enabled:
			started = index.CameraDisabled
		case !old.Plan.Standard.Sub && row.Plan.Standard.Sub:
			started = index.Unscheduled
		}
		s.put(row, started)
		s.shareMemory()
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
	s.put(row, "")
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
	found, err := ingest.Probe(ctx, a, r.Transport, row.certificateOf(a.URL))
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

// Recording tells whether any stream is live and being recorded.
func (s *Set) Recording() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, sl := range s.slots {
		for _, c := range sl.chains {
			if c.state().Recording {
				return true
			}
		}
	}
	return false
}
