// Package protection is the ranges of recordings that no automatic deletion takes: who protected what, why, and until
// when, as rows of the engine's database.
//
// A protection covers every segment that overlaps its range, of all streams and kinds. It ends when somebody lifts it, or
// by itself at its end, when it has one.
//
// Protections are precious: footage can be deleted for want of one. The database is mirrored on every volume, yet it is
// a cache of the disks and may be lost altogether; so each volume also holds all protections as one small JSON file
// beside its recordings (Marshal, Adopt), readable by people too, and an engine that starts from nothing takes them up
// before it deletes anything there. A lifted one leaves a row behind that says so: a volume that was away meanwhile
// does not bring it back. When even those rows are lost it does: in doubt footage is kept, and somebody lifts it again.
//
// Covers is asked within the transaction that marks segments for deletion, and Add is a transaction of its own: either
// the deletion came first, and Add tells of it, or the protection did, and the segments stay.
//
// Concurrency: all methods may be called from any goroutine. Those that write return once the change is on a disk.
package protection

import (
	"cmp"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"vigie/internal/mirror"
)

// Limits.
const (
	Most         = 1000                 // protections at a time
	MaxRange     = 366 * 24 * time.Hour // of one
	MaxAhead     = 31 * 24 * time.Hour  // of its end, from now
	MaxReason    = 256                  // characters
	mostEnded    = 4096                 // ended ones that are remembered
	maxInstantMs = 1 << 52
)

// Row is a protection. Times are UTC in ms since the Unix epoch.
type Row struct {
	ID        string `json:"id"`
	Camera    string `json:"camera"`
	FromMs    int64  `json:"fromMs"`
	ToMs      int64  `json:"toMs"` // not included
	Reason    string `json:"reason"`
	By        string `json:"by"`
	CreatedMs int64  `json:"createdMs"`
	UntilMs   int64  `json:"untilMs,omitempty"` // 0: until it is lifted
	Lost      int    `json:"lost,omitempty"`    // recordings in the range that were being deleted when it was made
	ChangedMs int64  `json:"changedMs,omitempty"`
	ChangedBy string `json:"changedBy,omitempty"`
	LiftedMs  int64  `json:"liftedMs,omitempty"`
	LiftedBy  string `json:"liftedBy,omitempty"`
}

// Holds tells whether it protects at an instant.
func (r Row) Holds(nowMs int64) bool {
	return r.LiftedMs == 0 && (r.UntilMs == 0 || r.UntilMs > nowMs)
}

// Overlaps tells whether any of [startMs, endMs) is in its range; an instant counts as what it lies in.
func (r Row) Overlaps(startMs, endMs int64) bool {
	return startMs < r.ToMs && max(endMs, startMs+1) > r.FromMs
}

// Problem is what is wrong with a protection that is asked for; Error is a sentence for people.
type Problem struct{ Field, Code, Message string }

func (p *Problem) Error() string { return p.Message }

// ErrUnknown: there is no such protection (any more).
var ErrUnknown = errors.New("no such protection")

// bucket holds the rows: camera (8) · the rest of the id → Row as JSON.
const bucket = "protections"

const cameraLen = 8

// DB is the part of mirror.DB that the store uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Store keeps the rows.
type Store struct {
	db DB

	mu       sync.Mutex
	rows     map[string]Row // by id, lifted ones included
	revision int64
}

// Open reads the rows.
func Open(db DB) (*Store, error) {
	s := &Store{db: db, rows: map[string]Row{}}
	err := db.View(func(tx *mirror.Tx) error {
		for k, v := range tx.Range(bucket, nil, nil) {
			row, err := parse(v)
			if err != nil {
				return fmt.Errorf("protection %s: %w", k, err)
			}
			s.rows[row.ID] = row
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open protections: %w", err)
	}
	return s, nil
}

func parse(b []byte) (row Row, err error) {
	if err = json.Unmarshal(b, &row); err == nil {
		err = row.check()
	}
	return row, err
}

// check tells what no row has, wherever it comes from.
func (r Row) check() error {
	camera, rest, ok := strings.Cut(r.ID, "-")
	switch {
	case !ok || camera != r.Camera || len(camera) != cameraLen || !plain(camera) || len(rest) < 8 || len(rest) > 26 || !plain(rest):
		return errors.New("bad id")
	case r.FromMs < 0 || r.ToMs <= r.FromMs || r.ToMs > maxInstantMs || r.ToMs-r.FromMs > MaxRange.Milliseconds():
		return errors.New("bad range")
	case r.UntilMs < 0 || r.LiftedMs < 0 || r.CreatedMs < 0 || r.ChangedMs < 0:
		return errors.New("bad time")
	case r.Lost < 0:
		return errors.New("bad count")
	case utf8.RuneCountInString(r.Reason) > MaxReason || len(r.By) > 256 || len(r.ChangedBy) > 256 || len(r.LiftedBy) > 256:
		return errors.New("too long a text")
	}
	return nil
}

func plain(s string) bool {
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Add stores a protection, of which ID, CreatedMs, changes and the lifting are its own to say. look is called within the same
// transaction; its error prevents it. The error is a *Problem where the caller is at fault.
func (s *Store) Add(row Row, now time.Time, look func(*mirror.Tx) (lost int, err error)) (Row, error) {
	row.Reason = strings.TrimSpace(row.Reason)
	row.ID, row.CreatedMs = row.Camera+"-"+strings.ToLower(rand.Text()[:12]), now.UnixMilli()
	row.ChangedMs, row.ChangedBy, row.LiftedMs, row.LiftedBy = 0, "", 0, ""
	if p := refusal(row, now.UnixMilli()); p != nil {
		return Row{}, p
	}
	err := s.change(now, func(tx *mirror.Tx, put func(Row) error) error {
		live := 0
		for k, v := range tx.Range(bucket, nil, nil) {
			other, err := parse(v)
			if err != nil {
				return fmt.Errorf("protection %s: %w", k, err)
			}
			if other.Holds(row.CreatedMs) {
				live++
			}
		}
		if live >= Most {
			return &Problem{"", "too_many", fmt.Sprintf("There are %d protections already, which is the most there can be: lift one first.", live)}
		}
		lost, err := look(tx)
		if err != nil {
			return err
		}
		row.Lost = lost
		return put(row)
	})
	return row, err
}

func refusal(row Row, nowMs int64) *Problem {
	switch {
	case len(row.Camera) != cameraLen || !plain(row.Camera):
		return &Problem{"camera", "no_camera", "There is no such camera; it may have been removed."}
	case row.FromMs < 0 || row.FromMs > maxInstantMs || row.ToMs > maxInstantMs:
		return &Problem{"fromMs", "bad_range", "The range must be given in milliseconds since 1970 in UTC."}
	case row.ToMs <= row.FromMs:
		return &Problem{"toMs", "bad_range", "The range ends before it starts."}
	case row.ToMs-row.FromMs > MaxRange.Milliseconds():
		return &Problem{"toMs", "bad_range", fmt.Sprintf("The range is too long: %d days at most.", MaxRange/(24*time.Hour))}
	case row.ToMs > nowMs+MaxAhead.Milliseconds():
		return &Problem{"toMs", "bad_range", fmt.Sprintf("The range may reach %d days into the future at most.", MaxAhead/(24*time.Hour))}
	case row.Reason == "":
		return &Problem{"reason", "no_reason", "Say why the recordings are protected."}
	case utf8.RuneCountInString(row.Reason) > MaxReason:
		return &Problem{"reason", "bad_reason", fmt.Sprintf("The reason is too long: %d characters at most.", MaxReason)}
	case !utf8.ValidString(row.Reason) || strings.ContainsFunc(row.Reason, unicode.IsControl):
		return &Problem{"reason", "bad_reason", "The reason has characters that cannot be shown."}
	case row.UntilMs < 0 || row.UntilMs > maxInstantMs || row.UntilMs > 0 && row.UntilMs <= nowMs:
		return &Problem{"untilMs", "bad_time", "The protection would have ended already."}
	}
	return nil
}

// Change gives a protection another reason and end (0: until it is lifted). The error is a *Problem where the caller is at
// fault, or ErrUnknown.
func (s *Store) Change(id, reason string, untilMs int64, by string, now time.Time) (Row, error) {
	return s.amend(id, now, func(row *Row) error {
		row.Reason, row.UntilMs = strings.TrimSpace(reason), untilMs
		// Of two copies the later one counts, even when the clock was set back between.
		row.ChangedMs, row.ChangedBy = max(now.UnixMilli(), row.CreatedMs+1, row.ChangedMs+1), by
		if p := refusal(*row, now.UnixMilli()); p != nil {
			return p
		}
		return nil
	})
}

// Lift ends a protection.
func (s *Store) Lift(id, by string, now time.Time) (Row, error) {
	return s.amend(id, now, func(row *Row) error {
		row.LiftedMs, row.LiftedBy = max(1, now.UnixMilli()), by
		return nil
	})
}

// amend changes a protection that holds.
func (s *Store) amend(id string, now time.Time, fn func(*Row) error) (Row, error) {
	var row Row
	err := s.change(now, func(tx *mirror.Tx, put func(Row) error) error {
		v := tx.Get(bucket, key(id))
		if v == nil {
			return ErrUnknown
		}
		var err error
		if row, err = parse(v); err != nil {
			return fmt.Errorf("protection %s: %w", id, err)
		}
		if !row.Holds(now.UnixMilli()) {
			return ErrUnknown
		}
		if err := fn(&row); err != nil {
			return err
		}
		return put(row)
	})
	return row, err
}

func key(id string) []byte { return []byte(strings.Replace(id, "-", "", 1)) }

// change runs an update, after which what needs no remembering is forgotten.
func (s *Store) change(now time.Time, fn func(tx *mirror.Tx, put func(Row) error) error) error {
	var came []Row
	var went []string
	err := s.db.Update(func(tx *mirror.Tx) error {
		came, went = came[:0], went[:0]
		if err := fn(tx, func(row Row) error {
			b, err := json.Marshal(row)
			if err != nil {
				return err
			}
			came = append(came, row)
			return tx.Put(bucket, key(row.ID), b)
		}); err != nil {
			return err
		}
		var err error
		went, err = forget(tx, now.UnixMilli())
		return err
	})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, row := range came {
		s.rows[row.ID] = row
	}
	for _, id := range went {
		delete(s.rows, id)
	}
	s.revision++
	return nil
}

// forget removes the oldest rows of ended protections when there are very many. Those that ended by themselves are kept
// as long as those that were lifted: a clock that was ahead may be set back.
func forget(tx *mirror.Tx, nowMs int64) (went []string, err error) {
	var ended []Row
	for k, v := range tx.Range(bucket, nil, nil) {
		row, err := parse(v)
		if err != nil {
			return nil, fmt.Errorf("protection %s: %w", k, err)
		}
		if !row.Holds(nowMs) {
			ended = append(ended, row)
		}
	}
	slices.SortFunc(ended, func(a, b Row) int {
		return cmp.Or(cmp.Compare(cmp.Or(a.LiftedMs, a.UntilMs), cmp.Or(b.LiftedMs, b.UntilMs)), cmp.Compare(a.ID, b.ID))
	})
	for _, row := range ended[:max(0, len(ended)-mostEnded)] {
		went = append(went, row.ID)
		if err := tx.Delete(bucket, key(row.ID)); err != nil {
			return nil, err
		}
	}
	return went, nil
}

// List returns the protections that hold, of a camera ("": of all), in order of their ranges.
func (s *Store) List(camera string, now time.Time) []Row {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Row
	for row := range maps.Values(s.rows) {
		if row.Holds(now.UnixMilli()) && (camera == "" || row.Camera == camera) {
			out = append(out, row)
		}
	}
	slices.SortFunc(out, func(a, b Row) int {
		return cmp.Or(cmp.Compare(a.FromMs, b.FromMs), cmp.Compare(a.ToMs, b.ToMs), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// Revision counts the changes since Open: another one says that the file beside the recordings is to be written.
func (s *Store) Revision() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.revision
}

// Covers tells whether a segment of a camera is protected, as of the transaction. It is for a few segments at a time.
func Covers(tx *mirror.Tx, camera string, startMs, endMs, nowMs int64) (bool, error) {
	end := []byte(camera)
	end[len(end)-1]++ // plain ASCII: no overflow
	for k, v := range tx.Range(bucket, []byte(camera), end) {
		row, err := parse(v)
		if err != nil {
			return true, fmt.Errorf("protection %s: %w", k, err)
		}
		if row.Holds(nowMs) && row.Overlaps(startMs, endMs) {
			return true, nil
		}
	}
	return false, nil
}
