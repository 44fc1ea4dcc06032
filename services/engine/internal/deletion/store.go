package deletion

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"vigie/internal/mirror"
	"vigie/services/engine/internal/rowid"
)

// ErrUnknown: there is no such order (any more); ErrEnded: it does not run.
var (
	ErrUnknown = errors.New("no such deletion")
	ErrEnded   = errors.New("the deletion has ended")
)

// DB is the part of mirror.DB that the store uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Store keeps the orders.
type Store struct {
	db DB

	mu   sync.Mutex
	list []Order // in order of id
}

// Open reads the orders.
func Open(db DB) (*Store, error) {
	s := &Store{db: db}
	err := db.View(func(tx *mirror.Tx) (err error) {
		s.list, err = readAll(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("open deletions: %w", err)
	}
	return s, nil
}

// List returns all orders, the newest first.
func (s *Store) List() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := slices.Clone(s.list)
	slices.Reverse(out)
	return out
}

// Get returns an order.
func (s *Store) Get(id string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.list {
		if o.ID == id {
			return o, true
		}
	}
	return Order{}, false
}

// Next returns the oldest order that has something left to do on a volume.
func (s *Store) Next(volume string) (Order, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.list {
		if o.Status == Running && slices.Contains(o.Left(), volume) {
			return o, true
		}
	}
	return Order{}, false
}

// Running returns the orders that run, the oldest first.
func (s *Store) Running() (out []Order) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.list {
		if o.Status == Running {
			out = append(out, o)
		}
	}
	return out
}

// Add stores an order and gives it an id; of those that have ended the oldest are forgotten. A *Problem says that too many
// run.
func (s *Store) Add(o Order) (Order, error) {
	running := len(s.Running())
	var forget []string
	s.mu.Lock()
	for i := 0; len(s.list)-len(forget) >= Kept && i < len(s.list); i++ {
		if s.list[i].Status != Running {
			forget = append(forget, s.list[i].ID)
		}
	}
	s.mu.Unlock()
	if running >= MostAtOnce {
		return Order{}, &Problem{Code: "too_many", Message: fmt.Sprintf("%d deletions are running already. Wait until one has ended.", running)}
	}
	o.ID = fmt.Sprintf("%012x%s", o.CreatedMs, rowid.New())
	o.Progress = Progress{Status: Running}
	err := s.db.Update(func(tx *mirror.Tx) error {
		for _, id := range forget {
			if err := errors.Join(tx.Delete(bucketOrders, []byte(id)), tx.Delete(bucketProgress, []byte(id))); err != nil {
				return err
			}
		}
		return errors.Join(put(tx, bucketOrders, o.ID, o), put(tx, bucketProgress, o.ID, o.Progress))
	})
	if err != nil {
		return Order{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = slices.DeleteFunc(s.list, func(other Order) bool { return slices.Contains(forget, other.ID) })
	s.list = append(s.list, o)
	slices.SortFunc(s.list, func(a, b Order) int { return strings.Compare(a.ID, b.ID) })
	return o, nil
}

// Count notes within a transaction that files of an order are going, and returns what has to be called once it is committed.
// ErrEnded says that they must not.
func (s *Store) Count(tx *mirror.Tx, id string, segments, bytes int64) (committed func(), err error) {
	p, err := readProgress(tx, id)
	if err != nil {
		return nil, err
	}
	if p.Status != Running {
		return nil, ErrEnded
	}
	if segments == 0 {
		return func() {}, nil
	}
	p.Segments += segments
	p.Bytes += bytes
	if err := put(tx, bucketProgress, id, p); err != nil {
		return nil, err
	}
	return func() {
		s.edit(id, func(p *Progress) { p.Segments, p.Bytes = p.Segments+segments, p.Bytes+bytes })
	}, nil
}

// Finish notes that a volume has been gone through; with the last one the order is done.
func (s *Store) Finish(id, volume string, nowMs int64) error {
	o, ok := s.Get(id)
	if !ok {
		return ErrUnknown
	}
	return s.change(id, func(p *Progress) {
		if !slices.Contains(p.Finished, volume) {
			p.Finished = append(slices.Clone(p.Finished), volume)
		}
		o.Progress = *p
		if len(o.Left()) == 0 {
			p.Status, p.EndedMs = Done, nowMs
		}
	})
}

// Stop ends an order because somebody wants it ended.
func (s *Store) Stop(id, by string, nowMs int64) error {
	return s.change(id, func(p *Progress) { p.Status, p.EndedMs, p.StoppedBy = Stopped, nowMs, by })
}

// GiveUp ends an order that cannot be brought to its end.
func (s *Store) GiveUp(id, reason string, nowMs int64) error {
	return s.change(id, func(p *Progress) { p.Status, p.EndedMs, p.Reason = Incomplete, nowMs, reason })
}

// change changes the progress of an order that runs.
func (s *Store) change(id string, fn func(*Progress)) error {
	if _, ok := s.Get(id); !ok {
		return ErrUnknown
	}
	var p Progress
	err := s.db.Update(func(tx *mirror.Tx) (err error) {
		if p, err = readProgress(tx, id); err != nil {
			return err
		}
		if p.Status != Running {
			return ErrEnded
		}
		fn(&p)
		return put(tx, bucketProgress, id, p)
	})
	if err != nil {
		return err
	}
	s.edit(id, func(now *Progress) { fn(now) })
	return nil
}

func (s *Store) edit(id string, fn func(*Progress)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.list {
		if s.list[i].ID == id {
			fn(&s.list[i].Progress)
		}
	}
}
