// Package logins keeps who has logged in, and who has tried to: in the web admin, by SSH, and at the machine's console, where
// standing there is the way in.
//
// It owns one bucket of the accounts database, "logins": the key is a byte for the kind, 1 for those who came in and 2 for the
// others, and a number that grows, 8 bytes, big-endian; the value is JSON. Of each kind the newest MostKept stay, so that
// nobody pushes out by failing who came in. A row of a later version's may hold more than is read here.
//
// Notes are gathered and written together, once in Pause at most, and equal ones that follow within Together are one row with
// a count: however many strangers try, the disks see a write every few seconds, and the list stays readable. What was not
// written when the machine lost its power is lost. Names that are nobody's are not noted: they may be mistyped passwords.
//
// Note and List may be called from anywhere; Run, once, writes.
package logins

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"vigie/services/web/internal/accounts"
)

const (
	// MostKept is how many of each kind are kept.
	MostKept = 500
	// Pause is between two writes.
	Pause = 3 * time.Second
	// Together is within how long equal failures are one.
	Together = 10 * time.Minute
	// mostWaiting bounds what waits to be written; above it, what comes is dropped, and told in the log.
	mostWaiting = 200
)

const bucket = "logins"

// Way is where somebody logged in.
type Way string

// The ways.
const (
	Web     Way = "web"
	SSH     Way = "ssh"
	Console Way = "console"
)

// Method is what with.
type Method string

// The methods.
const (
	Password Method = "password"
	Key      Method = "key"
	Code     Method = "code"   // the one-time code that the console shows
	Person   Method = "person" // by being there
)

// Result is what came of it.
type Result string

// The results.
const (
	OK      Result = "ok"
	Refused Result = "refused"
	Limited Result = "limited" // after too many failures, and not looked at
	Reset   Result = "reset"   // a reset of the administrator's password was asked for
)

// Event is one row.
type Event struct {
	AtMs   int64  `json:"atMs"`
	Way    Way    `json:"way"`
	Method Method `json:"method"`
	Result Result `json:"result"`
	User   string `json:"user,omitempty"` // a user's, or empty
	From   string `json:"from,omitempty"` // IP address
	Key    string `json:"key,omitempty"`  // its fingerprint
	Count  int    `json:"count"`          // of equal ones; the last was at LastMs
	LastMs int64  `json:"lastMs"`
}

// same says whether two are but at other times.
func (e Event) same(o Event) bool {
	o.AtMs, o.LastMs, o.Count = e.AtMs, e.LastMs, e.Count
	return e == o
}

// Book keeps them.
type Book struct {
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	db      accounts.Database // nil until Open
	waiting []Event
	dropped int
}

// New returns a book in which notes can be made, to be written once it is open.
func New(log *slog.Logger) *Book { return &Book{log: log, now: time.Now} }

// Open says where they are kept.
func (b *Book) Open(db accounts.Database) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.db = db
}

// Note notes one that is now. It never waits.
func (b *Book) Note(e Event) {
	now := b.now().UnixMilli()
	e.AtMs, e.LastMs, e.Count = now, now, 1
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.waiting {
		if w := &b.waiting[i]; joins(*w, e) {
			w.Count, w.LastMs = w.Count+1, e.LastMs
			return
		}
	}
	if len(b.waiting) >= mostWaiting {
		b.dropped++
		return
	}
	b.waiting = append(b.waiting, e)
}

// joins says whether a note becomes one with an earlier one. Who came in came in each time.
func joins(earlier, e Event) bool {
	since := e.LastMs - earlier.LastMs
	return e.Result != OK && earlier.same(e) && since >= 0 && since < Together.Milliseconds()
}

// Run writes until ctx ends, and then what is left.
func (b *Book) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(Pause):
		}
		if err := b.write(); err != nil {
			b.log.Error("log-ins", "err", err)
		}
	}
	return nil
}

// write writes what waits; what cannot be written waits on.
func (b *Book) write() error {
	b.mu.Lock()
	db, list, dropped := b.db, b.waiting, b.dropped
	if db == nil || len(list) == 0 {
		b.mu.Unlock()
		return nil
	}
	b.waiting, b.dropped = nil, 0
	b.mu.Unlock()
	if dropped > 0 {
		b.log.Warn("log-ins came too fast to be listed", "count", dropped)
	}
	err := db.Update(func(tx accounts.Tx) error {
		in, out := divide(list)
		if err := add(tx, kindIn, in); err != nil {
			return err
		}
		return add(tx, kindOut, out)
	})
	if err == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting = append(list, b.waiting...)
	b.waiting = b.waiting[:min(len(b.waiting), mostWaiting)]
	return err
}

// The kinds, which are the first bytes of keys.
const (
	kindIn  = 1
	kindOut = 2
)

func key(kind byte, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{kind}, n) }

// row is an event with its number.
type row struct {
	n uint64
	Event
}

// read returns the rows of a kind, oldest first.
func read(tx accounts.Tx, kind byte) (rows []row, err error) {
	for k, v := range tx.Range(bucket, []byte{kind}, []byte{kind + 1}) {
		if len(k) != 9 {
			return nil, fmt.Errorf("read log-ins: a key of %d bytes", len(k))
		}
		r := row{n: binary.BigEndian.Uint64(k[1:])}
		if err := json.Unmarshal(v, &r.Event); err != nil {
			return nil, fmt.Errorf("read log-in %d: %w", r.n, err)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// merge puts events of a kind behind the others, oldest first, or into those that they join. changed are the numbers of rows that
// are new or not as they were.
func merge(rows []row, events []Event) (all []row, changed map[uint64]bool) {
	changed = map[uint64]bool{}
	for _, e := range events {
		i := len(rows) - 1
		for i >= 0 && !joins(rows[i].Event, e) {
			i--
		}
		if i >= 0 {
			rows[i].Count, rows[i].LastMs = rows[i].Count+e.Count, e.LastMs
			changed[rows[i].n] = true
			continue
		}
		n := uint64(1)
		if len(rows) > 0 {
			n = rows[len(rows)-1].n + 1
		}
		rows = append(rows, row{n, e})
		changed[n] = true
	}
	return rows, changed
}

// add writes events of a kind, and takes away what is too much.
func add(tx accounts.Tx, kind byte, events []Event) error {
	before, err := read(tx, kind)
	if err != nil || len(events) == 0 {
		return err
	}
	rows, changed := merge(before, events)
	extra := max(len(rows)-MostKept, 0)
	for _, r := range rows[:extra] {
		if err := tx.Delete(bucket, key(kind, r.n)); err != nil {
			return err
		}
	}
	for _, r := range rows[extra:] {
		if !changed[r.n] {
			continue
		}
		v, err := json.Marshal(r.Event)
		if err != nil {
			return err
		}
		if err := tx.Put(bucket, key(kind, r.n), v); err != nil {
			return err
		}
	}
	return nil
}

// List returns all, the newest first; those too that are not written yet.
func (b *Book) List() ([]Event, error) {
	b.mu.Lock()
	db, waiting := b.db, slices.Clone(b.waiting)
	b.mu.Unlock()
	var in, others []row
	if db != nil {
		err := db.View(func(tx accounts.Tx) (err error) {
			if in, err = read(tx, kindIn); err == nil {
				others, err = read(tx, kindOut)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	came, failed := divide(waiting)
	in, _ = merge(in, came)
	others, _ = merge(others, failed)
	var out []Event
	for _, r := range append(in, others...) {
		out = append(out, r.Event)
	}
	slices.Reverse(out)
	slices.SortStableFunc(out, func(a, b Event) int { return cmp.Compare(b.LastMs, a.LastMs) })
	return out, nil
}

// divide parts events by whether somebody came in.
func divide(list []Event) (in, out []Event) {
	for _, e := range list {
		if e.Result == OK {
			in = append(in, e)
		} else {
			out = append(out, e)
		}
	}
	return in, out
}
