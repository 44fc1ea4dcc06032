// Package accounts keeps what must outlive the machine's memory: who may log in and do what, and the certificate that the
// appliance is known by. There is always an administrator once there was one.
//
// It owns two buckets of one database: "users" (lower-case user name to JSON) and "tls" (certificates and key in DER).
// It stores password hashes and never sees a password. Each method is one transaction; the database orders them, so a
// Store is safe for many goroutines.
package accounts

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vigie/services/web/internal/certificate"
	"vigie/services/web/internal/rights"
)

// Tx is one transaction on named buckets of keys and values.
type Tx interface {
	Get(bucket string, key []byte) []byte // nil when there is none; valid inside the transaction
	Put(bucket string, key, value []byte) error
	Delete(bucket string, key []byte) error // a key that does not exist is no error
	Range(bucket string, from, to []byte) iter.Seq2[[]byte, []byte]
}

// Database runs transactions. An Update that returned nil is kept as safely as the machine can; one whose function
// returned an error has changed nothing.
type Database interface {
	View(func(Tx) error) error
	Update(func(Tx) error) error
}

var (
	// ErrExists says that there is an administrator already.
	ErrExists = errors.New("there is an administrator already")
	// ErrTaken says that a user of that name exists.
	ErrTaken = errors.New("there is a user of that name")
	// ErrLast says that nobody would be left to administer the appliance.
	ErrLast = errors.New("the last administrator")
	// ErrUnknown says that no such user exists.
	ErrUnknown = errors.New("no such user")
)

// User is one account.
type User struct {
	Username  string `json:"username"` // as chosen; compared without regard to case
	Hash      string `json:"hash"`     // PHC string
	CreatedMs int64  `json:"createdMs"`
	ChangedMs int64  `json:"changedMs"`         // of the password
	ResetMs   int64  `json:"resetMs,omitempty"` // when the password was reset from the machine's console, the last time
	// Profile is what the user may do. What was stored before there were profiles is an administrator's.
	Profile rights.Profile `json:"profile,omitempty"`
	Cameras rights.Cameras `json:"cameras,omitzero"`
}

// Change is what is to become of a user; what is zero stays as it is.
type Change struct {
	Profile rights.Profile
	Cameras *rights.Cameras
	Hash    string
}

// Store reads and writes accounts.
type Store struct{ db Database }

// New makes a Store; nothing is read yet.
func New(db Database) *Store { return &Store{db: db} }

// Database is where the accounts are kept, for what else belongs to users.
func (s *Store) Database() Database { return s.db }

const (
	users = "users"
	tls   = "tls"
)

func certificateKey() []byte { return []byte("certificate") }
func newerKey() []byte       { return []byte("newer") }
func privateKey() []byte     { return []byte("key") }

// Empty says whether no user exists.
func (s *Store) Empty() (empty bool, err error) {
	err = s.db.View(func(tx Tx) error {
		empty = noUsers(tx)
		return nil
	})
	return empty, err
}

// AddFirst adds the first user, or returns ErrExists.
func (s *Store) AddFirst(username, hash string, now time.Time) error {
	return s.db.Update(func(tx Tx) error {
		if !noUsers(tx) {
			return ErrExists
		}
		return put(tx, User{Username: username, Hash: hash, Profile: rights.Administrator, CreatedMs: now.UnixMilli(), ChangedMs: now.UnixMilli()})
	})
}

// Add adds a user, whose times it sets, or returns ErrTaken.
func (s *Store) Add(u User, now time.Time) (User, error) {
	u.CreatedMs, u.ChangedMs = now.UnixMilli(), now.UnixMilli()
	return u, s.db.Update(func(tx Tx) error {
		if tx.Get(users, []byte(strings.ToLower(u.Username))) != nil {
			return ErrTaken
		}
		return put(tx, u)
	})
}

// Change changes a user. It returns ErrUnknown, or ErrLast where no administrator would be left. Who becomes an administrator
// sees all cameras from then on.
func (s *Store) Change(username string, c Change, now time.Time) (u User, err error) {
	err = s.db.Update(func(tx Tx) (err error) {
		if u, err = get(tx, username); err != nil {
			return err
		}
		if c.Profile != "" && c.Profile != u.Profile {
			if err := spared(tx, u); err != nil {
				return err
			}
			u.Profile = c.Profile
		}
		if c.Cameras != nil {
			u.Cameras = *c.Cameras
		}
		if u.Profile == rights.Administrator {
			u.Cameras = rights.Cameras{}
		}
		if c.Hash != "" {
			u.Hash, u.ChangedMs = c.Hash, now.UnixMilli()
		}
		return put(tx, u)
	})
	return u, err
}

// Delete removes a user, and what else with calls in the same transaction. It returns ErrUnknown, or ErrLast where no
// administrator would be left.
func (s *Store) Delete(username string, with func(Tx) error) error {
	return s.db.Update(func(tx Tx) error {
		u, err := get(tx, username)
		if err != nil {
			return err
		}
		if err := spared(tx, u); err != nil {
			return err
		}
		return errors.Join(tx.Delete(users, []byte(strings.ToLower(username))), with(tx))
	})
}

// Replace puts a list of users in the place of all others but one, who stays as he is: who administers the appliance at the moment. What with
// does is in the same transaction. It returns ErrUnknown where the one is not there, and ErrLast where he is no administrator.
func (s *Store) Replace(stays string, list []User, with func(Tx) error) error {
	return s.db.Update(func(tx Tx) error {
		own, err := get(tx, stays)
		switch {
		case err != nil:
			return err
		case own.Profile != rights.Administrator:
			return ErrLast
		}
		var gone []User
		for u, err := range every(tx) {
			if err != nil {
				return err
			}
			gone = append(gone, u)
		}
		for _, u := range gone {
			if !strings.EqualFold(u.Username, stays) {
				err = errors.Join(err, tx.Delete(users, []byte(strings.ToLower(u.Username))))
			}
		}
		for _, u := range list {
			if !strings.EqualFold(u.Username, stays) {
				err = errors.Join(err, put(tx, u))
			}
		}
		return errors.Join(err, with(tx))
	})
}

// spared says whether the appliance can do without a user as he is: ErrLast if not.
func spared(tx Tx, u User) error {
	if u.Profile != rights.Administrator {
		return nil
	}
	for other, err := range every(tx) {
		if err != nil {
			return err
		}
		if other.Profile == rights.Administrator && !strings.EqualFold(other.Username, u.Username) {
			return nil
		}
	}
	return ErrLast
}

// All returns the users in order of name.
func (s *Store) All() (list []User, err error) {
	err = s.db.View(func(tx Tx) error {
		list = nil
		for u, err := range every(tx) {
			if err != nil {
				return err
			}
			list = append(list, u)
		}
		return nil
	})
	return list, err
}

// Find returns a user, or ErrUnknown.
func (s *Store) Find(username string) (u User, err error) {
	err = s.db.View(func(tx Tx) (err error) {
		u, err = get(tx, username)
		return err
	})
	return u, err
}

// First returns the administrator who has been there longest. It is the zero User when there is none.
func (s *Store) First() (first User, err error) {
	err = s.db.View(func(tx Tx) error {
		first = User{}
		for u, err := range every(tx) {
			if err != nil {
				return err
			}
			if u.Profile == rights.Administrator && (first.Username == "" || u.CreatedMs < first.CreatedMs) {
				first = u
			}
		}
		return nil
	})
	return first, err
}

// ResetHash replaces a user's password hash, whatever it was, and notes that the console was asked to.
func (s *Store) ResetHash(username, hash string, now time.Time) error {
	return s.db.Update(func(tx Tx) error {
		u, err := get(tx, username)
		if err != nil {
			return err
		}
		u.Hash, u.ChangedMs, u.ResetMs = hash, now.UnixMilli(), now.UnixMilli()
		return put(tx, u)
	})
}

// SetHash replaces a user's password hash if it is still the old one; otherwise somebody was faster, and nothing
// happens. changed says which.
func (s *Store) SetHash(username, old, hash string, now time.Time) (changed bool, err error) {
	err = s.db.Update(func(tx Tx) error {
		changed = false
		u, err := get(tx, username)
		if err != nil || u.Hash != old {
			return err
		}
		u.Hash, u.ChangedMs, changed = hash, now.UnixMilli(), true
		return put(tx, u)
	})
	return changed && err == nil, err
}

// Certificate returns what is stored of the certificates; ok is false when there are none.
func (s *Store) Certificate() (p certificate.Stored, ok bool, err error) {
	err = s.db.View(func(tx Tx) error {
		p.OldestDER = slices.Clone(tx.Get(tls, certificateKey()))
		p.NewerDER = slices.Clone(tx.Get(tls, newerKey()))
		p.KeyDER = slices.Clone(tx.Get(tls, privateKey()))
		return nil
	})
	return p, err == nil && len(p.OldestDER) > 0 && len(p.KeyDER) > 0, err
}

// SetCertificate stores certificates and key.
func (s *Store) SetCertificate(p certificate.Stored) error {
	return s.db.Update(func(tx Tx) error {
		return errors.Join(tx.Put(tls, certificateKey(), p.OldestDER), tx.Put(tls, newerKey(), p.NewerDER), tx.Put(tls, privateKey(), p.KeyDER))
	})
}

func noUsers(tx Tx) bool {
	for range tx.Range(users, nil, nil) {
		return false
	}
	return true
}

func get(tx Tx, username string) (u User, err error) {
	v := tx.Get(users, []byte(strings.ToLower(username)))
	if v == nil {
		return u, ErrUnknown
	}
	return read(username, v)
}

// every is all users, in order of name; it ends with the first that cannot be read.
func every(tx Tx) iter.Seq2[User, error] {
	return func(yield func(User, error) bool) {
		for k, v := range tx.Range(users, nil, nil) {
			if u, err := read(string(k), v); !yield(u, err) || err != nil {
				return
			}
		}
	}
}

func read(username string, v []byte) (u User, err error) {
	if err := json.Unmarshal(v, &u); err != nil {
		return u, fmt.Errorf("read user %q: %w", username, err)
	}
	u.Profile = cmp.Or(u.Profile, rights.Administrator)
	return u, nil
}

func put(tx Tx, u User) error {
	v, err := json.Marshal(u)
	if err != nil {
		return err
	}
	return tx.Put(users, []byte(strings.ToLower(u.Username)), v)
}

// CheckUsername returns why a user name may not be chosen, as a sentence for the user, or "".
func CheckUsername(s string) string {
	switch {
	case s == "":
		return "Choose a user name."
	case len(s) > 32:
		return "The user name is too long. Choose one of at most 32 characters."
	case strings.ContainsFunc(s, func(r rune) bool { return !letterOrDigit(r) && !strings.ContainsRune("._-@", r) }):
		return "The user name may hold letters a to z, digits, dot, dash, underscore and @."
	case !letterOrDigit(rune(s[0])):
		return "The user name must begin with a letter or a digit."
	}
	return ""
}

func letterOrDigit(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}
