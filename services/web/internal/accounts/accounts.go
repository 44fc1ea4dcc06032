// Package accounts keeps what must outlive the machine's memory: who may log in, and the certificate that the appliance
// is known by.
//
// It owns two buckets of one database: "users" (lower-case user name to JSON) and "tls" (certificates and key in DER).
// It stores password hashes and never sees a password. Each method is one transaction; the database orders them, so a
// Store is safe for many goroutines.
package accounts

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"vigie/services/web/internal/certificate"
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
		return put(tx, User{Username: username, Hash: hash, CreatedMs: now.UnixMilli(), ChangedMs: now.UnixMilli()})
	})
}

// Find returns a user, or ErrUnknown.
func (s *Store) Find(username string) (u User, err error) {
	err = s.db.View(func(tx Tx) (err error) {
		u, err = get(tx, username)
		return err
	})
	return u, err
}

// First returns the user who has been there longest: the administrator. It is the zero User when there is none.
func (s *Store) First() (first User, err error) {
	err = s.db.View(func(tx Tx) error {
		first = User{}
		for _, v := range tx.Range(users, nil, nil) {
			var u User
			if err := json.Unmarshal(v, &u); err != nil {
				return fmt.Errorf("read a user: %w", err)
			}
			if first.Username == "" || u.CreatedMs < first.CreatedMs {
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
	if err := json.Unmarshal(v, &u); err != nil {
		return u, fmt.Errorf("read user %q: %w", username, err)
	}
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
