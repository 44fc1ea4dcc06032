package mirror

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"vigie/internal/filesys"
)

// Each copy is read back once in Config.VerifyEvery, from its disk and not from memory, at a pace that leaves the disk to
// others. What is damaged is kept aside, and the copy written anew from the database in RAM.

// damage is what reading a copy back has found.
type damage struct{ found *found }

func (d *damage) Error() string { return joinNotes(d.found.notes) }

// CheckCopies reads all copies back now and returns once that is done: by volume nil, what is damaged and is being written
// anew, or why the copy cannot be read. A copy whose turn has not come when ctx ends has the context's error.
func (db *DB) CheckCopies(ctx context.Context) map[string]error {
	db.mu.Lock()
	copies := slices.Clone(db.copies)
	db.mu.Unlock()
	answers := map[string]chan error{}
	for _, c := range copies {
		answer := make(chan error, 1)
		answers[c.dir.ID] = answer
		go func() { answer <- c.ask(ctx) }()
	}
	out := map[string]error{}
	for id, answer := range answers {
		out[id] = <-answer
	}
	return out
}

// ask has the copy's goroutine read it back, and waits.
func (c *copyDir) ask(ctx context.Context) error {
	answer := make(chan error, 1)
	look := time.NewTicker(50 * time.Millisecond)
	defer look.Stop()
	requests := c.requests
	for {
		select {
		case requests <- answer:
			requests = nil
		case err := <-answer:
			return err
		case <-ctx.Done():
			return ctx.Err()
		case <-c.ctx.Done():
			return errors.New("the volume has gone away")
		case <-look.C:
			c.db.mu.Lock()
			failed, reason := c.status == StatusFailed, c.reason
			c.db.mu.Unlock()
			if failed {
				return errors.New(reason)
			}
		}
	}
}

// beginCheck starts reading the copy back; answer, if any, is told what comes of it. No snapshot is begun meanwhile, so that
// no file goes away.
func (c *copyDir) beginCheck(answers ...chan error) {
	c.checkers = append(c.checkers, answers...)
	if c.snap != nil {
		c.checkDue = true
		return
	}
	if c.check != nil {
		return
	}
	c.check = make(chan error, 1)
	size, journal, gen := c.size, journalName(c.db.cfg.Name, c.base), c.written
	go func() { c.check <- c.readBack(filepath.Join(c.dir.Path, journal), size, gen) }() // serve or drop waits for it
}

// endCheck notes what came of it; a *damage is returned for the copy to be written anew.
func (c *copyDir) endCheck(err error) error {
	c.check = nil
	c.nextCheck = time.Now().Add(c.db.cfg.VerifyEvery)
	if err == nil {
		c.db.mu.Lock()
		c.checkedMs = time.Now().UnixMilli()
		c.db.mu.Unlock()
	}
	for _, answer := range c.checkers {
		answer <- err
	}
	c.checkers = nil
	var bad *damage
	if errors.As(err, &bad) {
		return bad
	}
	return nil // what cannot be read now is found by who writes
}

// readBack reads all files of the copy. The journal being written counts up to size, where generation gen ends.
func (c *copyDir) readBack(journal string, size int64, gen uint64) error {
	c.db.mu.Lock()
	c.intact = nil
	keep := c.db.tail != nil // for a rebuild; else nobody wants it, and it holds the journals
	c.db.mu.Unlock()
	slow := &slowFS{FS: c.db.cfg.FS, c: c, growing: journal, size: size}
	f := scan(slow, c.dir, c.db.cfg.Name)
	if f.err != nil {
		return f.err
	}
	if f.ok { // the snapshot before the newest is there for the case that this one is unreadable
		snaps, _, err := list(slow, c.dir.Path, c.db.cfg.Name)
		if err != nil {
			return err
		}
		for _, g := range snaps {
			if name := snapName(c.db.cfg.Name, g); filepath.Join(c.dir.Path, name) != f.image && !slices.Contains(f.bad, name) {
				if _, err := checkSnapshot(slow, filepath.Join(c.dir.Path, name), g); err != nil {
					f.note(name, fmt.Sprintf("snapshot of generation %d: %v", g, err))
				}
			}
		}
	}
	st := c.db.state()
	switch {
	case c.ctx.Err() != nil:
		return c.ctx.Err()
	case len(f.notes) > 0:
	case !f.ok || f.uuid != st.uuid:
		f.note("", "what belongs there is not there")
	case f.generation < gen:
		f.note("", fmt.Sprintf("generations %d to %d are missing", f.generation+1, gen))
	default:
		if keep {
			c.db.mu.Lock()
			c.intact = f
			c.db.mu.Unlock()
		}
		return nil
	}
	return &damage{f}
}

// slowFS reads files from the disk, piece by piece with rests between.
type slowFS struct {
	filesys.FS
	c       *copyDir
	growing string // this file has no more than size bytes
	size    int64
}

func (s *slowFS) OpenFile(path string, flag int, perm fs.FileMode) (filesys.File, error) {
	var f filesys.File
	if err := s.c.step(func() (err error) {
		f, err = s.FS.OpenFile(path, flag, perm)
		return err
	}); err != nil {
		return nil, err
	}
	filesys.Uncache(f)
	left := int64(-1)
	if path == s.growing {
		left = s.size
	}
	return &slowFile{File: f, c: s.c, left: left}, nil
}

type slowFile struct {
	filesys.File
	c    *copyDir
	left int64 // bytes; -1: all
}

// slowPiece is read at a time, and slowness how much longer than that took the rest is, in 1/10.
const (
	slowPiece = 1 << 20
	slowness  = 30
)

func (f *slowFile) Read(b []byte) (n int, err error) {
	if err := f.c.ctx.Err(); err != nil {
		return 0, err
	}
	b = b[:min(len(b), slowPiece)]
	if f.left >= 0 {
		b = b[:min(int64(len(b)), f.left)]
	}
	if len(b) == 0 {
		return 0, io.EOF
	}
	began := time.Now()
	err = f.c.step(func() (err error) {
		n, err = f.File.Read(b)
		return err
	})
	if f.left >= 0 {
		f.left -= int64(n)
	}
	rest := time.NewTimer(min(time.Since(began)*slowness/10, time.Second))
	defer rest.Stop()
	select {
	case <-rest.C:
	case <-f.c.ctx.Done():
	}
	return n, err
}
