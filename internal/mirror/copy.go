package mirror

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"vigie/internal/filesys"
)

// copyDir writes one folder. Its goroutine owns the files; the fields under db.mu are what others see and give it.
type copyDir struct {
	db   *DB
	dir  Dir
	ctx  context.Context
	stop context.CancelFunc
	done chan struct{}
	wake chan struct{}

	opStart atomic.Int64 // DB.clock at which the disk operation under way began, 0 for none

	// Under db.mu.
	status    string
	reason    string
	synced    uint64 // generation on disk
	accepting bool   // frames are queued
	pending   []byte
	pendGen   uint64

	snapMs, snapSize int64 // of the newest snapshot
	journalSize      int64
	checkedMs        int64
	intact           *found // what reading it back found, for a rebuild

	requests chan chan error // to read the copy back now

	// Owned by the goroutine.
	first     *found // what Open has scanned already
	journal   filesys.File
	size      int64
	base      uint64
	written   uint64 // generation of the last frame in the journal
	spare     []byte
	snap      chan error   // a snapshot is being written
	check     chan error   // the copy is being read back
	checkers  []chan error // who waits for that
	checkDue  bool         // once the snapshot is written
	nextCheck time.Time
	bad       []string // files to be removed once there is a new snapshot
	mended    string   // what was damaged
	retried   bool
}

// enqueue adds a frame; db.mu is held.
func (c *copyDir) enqueue(b []byte, gen uint64) {
	if !c.accepting {
		return
	}
	if len(c.pending)+len(b) > maxPending {
		c.fail(errors.New("the disk is too slow for the changes"))
		return
	}
	if len(c.pending) == 0 {
		c.pending = append(c.pending, make([]byte, frameHeaderSize)...) // room for a mark
	}
	c.pending = append(c.pending, b...)
	c.pendGen = gen
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// fail marks the copy as failed; db.mu is held.
func (c *copyDir) fail(err error) {
	if c.status != StatusFailed {
		c.db.log.Warn("index copy failed", "volume", c.dir.ID, "err", err)
	}
	c.status, c.reason = StatusFailed, err.Error()
	c.accepting, c.pending = false, nil
	select {
	case c.wake <- struct{}{}: // its goroutine finds out and starts over
	default:
	}
	c.db.broadcast()
}

// setOK marks the copy as complete up to gen.
func (c *copyDir) setOK(gen uint64) {
	db := c.db
	db.mu.Lock()
	defer db.mu.Unlock()
	if !c.accepting { // failed meanwhile, for being too slow
		return
	}
	if c.status != StatusOK {
		db.log.Info("index copy is up to date", "volume", c.dir.ID, "generation", gen)
		if !strings.Contains(c.reason, asideMark) {
			c.reason = ""
		}
		c.status = StatusOK
	}
	c.synced = max(c.synced, gen)
	db.durable = max(db.durable, c.synced)
	db.broadcast()
}

// disk runs one disk operation under the eye of the monitor.
func (c *copyDir) disk(op func() error) error {
	c.opStart.Store(c.db.clock())
	defer c.opStart.Store(0)
	return op()
}

func (c *copyDir) run() {
	defer close(c.done)
	back := c.db.cfg.RetryAfter
	for {
		began := time.Now()
		err := c.attach()
		if err == nil {
			err = c.serve()
		}
		c.drop()
		if c.ctx.Err() != nil {
			return
		}
		var bad *damage
		if errors.As(err, &bad) { // the disk is well enough to be written to at once
			c.first = bad.found
			c.db.mu.Lock()
			c.status, c.reason, c.accepting, c.pending = StatusCorrupt, bad.Error(), false, nil
			c.db.broadcast()
			c.db.mu.Unlock()
			c.db.log.Error("index copy is damaged and is written anew", "volume", c.dir.ID, "reason", bad.Error())
			continue
		}
		c.db.mu.Lock()
		c.fail(err)
		c.db.mu.Unlock()
		if time.Since(began) > time.Minute {
			back = c.db.cfg.RetryAfter
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(back):
		}
		back = min(2*back, 30*time.Second)
		c.db.mu.Lock()
		c.status = StatusStale // the reason of the failure stays to be read
		c.db.broadcast()
		c.db.mu.Unlock()
	}
}

// drop closes the files. A descriptor that has seen an error is not used again, and its close error tells nothing new.
func (c *copyDir) drop() {
	if c.snap != nil {
		<-c.snap
		c.snap = nil
	}
	if c.check != nil {
		err := <-c.check
		_ = c.endCheck(err) // it ends for another reason
	}
	for _, answer := range c.checkers { // whose turn did not come
		answer <- errors.New("the copy cannot be read now")
	}
	c.checkers, c.checkDue = nil, false
	if c.journal != nil {
		c.journal.Close()
		c.journal = nil
	}
}

// attach looks at the folder, puts aside what must not be overwritten, and starts a journal and, unless the folder
// holds the present state already, a snapshot.
func (c *copyDir) attach() error {
	f := c.first
	c.first = nil
	again := c.retried
	c.retried = true
	if err := c.disk(func() error {
		switch err := c.db.cfg.FS.Mkdir(c.dir.Path, 0o700); {
		case err == nil: // or a power cut would take the folder with all that is in it
			if err := filesys.SyncDir(c.db.cfg.FS, filepath.Dir(c.dir.Path)); err != nil {
				return err
			}
		case !errors.Is(err, fs.ErrExist):
			return err
		}
		if f == nil {
			f = scan(c.db.cfg.FS, c.dir, c.db.cfg.Name)
		}
		return f.err
	}); err != nil {
		return err
	}
	st := c.db.state()
	if f.ok && f.uuid != st.uuid && st.generation == 0 && c.db.adopt(f) {
		st = c.db.state()
	}
	if f.corrupt() {
		if err := c.disk(func() error { return c.keepAside("damaged", f.generation, c.db.cfg.FS.Link) }); err != nil {
			return err
		}
		c.bad, c.mended = f.bad, joinNotes(f.notes)
	}
	if f.ok && (f.uuid != st.uuid || !past(st.branches, st.generation, f.branch, f.generation)) {
		what := "diverged"
		if f.uuid != st.uuid {
			what = fmt.Sprintf("foreign-%x", f.uuid[:4])
		}
		put := c.db.cfg.FS.Rename
		if f.generation == 0 && !f.corrupt() { // another database that was never written to
			put = func(from, _ string) error { return c.db.cfg.FS.Remove(from) }
		}
		if err := c.disk(func() error { return c.keepAside(what, f.generation, put) }); err != nil {
			return err
		}
		f = &found{dir: c.dir, none: true}
	}
	if f.tornAt > 0 {
		if err := c.disk(func() error { return cut(c.db.cfg.FS, f.journalEnd, f.tornAt) }); err != nil {
			return err
		}
	}
	c.db.mu.Lock()
	base := c.db.gen
	// After an error the page cache may show what the disk does not hold: only a new snapshot is to be trusted.
	current := f.ok && !f.corrupt() && f.generation == base && !again
	c.accepting, c.pending, c.pendGen = true, nil, base
	c.db.mu.Unlock()
	if err := c.newJournal(base); err != nil {
		return err
	}
	c.nextCheck = time.Now().Add(c.db.cfg.VerifyEvery)
	if current {
		c.db.mu.Lock()
		c.checkedMs = time.Now().UnixMilli() // scan has just read it
		c.snapMs, c.snapSize = f.imageMs, f.imageSize
		c.db.mu.Unlock()
		c.setOK(base)
		return nil
	}
	return c.snapshot()
}

func cut(fsys filesys.FS, path string, size int64) error {
	f, err := fsys.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}

// newJournal starts a journal after generation base.
func (c *copyDir) newJournal(base uint64) error {
	fsys, name := c.db.cfg.FS, journalName(c.db.cfg.Name, base)
	path := filepath.Join(c.dir.Path, name)
	h := header{magic: magicJournal, uuid: c.db.state().uuid, branch: c.db.id, generation: base, createdMs: time.Now().UnixMilli()}
	return c.disk(func() error {
		// A journal of that name can only be one without frames that count: it starts where this state ends.
		if err := fsys.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		f, err := fsys.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(h.marshal())
		if err == nil {
			err = f.Sync()
		}
		if err == nil {
			err = filesys.SyncDir(fsys, c.dir.Path)
		}
		if err != nil {
			f.Close()
			return err
		}
		if c.journal != nil {
			c.journal.Close() // synced after its last write
		}
		c.journal, c.size, c.base, c.written = f, headerSize, base, base
		c.noteJournal()
		return nil
	})
}

// serve writes what is queued until the context ends or the disk fails.
func (c *copyDir) serve() error {
	timer := time.NewTimer(time.Until(c.nextCheck))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			c.beginCheck()
		case answer := <-c.requests:
			if err := c.flush(); err != nil { // so that the copy has what is asked for
				answer <- err
				return err
			}
			c.beginCheck(answer)
		case err := <-c.check:
			if err := c.endCheck(err); err != nil {
				return err
			}
			timer.Reset(time.Until(c.nextCheck))
		case <-c.wake:
			if err := c.flush(); err != nil {
				return err
			}
		case err := <-c.snap:
			c.snap = nil
			if err != nil {
				return err
			}
			if c.checkDue {
				c.checkDue = false
				c.beginCheck()
			}
		case <-c.ctx.Done():
			return c.flush()
		}
		if c.size > c.rotateAt() && c.snap == nil && c.check == nil {
			if err := c.rotate(); err != nil {
				return err
			}
		}
	}
}

// flush writes and syncs all that is queued.
func (c *copyDir) flush() error {
	db := c.db
	db.mu.Lock()
	b, gen := c.pending, c.pendGen
	if !c.accepting {
		err := errors.New(c.reason)
		db.mu.Unlock()
		return err
	}
	c.pending, c.spare = c.spare[:0], nil
	complete := c.status == StatusOK
	db.mu.Unlock()
	if len(b) == 0 {
		return nil
	}
	out := b[frameHeaderSize:]
	if c.written > c.base {
		mark := frame{generation: c.written, timeMs: time.Now().UnixMilli()}
		mark.appendTo(b[:0], &header{uuid: db.state().uuid, branch: db.id})
		out = b
	}
	err := c.disk(func() error {
		if _, err := c.journal.Write(out); err != nil {
			return err
		}
		return c.journal.Datasync()
	})
	if err != nil {
		return err
	}
	c.size += int64(len(out))
	c.written = gen
	c.noteJournal()
	if cap(b) <= 1<<20 {
		c.spare = b
	}
	if complete {
		c.setOK(gen)
	}
	return nil
}

// noteJournal tells how long the journal is.
func (c *copyDir) noteJournal() {
	c.db.mu.Lock()
	defer c.db.mu.Unlock()
	c.journalSize = c.size
}

func joinNotes(notes []string) string { return strings.Join(notes, "; ") }
