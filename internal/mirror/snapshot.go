package mirror

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"

	"vigie/internal/filesys"
)

// image copies the database in RAM to an unlinked file beside it, with a snapshot's header before and its CRC behind,
// so that no slow disk ever holds a transaction open. Update holds wmu from commit to publishing db.gen; image needs
// only the state in the file.
func (db *DB) image() (*os.File, uint64, error) {
	f, err := os.CreateTemp(filepath.Dir(db.cfg.Path), db.cfg.Name+".image-*")
	if err != nil {
		return nil, 0, fmt.Errorf("snapshot in RAM: %w", err)
	}
	os.Remove(f.Name())
	var gen uint64
	err = db.view(func(btx *bolt.Tx) error {
		s, err := readState(btx)
		if err != nil {
			return err
		}
		gen = s.generation
		db.imageSize.Store(btx.Size())
		h := header{magic: magicSnapshot, uuid: s.uuid, generation: gen, createdMs: time.Now().UnixMilli(), imageSize: btx.Size()}
		if n := len(s.branches); n > 0 {
			h.branch = s.branches[n-1].id
		}
		if _, err := f.Write(h.marshal()); err != nil {
			return err
		}
		w := &crcWriter{f: f}
		if _, err := btx.WriteTo(w); err != nil {
			return err
		}
		_, err = f.Write(binary.BigEndian.AppendUint32(nil, w.sum))
		return err
	})
	if err == nil {
		_, err = f.Seek(0, 0)
	}
	if err != nil {
		f.Close()
		return nil, 0, fmt.Errorf("snapshot in RAM: %w", err)
	}
	return f, gen, nil
}

// rotateAt lets the journal grow with the database, so that snapshots cost a bounded share of the writes.
func (c *copyDir) rotateAt() int64 {
	return max(c.db.cfg.RotateBytes, c.db.imageSize.Load()/4)
}

// rotate starts a new journal where the present one ends, and a snapshot to go with it.
func (c *copyDir) rotate() error {
	if err := c.flush(); err != nil {
		return err
	}
	c.db.mu.Lock()
	synced := c.synced
	c.db.mu.Unlock()
	if err := c.newJournal(synced); err != nil {
		return err
	}
	c.snap = make(chan error, 1)
	go func() { // drop and serve wait for it
		defer c.turn()()
		err := c.ctx.Err()
		if err == nil {
			err = c.writeSnapshot(nil)
		}
		c.snap <- err
	}()
	return nil
}

// turnWithin is how long a snapshot waits for another copy's: a disk that hangs in one must not keep the rest from theirs.
const turnWithin = time.Minute

// turn waits until no other copy rotates, and returns what ends the turn. All journals grow alike, so all copies rotate
// at once, and each has an image of the whole database in RAM meanwhile.
func (c *copyDir) turn() (end func()) {
	late := time.NewTimer(turnWithin)
	defer late.Stop()
	select {
	case c.db.turns <- struct{}{}:
		return func() { <-c.db.turns }
	case <-late.C:
	case <-c.ctx.Done():
	}
	return func() {}
}

// snapshot brings a folder up to date: journal first (attach has started it), then the image.
func (c *copyDir) snapshot() error {
	return c.writeSnapshot(c.flush)
}

// writeSnapshot puts the present state into the folder and removes what it makes superfluous. With flush (the copy is
// not complete yet) it ends with the copy complete.
func (c *copyDir) writeSnapshot(flush func() error) error {
	img, gen, err := c.db.image()
	if err != nil {
		return err
	}
	defer img.Close()
	name := snapName(c.db.cfg.Name, gen)
	path := filepath.Join(c.dir.Path, name)
	tmp := path + ".tmp"
	fsys := c.db.cfg.FS
	if err := c.copyOut(img, tmp); err != nil {
		_ = fsys.Remove(tmp)
		return err
	}
	if err := c.step(func() error {
		if err := fsys.Rename(tmp, path); err != nil {
			return err
		}
		return filesys.SyncDir(fsys, c.dir.Path)
	}); err != nil {
		return err
	}
	c.db.mu.Lock()
	c.snapMs, c.snapSize = time.Now().UnixMilli(), c.db.imageSize.Load()
	c.db.mu.Unlock()
	if flush != nil {
		c.setOK(gen)
		// What was queued since attach goes into the journal, the frames that the image holds too: they are skipped.
		if err := flush(); err != nil {
			return err
		}
	}
	if err := c.step(func() error { return c.prune(gen) }); err != nil {
		return err
	}
	if why := c.mended; why != "" {
		c.mended, c.bad = "", nil
		if c.db.cfg.Rewritten != nil {
			c.db.cfg.Rewritten(c.dir.ID, why)
		}
	}
	return nil
}

// step is disk for the snapshot's goroutine: the journal's operation under way, if any, keeps its own start.
func (c *copyDir) step(op func() error) error {
	now := c.db.clock()
	mine := c.opStart.CompareAndSwap(0, now)
	err := op()
	if mine {
		c.opStart.CompareAndSwap(now, 0)
	}
	return err
}

// copyOut writes the image with a sync every few MiB, so that the disk's queue stays short for the recordings.
func (c *copyDir) copyOut(img *os.File, tmp string) error {
	const chunk = 4 << 20
	var f filesys.File
	if err := c.step(func() (err error) {
		f, err = c.db.cfg.FS.OpenFile(tmp, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		return err
	}); err != nil {
		return err
	}
	for {
		var n int64
		if c.ctx.Err() != nil {
			f.Close()
			return c.ctx.Err()
		}
		err := c.step(func() (err error) {
			if n, err = io.CopyN(f, img, chunk); err != nil && err != io.EOF {
				return err
			}
			return f.Datasync()
		})
		if err != nil {
			f.Close()
			return err
		}
		if n < chunk {
			break
		}
	}
	return c.step(func() error { return errors.Join(f.Sync(), f.Close()) })
}

// prune removes snapshots but the two newest intact ones, and the journals that both make superfluous.
func (c *copyDir) prune(newest uint64) error {
	fsys, name := c.db.cfg.FS, c.db.cfg.Name
	snaps, journals, err := list(fsys, c.dir.Path, name)
	if err != nil {
		return err
	}
	var remove []string
	oldest, kept := newest, 1
	for _, g := range snaps {
		switch {
		case g == newest:
		case g > newest:
			// From a future that could not be read, or it would have been taken up or kept aside.
			remove = append(remove, snapName(name, g))
		case slices.Contains(c.bad, snapName(name, g)):
			remove = append(remove, snapName(name, g))
		case kept < 2:
			kept++
			oldest = g
		default:
			remove = append(remove, snapName(name, g))
		}
	}
	for i, g := range journals {
		if slices.Contains(c.bad, journalName(name, g)) && g != c.base || g > c.base || i+1 < len(journals) && journals[i+1] <= oldest {
			remove = append(remove, journalName(name, g))
		}
	}
	entries, err := fsys.ReadDir(c.dir.Path)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), name+".") && strings.HasSuffix(e.Name(), ".snap.tmp") {
			remove = append(remove, e.Name())
		}
	}
	for _, file := range remove {
		if err := fsys.Remove(filepath.Join(c.dir.Path, file)); err != nil {
			return err
		}
	}
	return nil
}

// crcWriter sums what goes through it.
type crcWriter struct {
	f   *os.File
	sum uint32
}

func (w *crcWriter) Write(b []byte) (int, error) {
	w.sum = crc32.Update(w.sum, castagnoli, b)
	return w.f.Write(b)
}
