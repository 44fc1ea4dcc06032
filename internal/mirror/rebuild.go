package mirror

import (
	"context"
	"errors"
	"fmt"

	bolt "go.etcd.io/bbolt"
)

// tail is what has been committed since a rebuild began; under DB.mu.
type tail struct {
	frames []frame
	size   int
}

// Rebuilt says what Rebuild did.
type Rebuilt struct {
	Source     string // id of the copy's folder
	Generation uint64 // of the copy
	Replayed   int    // updates replayed from its journal
	CaughtUp   int    // updates that came meanwhile
}

// Rebuild makes the database in RAM anew from the best copy on a disk, and puts it into the place of the one in use. It is for
// when that one is damaged; its content is the same before and after. Nobody waits for it: updates go on, are replayed on the
// new one, and only the last of them are held up, for as long as a few frames take. On an error nothing has changed.
func (db *DB) Rebuild(ctx context.Context) (Rebuilt, error) {
	t := &tail{}
	db.mu.Lock()
	if db.tail != nil || db.closed {
		db.mu.Unlock()
		return Rebuilt{}, errors.New("the database is being rebuilt already, or closed")
	}
	db.tail = t // before any copy is read: what it lacks is in here
	db.mu.Unlock()
	defer func() {
		db.mu.Lock()
		defer db.mu.Unlock()
		db.tail = nil
		for _, c := range db.copies {
			c.intact = nil
		}
	}()
	var list []*found
	for try := 0; try < 2 && len(list) == 0; try++ { // the first may join one that was begun before, for another reason
		db.CheckCopies(ctx)
		if err := ctx.Err(); err != nil {
			return Rebuilt{}, err
		}
		list = db.intact()
	}
	err := errors.New("no copy on any volume is intact")
	for _, f := range order(list) {
		var r Rebuilt
		if r, err = db.replace(f, t); err == nil {
			return r, nil
		}
		db.log.Warn("database cannot be rebuilt from a copy", "volume", f.dir.ID, "err", err)
	}
	return Rebuilt{}, err
}

// intact are the copies that were read back whole for this rebuild.
func (db *DB) intact() (list []*found) {
	db.mu.Lock()
	defer db.mu.Unlock()
	for _, c := range db.copies {
		if c.intact != nil {
			list = append(list, c.intact)
		}
	}
	return list
}

// replace builds the state of a copy and exchanges the database for it.
func (db *DB) replace(f *found, t *tail) (Rebuilt, error) {
	b, s, replayed, err := f.build(db.cfg.Path + ".rebuilt")
	if err != nil {
		return Rebuilt{}, err
	}
	r := Rebuilt{Source: f.dir.ID, Generation: s.generation, Replayed: replayed}
	if err := check(b); err != nil {
		return r, errors.Join(err, b.Close())
	}
	db.wmu.Lock()
	defer db.wmu.Unlock()
	db.mu.Lock()
	now, size := db.st, t.size
	db.mu.Unlock()
	if db.isClosed() {
		return r, errors.Join(ErrClosed, b.Close())
	}
	err = b.Update(func(btx *bolt.Tx) error {
		if size > maxPending {
			return errors.New("too much was changed meanwhile; try again")
		}
		for _, fr := range t.frames {
			if fr.generation <= s.generation {
				continue
			}
			if fr.generation != s.generation+1 {
				return fmt.Errorf("the copy lacks generations %d to %d", s.generation+1, fr.generation-1)
			}
			if err := s.replay(btx, db.id, fr); err != nil {
				return err
			}
			r.CaughtUp++
		}
		if s.uuid != now.uuid || s.generation != now.generation {
			return fmt.Errorf("the copy has generation %d, not %d as the database in use", s.generation, now.generation)
		}
		s.branches = now.branches
		return s.write(btx)
	})
	if err != nil {
		return r, errors.Join(err, b.Close())
	}
	// The file takes the name of the old one, which is in use as long as somebody reads it.
	if b, err = rename(b, db.cfg.Path+".rebuilt", db.cfg.Path); err != nil {
		return r, err
	}
	old := db.bolt.Swap(b)
	db.log.Info("database in RAM is rebuilt", "source", r.Source, "generation", now.generation, "replayed", r.Replayed, "caught_up", r.CaughtUp)
	return r, old.Close()
}
