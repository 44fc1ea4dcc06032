// Package filesys is the file operations of which storage is made: those whose order decides what a power cut leaves.
//
// Code that promises something about power cuts takes an FS and touches no disk past it. OS is the machine's own,
// a thin layer over package os with nothing of its own to go wrong.
//
// What each operation promises about a power cut is what POSIX and Linux promise and no more:
//
//   - Write, WriteAt and Truncate promise nothing. Of what was written since the last sync, each sector may be there or
//     not, and the file may have its old length or any that it had since.
//   - Sync makes a file's content and length durable, Datasync too, less what is not needed to read it. Neither makes the
//     file's name durable.
//   - OpenFile with O_CREATE, Mkdir, Rename, Link and Remove promise nothing, and not their order either, until SyncDir of
//     the folder; a rename is whole or did not happen.
//   - SyncFS makes all durable that was done to the file's file system before, by anybody.
//   - An error of any sync means that nothing is known of what it was to make durable; asking again on the same file
//     proves nothing.
//
// Concurrency: an FS may be used by several goroutines; so may a File, but for Read, Write and Seek.
package filesys

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// FS is a tree of files. Errors are those of package os: errors.Is with fs.ErrNotExist, fs.ErrExist and syscall.Errno works.
type FS interface {
	OpenFile(path string, flag int, perm fs.FileMode) (File, error)
	Mkdir(path string, perm fs.FileMode) error
	Rename(from, to string) error
	Link(from, to string) error
	Remove(path string) error
	// ReadDir lists a folder in order of name.
	ReadDir(path string) ([]fs.DirEntry, error)
	// Lstat describes what is at a path, a symbolic link itself.
	Lstat(path string) (fs.FileInfo, error)
	// Space is the room on the file system that path is on.
	Space(path string) (Space, error)
	// Device tells file systems apart: it is the number of the one that path is on.
	Device(path string) (uint64, error)
}

// File is an open file or folder.
type File interface {
	io.Reader
	io.ReaderAt
	io.Writer
	io.WriterAt
	io.Closer
	Name() string
	Stat() (fs.FileInfo, error)
	Chmod(perm fs.FileMode) error
	Truncate(size int64) error
	Sync() error
	Datasync() error
	SyncFS() error
}

// Space is the room on a file system, in bytes.
type Space struct {
	Size int64
	Free int64 // for a process without privileges
}

// Open opens a file for reading.
func Open(fsys FS, path string) (File, error) { return fsys.OpenFile(path, os.O_RDONLY, 0) }

// ReadFile returns a file's content.
func ReadFile(fsys FS, path string) ([]byte, error) {
	f, err := Open(fsys, path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}

// MkdirAll makes a folder and those above it that are missing.
func MkdirAll(fsys FS, path string, perm fs.FileMode) error {
	err := fsys.Mkdir(path, perm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := MkdirAll(fsys, parent(path), perm); err != nil {
			return err
		}
		err = fsys.Mkdir(path, perm)
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if st, serr := fsys.Lstat(path); serr != nil || !st.IsDir() {
		return err
	}
	return nil
}

func parent(path string) string {
	for i := len(path) - 1; i > 0; i-- {
		if path[i] == '/' {
			return path[:i]
		}
	}
	return "/"
}

// SyncDir makes the names in a folder (creations, renames, removals) durable.
func SyncDir(fsys FS, path string) error {
	d, err := Open(fsys, path)
	if err != nil {
		return fmt.Errorf("sync folder %s: %w", path, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", path, err)
	}
	return nil
}
