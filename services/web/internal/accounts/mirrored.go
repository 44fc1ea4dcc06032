package accounts

import "vigie/internal/mirror"

// Mirrored makes a Database of one that is mirrored on the data volumes.
func Mirrored(db *mirror.DB) Database { return mirrored{db} }

type mirrored struct{ db *mirror.DB }

func (m mirrored) View(fn func(Tx) error) error {
	return m.db.View(func(tx *mirror.Tx) error { return fn(tx) })
}

func (m mirrored) Update(fn func(Tx) error) error {
	return m.db.Update(func(tx *mirror.Tx) error { return fn(tx) })
}
