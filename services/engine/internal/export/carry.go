package export

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// On a medium an export is a folder: its files, each with its manifest beside it, and the pages of a bundle. A file is
// written under the name that it has at last with partial behind it, synced every so often, and renamed when it is whole:
// what has its own name is whole. How far it has come is noted after each sync, so that a medium that was pulled, or a
// machine that was switched off, costs no more than what lay between two.

const (
	partial   = ".part"
	syncEvery = 32 << 20 // bytes
	// spare is what is left free on a medium: for its file system's own needs.
	spare = 4 << 20
)

// folderSize is how long all files of an export are on a medium.
func (b *bundle) folderSize() (int64, error) {
	pages, err := b.pages()
	if err != nil {
		return 0, err
	}
	n := int64(0)
	for _, p := range pages {
		n += int64(len(p.content))
	}
	for _, c := range b.files {
		n += c.file.size() + c.file.manifest
	}
	return n, nil
}

// carried writes what is missing of an export to its medium. The error is an *obstacle when it can go on later.
func (x *Exports) carried(ctx context.Context, j *job) error {
	j.mu.Lock()
	c := *j.row.Medium
	j.mu.Unlock()
	path, err := x.reach(ctx, &c)
	if err != nil {
		return err
	}
	select {
	case x.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	j.mu.Lock()
	j.users, j.waiting = j.users+1, ""
	j.mu.Unlock()
	defer x.release(j)
	b, err := x.planned(ctx, j)
	if err != nil {
		return err
	}
	defer x.hold(j)()
	t := &carrier{x: x, job: j, bundle: b, at: c}
	defer func() { j.meter.stop("") }()
	if err := t.run(ctx, path); err != nil {
		return t.explain(err)
	}
	return t.note(func(r *row) { r.DoneMs = time.Now().UnixMilli() })
}

// carrier writes one export to its medium.
type carrier struct {
	x      *Exports
	job    *job
	bundle *bundle
	at     carriage
	root   *os.Root // the export's folder
	done   int64    // bytes on the medium
}

// mediumError is that the medium does not take what it is given.
type mediumError struct{ error }

func (m *mediumError) Unwrap() error { return m.error }

func onMedium(err error) error {
	if err == nil {
		return nil
	}
	return &mediumError{err}
}

// explain makes an obstacle of what a medium refuses.
func (t *carrier) explain(err error) error {
	name := t.at.Name
	switch m := new(mediumError); {
	case !errors.As(err, &m):
		return err
	case errors.Is(err, unix.ENOSPC):
		return &obstacle{text: fmt.Sprintf("The USB disk %s is full. Make room on it, and the export goes on.", name)}
	case errors.Is(err, unix.EROFS):
		return &obstacle{text: fmt.Sprintf("The USB disk %s cannot be written to any more. Pull it and plug it in again; if that does not help, have it checked on a computer.", name)}
	}
	return &obstacle{text: fmt.Sprintf("The USB disk %s was pulled or has stopped answering. Plug it in again, and the export goes on where it stopped.", name), cause: err}
}

// note keeps how far it has come.
func (t *carrier) note(more func(*row)) error {
	t.job.mu.Lock()
	defer t.job.mu.Unlock()
	if t.job.ctx.Err() != nil {
		return t.job.ctx.Err() // removed: it must not come back
	}
	c := t.at
	t.job.row.Medium = &c
	if more != nil {
		more(&t.job.row)
	}
	return store(t.x.cfg.DB, t.job.row)
}

func (t *carrier) run(ctx context.Context, path string) error {
	all, err := os.OpenRoot(path)
	if err != nil {
		return onMedium(err)
	}
	defer all.Close()
	if err := t.folder(all); err != nil {
		return err
	}
	defer t.root.Close()
	for i, c := range t.bundle.files[:len(t.at.Whole)] {
		c.restore(t.at.Whole[i])
		t.done += c.file.size() + c.file.manifest
	}
	t.done += t.at.Synced
	if err := t.room(path); err != nil {
		return err
	}
	t.job.meter.begin(t.done)
	for _, c := range t.bundle.files[len(t.at.Whole):] {
		if err := t.file(ctx, c); err != nil {
			if t.job.ctx.Err() != nil { // removed
				_ = t.root.Remove(c.file.name + partial)
			}
			return err
		}
	}
	pages, err := t.bundle.pages()
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := t.small(p.name, p.content); err != nil {
			return err
		}
	}
	return onMedium(t.sync())
}

// folder opens the export's folder, or makes it.
func (t *carrier) folder(all *os.Root) (err error) {
	if t.at.Folder != "" {
		if t.root, err = all.OpenRoot(t.at.Folder); !errors.Is(err, fs.ErrNotExist) {
			return onMedium(err)
		}
		t.at.Whole, t.at.Synced = nil, 0 // somebody has removed it
	}
	stem := t.bundle.folderName()
	name := stem
	for n := 2; ; n++ {
		if err = all.Mkdir(name, 0o755); !errors.Is(err, fs.ErrExist) || n > 1000 {
			break
		}
		name = fmt.Sprintf("%s (%d)", stem, n)
	}
	if err != nil {
		return onMedium(err)
	}
	if t.root, err = all.OpenRoot(name); err != nil {
		return onMedium(err)
	}
	t.at.Folder = name
	return t.note(nil)
}

// room makes sure that what is missing has room.
func (t *carrier) room(path string) error {
	var f unix.Statfs_t
	if err := unix.Statfs(path, &f); err != nil {
		return onMedium(err)
	}
	size, err := t.bundle.folderSize()
	if err != nil {
		return err
	}
	free, need := int64(f.Bavail)*f.Bsize, size-t.done+spare
	if free < need {
		return &obstacle{text: fmt.Sprintf("The USB disk %s has %s free, and the export needs %s. Make room on it, and the export goes on.", t.at.Name, megabytes(free), megabytes(need))}
	}
	return nil
}

// file writes one file of the export, from where it stopped, and its manifest.
func (t *carrier) file(ctx context.Context, c *content) error {
	name := c.file.name
	f, err := t.root.OpenFile(name+partial, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return onMedium(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return onMedium(err)
	}
	if st.Size() < t.at.Synced {
		t.done, t.at.Synced = t.done-t.at.Synced, 0
	}
	if err := f.Truncate(t.at.Synced); err != nil {
		return onMedium(err)
	}
	if _, err := f.Seek(t.at.Synced, io.SeekStart); err != nil {
		return onMedium(err)
	}
	out := &syncing{f: f, every: t.x.syncEvery, wrote: t.wrote, synced: t.synced}
	document, err := c.write(ctx, t.x.cfg.Archive, out, t.at.Synced)
	if err = errors.Join(err, out.settle()); err != nil {
		return err
	}
	defer c.forget()
	if err := f.Sync(); err != nil {
		return onMedium(err)
	}
	if err := f.Close(); err != nil {
		return onMedium(err)
	}
	if err := t.small(name+beside, document); err != nil {
		return err
	}
	if err := t.root.Rename(name+partial, name); err != nil {
		return onMedium(err)
	}
	if err := t.sync(); err != nil {
		return onMedium(err)
	}
	sum, _, _ := c.total()
	signed, _ := c.beside()
	t.at.Whole, t.at.Synced = append(t.at.Whole[:len(t.at.Whole):len(t.at.Whole)], wholeFile{sum, signed}), 0
	return t.note(nil)
}

func (t *carrier) wrote(n int) {
	t.done += int64(n)
	t.job.meter.add(n, time.Now())
}

func (t *carrier) synced(n int64) error {
	t.at.Synced += n
	return t.note(nil)
}

// small writes a small file, whole or not at all.
func (t *carrier) small(name string, content []byte) error {
	f, err := t.root.OpenFile(name+partial, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return onMedium(err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = t.root.Rename(name+partial, name)
	}
	t.wrote(len(content))
	return onMedium(err)
}

// sync makes names durable.
func (t *carrier) sync() error {
	d, err := t.root.Open(".")
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
