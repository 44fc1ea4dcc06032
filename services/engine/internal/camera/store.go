package camera

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"vigie/internal/answer"
	"vigie/internal/mirror"
)

// bucket holds the rows: camera id → Row as JSON.
const bucket = "cameras"

// DB is the part of mirror.DB that the store uses.
type DB interface {
	View(func(*mirror.Tx) error) error
	Update(func(*mirror.Tx) error) error
}

// Store keeps the rows. Its errors are *answer.Problem where the caller is at fault.
type Store struct{ db DB }

// NewStore returns the store of the rows in db.
func NewStore(db DB) *Store { return &Store{db: db} }

// List returns all rows in order of name.
func (s *Store) List() ([]Row, error) {
	var rows []Row
	err := s.db.View(func(tx *mirror.Tx) (err error) {
		rows, err = list(tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list cameras: %w", err)
	}
	slices.SortFunc(rows, func(a, b Row) int {
		if c := strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return rows, nil
}

// Get returns one row.
func (s *Store) Get(id string) (Row, error) {
	var row Row
	err := s.db.View(func(tx *mirror.Tx) (err error) {
		row, err = get(tx, id)
		return err
	})
	return row, err
}

// Add stores a new row. It returns once the row is on a disk, when there is one.
func (s *Store) Add(row Row) error {
	return s.db.Update(func(tx *mirror.Tx) error { return put(tx, row) })
}

// Change replaces a row by what f makes of it.
func (s *Store) Change(id string, f func(Row) (Row, error)) (Row, error) {
	var row Row
	err := s.db.Update(func(tx *mirror.Tx) error {
		old, err := get(tx, id)
		if err != nil {
			return err
		}
		if row, err = f(old); err != nil || row == old {
			return err
		}
		return put(tx, row)
	})
	return row, err
}

// Delete removes a row and returns what it was.
func (s *Store) Delete(id string) (Row, error) {
	var row Row
	err := s.db.Update(func(tx *mirror.Tx) (err error) {
		if row, err = get(tx, id); err != nil {
			return err
		}
		return tx.Delete(bucket, []byte(id))
	})
	return row, err
}

func list(tx *mirror.Tx) ([]Row, error) {
	var rows []Row
	for k, v := range tx.Range(bucket, nil, nil) {
		row := blank()
		if err := json.Unmarshal(v, &row); err != nil {
			return nil, fmt.Errorf("camera %s: %w", k, err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func get(tx *mirror.Tx, id string) (Row, error) {
	if ValidID(id) {
		if v := tx.Get(bucket, []byte(id)); v != nil {
			row := blank()
			if err := json.Unmarshal(v, &row); err != nil {
				return Row{}, fmt.Errorf("camera %s: %w", id, err)
			}
			return row, nil
		}
	}
	return Row{}, errNoCamera()
}

// put stores a row unless another camera has its name: in an alarm, two cameras of one name are one too many.
func put(tx *mirror.Tx, row Row) error {
	rows, err := list(tx)
	if err != nil {
		return err
	}
	for _, o := range rows {
		if o.ID != row.ID && strings.EqualFold(o.Name, row.Name) {
			return answer.Field("name", "name_taken", fmt.Sprintf("Another camera is already called %q.", o.Name))
		}
	}
	b, err := json.Marshal(row)
	if err != nil {
		return err
	}
	return tx.Put(bucket, []byte(row.ID), b)
}
