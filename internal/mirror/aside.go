package mirror

import (
	"cmp"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vigie/internal/filesys"
)

// asideMark is in the names of folders of what was kept aside, and in the reason of a copy in whose folder there is one.
const asideMark = ".aside-"

// keptAsides is how many of them a folder has at most: the newest. Each may hold two snapshots of the whole database.
const keptAsides = 4

// keepAside moves the files of another database or another past into a folder of their own. Damaged files are linked
// there instead: what can be read of them may still be the best copy until the new snapshot is in place.
func (c *copyDir) keepAside(what string, generation uint64, put func(from, to string) error) error {
	fsys, name := c.db.cfg.FS, c.db.cfg.Name
	dir := fmt.Sprintf("%s%s%s-gen%d-%s", name, asideMark, what, generation, time.Now().UTC().Format("20060102T150405.000"))
	path := filepath.Join(c.dir.Path, dir)
	if err := fsys.Mkdir(path, 0o700); err != nil {
		return err
	}
	snaps, journals, err := list(fsys, c.dir.Path, name)
	if err != nil {
		return err
	}
	var files []string
	for _, g := range slices.Backward(journals) {
		files = append(files, journalName(name, g))
	}
	for _, g := range snaps {
		files = append(files, snapName(name, g))
	}
	if err := filesys.SyncDir(fsys, c.dir.Path); err != nil {
		return err
	}
	for _, file := range files { // newest first, one by one: what is left by a power cut is an earlier state, and whole
		if err := put(filepath.Join(c.dir.Path, file), filepath.Join(path, file)); err != nil {
			return err
		}
		if err := errors.Join(filesys.SyncDir(fsys, path), filesys.SyncDir(fsys, c.dir.Path)); err != nil {
			return err
		}
	}
	if err := c.dropAsides(); err != nil {
		return err
	}
	c.db.log.Warn("files of an index copy are kept aside", "volume", c.dir.ID, "folder", dir)
	c.db.mu.Lock()
	c.reason = fmt.Sprintf("earlier content (%s) is kept aside in %s", what, dir)
	c.db.mu.Unlock()
	return nil
}

// dropAsides removes the oldest folders of what was kept aside.
func (c *copyDir) dropAsides() error {
	fsys := c.db.cfg.FS
	entries, err := fsys.ReadDir(c.dir.Path)
	if err != nil {
		return err
	}
	var asides []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), c.db.cfg.Name+asideMark) {
			asides = append(asides, e.Name())
		}
	}
	made := func(name string) string { return name[strings.LastIndexByte(name, '-')+1:] } // the instant, at the end of the name
	slices.SortFunc(asides, func(a, b string) int { return cmp.Or(cmp.Compare(made(b), made(a)), cmp.Compare(b, a)) })
	for _, name := range asides[min(len(asides), keptAsides):] {
		path := filepath.Join(c.dir.Path, name)
		files, err := fsys.ReadDir(path)
		if err != nil {
			return err
		}
		for _, f := range files {
			if err := fsys.Remove(filepath.Join(path, f.Name())); err != nil {
				return err
			}
		}
		if err := fsys.Remove(path); err != nil {
			return err
		}
		c.db.log.Info("what was kept aside of an index copy long ago is removed", "volume", c.dir.ID, "folder", name)
	}
	return nil
}
