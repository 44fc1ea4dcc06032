package calendar

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"vigie/internal/answer"
	"vigie/internal/api"
	"vigie/internal/mirror"
	"vigie/services/engine/internal/rowid"
)

// Keeper keeps the calendars and the newest Book of them. Make one with Open. Errors are *answer.Problem where the
// caller is at fault.
type Keeper struct {
	db  DB
	log *slog.Logger

	change sync.Mutex // held while rows change and the book follows

	mu      sync.Mutex
	zone    string
	book    *Book
	changed chan struct{} // closed and replaced with each new book
}

// Open reads the calendars. The zone is UTC until SetZone.
func Open(db DB, log *slog.Logger) (*Keeper, error) {
	k := &Keeper{db: db, log: log, changed: make(chan struct{}), book: &Book{zone: time.UTC}}
	k.change.Lock()
	defer k.change.Unlock()
	if err := k.read(); err != nil {
		return nil, fmt.Errorf("open calendars: %w", err)
	}
	return k, nil
}

// Book returns the calendars as they are, and a channel that is closed once they are not any more, or the clock was set.
func (k *Keeper) Book() (*Book, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.book, k.changed
}

// SetZone sets the time zone by its IANA name; empty is UTC.
func (k *Keeper) SetZone(name string) {
	k.change.Lock()
	defer k.change.Unlock()
	if name == k.zone {
		return
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		k.log.Error("time zone is not known; calendars go on by the one before", "zone", name, "err", err)
		return
	}
	k.zone = name
	k.mu.Lock()
	next := *k.book
	k.mu.Unlock()
	next.zone = zone
	k.publish(&next)
	k.log.Info("calendars go by another time zone", "zone", zone)
}

// Stepped says that the clock was set: what was computed ahead is to be computed anew.
func (k *Keeper) Stepped() {
	k.mu.Lock()
	defer k.mu.Unlock()
	close(k.changed)
	k.changed = make(chan struct{})
}

func (k *Keeper) publish(b *Book) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.book = b
	close(k.changed)
	k.changed = make(chan struct{})
}

// read makes a new book of the rows; change is held.
func (k *Keeper) read() error {
	var all []calendar
	var days []api.Holiday
	err := k.db.View(func(tx *mirror.Tx) (err error) {
		if all, err = list(tx); err == nil {
			days, err = storedHolidays(tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	b := &Book{zone: k.book.zone, weeks: map[string]*Week{}, holidays: map[date]bool{}}
	for _, c := range append(builtin(), all...) {
		b.weeks[c.id] = &c.week
	}
	for _, h := range days {
		if d, ok := dateOf(h); ok {
			b.holidays[d] = true
		}
	}
	k.publish(b)
	return nil
}

// List returns all calendars, those that are built in first; users says how many cameras use one.
func (k *Keeper) List(users func(id string) int) ([]api.Calendar, error) {
	var all []calendar
	err := k.db.View(func(tx *mirror.Tx) (err error) {
		all, err = list(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list calendars: %w", err)
	}
	var out []api.Calendar
	for _, c := range builtin() {
		out = append(out, c.api(true, users(c.id)))
	}
	for _, c := range all {
		out = append(out, c.api(false, users(c.id)))
	}
	return out, nil
}

// Add adds a calendar.
func (k *Keeper) Add(r api.CalendarRequest) (api.Calendar, error) {
	return k.write("c"+rowid.New(), r, func(*mirror.Tx, string) error { return nil })
}

// Change replaces a calendar; what follows it, follows at once.
func (k *Keeper) Change(id string, r api.CalendarRequest) (api.Calendar, error) {
	return k.write(id, r, existing)
}

func (k *Keeper) write(id string, r api.CalendarRequest, check func(*mirror.Tx, string) error) (api.Calendar, error) {
	k.change.Lock()
	defer k.change.Unlock()
	var c calendar
	err := k.db.Update(func(tx *mirror.Tx) (err error) {
		if err = check(tx, id); err != nil {
			return err
		}
		if c, err = requested(id, r); err != nil {
			return err
		}
		return put(tx, c)
	})
	if err != nil {
		return api.Calendar{}, fmt.Errorf("store calendar: %w", err)
	}
	k.log.Info("calendar stored", "calendar", c.id, "name", c.name)
	return c.api(false, 0), k.read()
}

// Delete removes a calendar; users names the cameras that need it, for people: empty when there are none.
func (k *Keeper) Delete(id, users string) error {
	k.change.Lock()
	defer k.change.Unlock()
	err := k.db.Update(func(tx *mirror.Tx) error {
		if err := existing(tx, id); err != nil {
			return err
		}
		if users != "" {
			return answer.Refuse(http.StatusConflict, "in_use", "This calendar is used by "+users+". Choose another for them first.")
		}
		return tx.Delete(bucketCalendars, []byte(id))
	})
	if err != nil {
		return fmt.Errorf("delete calendar: %w", err)
	}
	k.log.Info("calendar deleted", "calendar", id)
	return k.read()
}

// existing refuses what cannot be changed.
func existing(tx *mirror.Tx, id string) error {
	if id == Always || id == Never {
		return answer.Refuse(http.StatusConflict, "builtin", "This calendar is built in: it cannot be changed or deleted.")
	}
	if len(id) > 32 || tx.Get(bucketCalendars, []byte(id)) == nil {
		return answer.Refuse(http.StatusNotFound, "no_calendar", "There is no such calendar; it may have been deleted.")
	}
	return nil
}

// Holidays returns the holidays in order of date.
func (k *Keeper) Holidays() (out []api.Holiday, err error) {
	err = k.db.View(func(tx *mirror.Tx) (err error) {
		out, err = storedHolidays(tx)
		return err
	})
	return out, err
}

// SetHolidays replaces the holidays and returns them in order of date.
func (k *Keeper) SetHolidays(r []api.Holiday) ([]api.Holiday, error) {
	days, err := checkHolidays(r)
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(days)
	if err != nil {
		return nil, err
	}
	k.change.Lock()
	defer k.change.Unlock()
	if err := k.db.Update(func(tx *mirror.Tx) error { return tx.Put(bucketHolidays, []byte(keyHolidays), b) }); err != nil {
		return nil, fmt.Errorf("store holidays: %w", err)
	}
	k.log.Info("holidays stored", "holidays", len(days))
	return slices.Clone(days), k.read()
}
