package protection

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"vigie/internal/mirror"
)

// MaxFile bounds the file beside the recordings, in bytes.
const MaxFile = 8 << 20

// file is its content.
type file struct {
	About       string `json:"about"`
	Protections []Row  `json:"protections"`
}

const about = "Recordings in these ranges (UTC, in ms since 1970) are protected from automatic deletion. Vigie keeps this file; it reads it when its database is lost."

// Marshal returns the content of the file that stands beside the recordings, and the revision that it is of.
func (s *Store) Marshal() (content []byte, revision int64, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f := file{About: about, Protections: []Row{}}
	for _, row := range s.rows {
		f.Protections = append(f.Protections, row)
	}
	slices.SortFunc(f.Protections, func(a, b Row) int { return cmp.Compare(a.ID, b.ID) })
	content, err = json.MarshalIndent(f, "", "\t")
	return append(content, '\n'), s.revision, err
}

// Parse reads such a file.
func Parse(content []byte) ([]Row, error) {
	if len(content) > MaxFile {
		return nil, errors.New("protections: the file is too large")
	}
	var f file
	d := json.NewDecoder(bytes.NewReader(content))
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("protections: %w", err)
	}
	for _, row := range f.Protections {
		if err := row.check(); err != nil {
			return nil, fmt.Errorf("protection %q: %w", row.ID, err)
		}
	}
	return f.Protections, nil
}

// Adopt takes up rows from a volume's file that are not known, or changed since, and returns how many of them protect
// something. What is known to be lifted stays lifted; what a file knows to be lifted is lifted.
func (s *Store) Adopt(rows []Row, now time.Time) (protecting int, err error) {
	s.mu.Lock()
	rows = slices.DeleteFunc(slices.Clone(rows), func(row Row) bool {
		old, known := s.rows[row.ID]
		switch {
		case known && old.LiftedMs > 0:
			return true
		case row.LiftedMs > 0:
			return false
		case known:
			return row.ChangedMs <= old.ChangedMs
		default: // one that was changed to have ended tells so of older copies
			return row.ChangedMs == 0 && !row.Holds(now.UnixMilli())
		}
	})
	s.mu.Unlock()
	if len(rows) == 0 {
		return 0, nil
	}
	err = s.change(now, func(_ *mirror.Tx, put func(Row) error) error {
		protecting = 0
		for _, row := range rows {
			if err := put(row); err != nil {
				return err
			}
			if row.Holds(now.UnixMilli()) {
				protecting++
			}
		}
		return nil
	})
	return protecting, err
}
