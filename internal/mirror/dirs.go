package mirror

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// adopt takes up what a folder holds in place of a database that has never been written to: a disk that came late
// brings the settings that the machine was missing.
func (db *DB) adopt(f *found) bool {
	db.wmu.Lock()
	defer db.wmu.Unlock()
	if db.state().generation != 0 || db.isClosed() || db.forgets(f) {
		return false
	}
	b, s, _, err := f.load(db.cfg.Path)
	if err != nil {
		db.log.Warn("database on a volume cannot be taken up", "volume", f.dir.ID, "err", err)
		return false
	}
	old := db.bolt.Swap(b)
	db.mu.Lock()
	db.st, db.gen, db.durable = s, s.generation, s.generation
	for _, c := range db.copies {
		if c.dir.ID != f.dir.ID { // they hold the empty database
			c.fail(errors.New("replaced by the database on volume " + f.dir.ID))
		}
	}
	db.mu.Unlock()
	old.Close()
	db.log.Info("database taken up from a volume that came late", "volume", f.dir.ID, "generation", s.generation)
	if db.cfg.Adopted != nil {
		db.cfg.Adopted()
	}
	return true
}

// AddDir starts a copy in a folder; Copies tells when the copy is ok. A folder whose id is known is left as it is. As
// long as this database was never written to, one that the folder holds is taken up in its place before AddDir returns,
// and Config.Adopted is called; later it is kept aside. Otherwise AddDir does not wait for the disk.
func (db *DB) AddDir(d Dir) {
	if db.state().generation != 0 {
		db.add(d, nil)
		return
	}
	// Before anybody writes, so that what the folder holds can be taken up.
	scanned := make(chan *found, 1)
	go func() { scanned <- scan(db.cfg.FS, d, db.cfg.Name) }()
	select {
	case f := <-scanned:
		if f.ok && f.uuid != db.state().uuid {
			db.adopt(f)
		}
		db.add(d, f)
	case <-time.After(db.cfg.StallAfter):
		db.add(d, nil)
	}
}

func (db *DB) add(d Dir, f *found) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if d.ReadOnly || db.closed || slices.ContainsFunc(db.copies, func(c *copyDir) bool { return c.dir.ID == d.ID }) {
		return
	}
	c := &copyDir{db: db, dir: d, status: StatusStale, first: f, wake: make(chan struct{}, 1), requests: make(chan chan error), done: make(chan struct{})}
	if f != nil && f.corrupt() {
		c.status, c.reason = StatusCorrupt, joinNotes(f.notes)
	}
	c.ctx, c.stop = context.WithCancel(db.ctx)
	db.copies = append(db.copies, c)
	db.broadcast()
	db.wg.Go(c.run)
}

// RemoveDir ends the copy with this id (its volume goes away): what has been queued is still written if the disk lets
// it, within Config.StallAfter.
func (db *DB) RemoveDir(id string) {
	db.mu.Lock()
	i := slices.IndexFunc(db.copies, func(c *copyDir) bool { return c.dir.ID == id })
	if i < 0 {
		db.mu.Unlock()
		return
	}
	c := db.copies[i]
	db.copies = slices.Delete(db.copies, i, i+1)
	db.broadcast()
	db.mu.Unlock()
	c.stop()
	select {
	case <-c.done:
	case <-time.After(db.cfg.StallAfter):
	}
}

// monitor fails copies whose disk hangs, so that nobody waits for them.
func (db *DB) monitor() {
	t := time.NewTicker(max(db.cfg.StallAfter/8, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-db.ctx.Done():
			return
		case <-t.C:
		}
		db.mu.Lock()
		for _, c := range db.copies {
			if start := c.opStart.Load(); start != 0 && c.status != StatusFailed &&
				time.Duration(db.clock()-start) > db.cfg.StallAfter {
				c.fail(fmt.Errorf("the disk has not answered for %v", db.cfg.StallAfter))
			}
		}
		db.mu.Unlock()
	}
}
