// Package layouts keeps how each user has arranged live pictures.
//
// It owns one bucket of the accounts database, "layouts": the key is the lower-case user name, a zero byte and the
// layout's id; the value is JSON with a version. A layout is a grid of cells and tiles in it; a tile may cover several
// cells and says by its kind what it shows, so that other kinds can follow. A row of a later version than this program's
// is left as it is and not shown.
//
// It trusts nothing that it is given: Check bounds everything. Whose layouts are meant is the caller's to say, from the
// session. Each method is one transaction; a Store is safe for many goroutines.
package layouts

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vigie/services/web/internal/accounts"
)

// The bounds.
const (
	MaxSide    = 8 // cells in a row or a column
	MaxLayouts = 50
	maxName    = 64 // characters
)

// The errors that callers tell apart.
var (
	ErrUnknown = errors.New("no such layout")
	ErrTaken   = errors.New("the user has a layout of this name")
	ErrFull    = errors.New("the user has as many layouts as there may be")
)

const (
	bucket  = "layouts"
	version = 1

	idLength = 12
)

// Layout is one arrangement.
type Layout struct {
	ID      string `json:"-"`
	Name    string `json:"name"`
	Columns int    `json:"columns"`
	Rows    int    `json:"rows"`
	Tiles   []Tile `json:"tiles"`
}

// Tile is what covers some cells.
type Tile struct {
	Column  int    `json:"column"` // of its upper left cell, counted from 0
	Row     int    `json:"row"`
	Columns int    `json:"columns"` // cells that it covers
	Rows    int    `json:"rows"`
	Kind    Kind   `json:"kind"`
	Camera  string `json:"camera,omitempty"` // of kind camera
}

// Kind is what a tile shows.
type Kind string

// KindCamera shows one camera live.
const KindCamera Kind = "camera"

// row is a layout as stored.
type row struct {
	Version int `json:"version"`
	Layout
}

// Store reads and writes layouts.
type Store struct{ db accounts.Database }

// New makes a Store on the accounts' database; nothing is read yet.
func New(db accounts.Database) *Store { return &Store{db: db} }

// List returns a user's layouts in order of name.
func (s *Store) List(username string) (list []Layout, err error) {
	err = s.db.View(func(tx accounts.Tx) (err error) {
		list, err = read(tx, username)
		return err
	})
	slices.SortFunc(list, func(a, b Layout) int { return strings.Compare(fold(a.Name), fold(b.Name)) })
	return list, err
}

// Add keeps a layout under an id of its own. It must have passed Check.
func (s *Store) Add(username string, l Layout) (Layout, error) {
	l.ID = strings.ToLower(rand.Text()[:idLength])
	err := s.db.Update(func(tx accounts.Tx) error {
		list, err := read(tx, username)
		switch {
		case err != nil:
			return err
		case len(list) >= MaxLayouts:
			return ErrFull
		}
		return write(tx, username, l, list)
	})
	return l, err
}

// Put replaces the layout that has l's id. It must have passed Check.
func (s *Store) Put(username string, l Layout) error {
	return s.db.Update(func(tx accounts.Tx) error {
		list, err := read(tx, username)
		switch {
		case err != nil:
			return err
		case !slices.ContainsFunc(list, func(o Layout) bool { return o.ID == l.ID }):
			return ErrUnknown
		}
		return write(tx, username, l, list)
	})
}

// Delete removes a layout.
func (s *Store) Delete(username, id string) error {
	return s.db.Update(func(tx accounts.Tx) error {
		k := key(username, id)
		if tx.Get(bucket, k) == nil {
			return ErrUnknown
		}
		return tx.Delete(bucket, k)
	})
}

// Forget removes all layouts of a user, within the transaction that deletes him.
func Forget(tx accounts.Tx, username string) error {
	list, err := read(tx, username)
	for _, l := range list {
		err = errors.Join(err, tx.Delete(bucket, key(username, l.ID)))
	}
	return err
}

// Of returns a user's layouts with their ids, within a transaction.
func Of(tx accounts.Tx, username string) ([]Layout, error) { return read(tx, username) }

// Replace puts layouts, which have ids and passed Check, in the place of all that a user has.
func Replace(tx accounts.Tx, username string, list []Layout) error {
	if err := Forget(tx, username); err != nil {
		return err
	}
	for i, l := range list {
		if err := write(tx, username, l, list[:i]); err != nil {
			return err
		}
	}
	return nil
}

// ValidID says whether an id is one that Add makes.
func ValidID(id string) bool {
	return len(id) == idLength && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

func read(tx accounts.Tx, username string) (list []Layout, err error) {
	first := key(username, "")
	for k, v := range tx.Range(bucket, first, append(slices.Clone(first[:len(first)-1]), 1)) {
		var r row
		if err := json.Unmarshal(v, &r); err != nil {
			return nil, fmt.Errorf("read layout %q of %q: %w", k[len(first):], username, err)
		}
		if r.Version > version {
			continue
		}
		r.ID = string(k[len(first):])
		list = append(list, r.Layout)
	}
	return list, nil
}

func write(tx accounts.Tx, username string, l Layout, others []Layout) error {
	if slices.ContainsFunc(others, func(o Layout) bool { return o.ID != l.ID && fold(o.Name) == fold(l.Name) }) {
		return ErrTaken
	}
	v, err := json.Marshal(row{Version: version, Layout: l})
	if err != nil {
		return err
	}
	return tx.Put(bucket, key(username, l.ID), v)
}

func key(username, id string) []byte { return []byte(strings.ToLower(username) + "\x00" + id) }

func fold(name string) string { return strings.ToLower(name) }
