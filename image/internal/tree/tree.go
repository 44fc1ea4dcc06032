// Package tree is a file tree as values: every path with its kind, mode and content, before it is written to an
// archive. Nothing of it is taken from the build machine but the content of files: modes are what the caller says, all is
// owned by root, times are one instant for all, order is by path. The same tree therefore always makes the same bytes.
//
// A Tree collects the first error and the writers return it, so that code that fills one reads as a list. A Tree is for
// one goroutine.
package tree

import (
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"
)

// Kind is the kind of an entry.
type Kind int

// The kinds.
const (
	Directory Kind = iota
	File
	Symlink
	CharDevice
)

// Entry is one path of a tree.
type Entry struct {
	Path         string // slash-separated, relative, clean
	Kind         Kind
	Perm         uint32 // permission bits, with set-id and sticky
	Target       string // of a symlink
	Source       string // of a file: where its content lies; Data if empty
	Data         []byte
	Major, Minor uint32 // of a device
}

// Tree is a set of entries. The zero value is an empty tree, ready to use.
type Tree struct {
	entries map[string]Entry
	err     error
}

// Dir adds a directory. A directory that exists gets the new mode.
func (t *Tree) Dir(name string, perm uint32) {
	t.add(Entry{Path: name, Kind: Directory, Perm: perm})
}

// File adds a file with the given content.
func (t *Tree) File(name string, perm uint32, data []byte) {
	t.add(Entry{Path: name, Kind: File, Perm: perm, Data: data})
}

// Copy adds a file with the content of a file of this machine, symlinks followed.
func (t *Tree) Copy(name string, perm uint32, source string) {
	info, err := os.Stat(source)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", source)
	}
	if err != nil {
		t.fail(fmt.Errorf("add %s: %w", name, err))
		return
	}
	t.add(Entry{Path: name, Kind: File, Perm: perm, Source: source})
}

// CopyAll adds all files and symlinks below a folder of this machine, files with mode 0644.
func (t *Tree) CopyAll(name, source string) {
	err := filepath.WalkDir(source, func(p string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		if d.Type()&os.ModeSymlink == 0 {
			t.Copy(path.Join(name, rel), 0o644, p)
			return nil
		}
		target, err := os.Readlink(p)
		t.Symlink(path.Join(name, rel), target)
		return err
	})
	if err != nil {
		t.fail(fmt.Errorf("add folder %s: %w", name, err))
	}
}

// Symlink adds a symbolic link.
func (t *Tree) Symlink(name, target string) {
	t.add(Entry{Path: name, Kind: Symlink, Perm: 0o777, Target: target})
}

// CharDevice adds a character device node.
func (t *Tree) CharDevice(name string, perm, major, minor uint32) {
	t.add(Entry{Path: name, Kind: CharDevice, Perm: perm, Major: major, Minor: minor})
}

// Has tells whether the tree has an entry at a path.
func (t *Tree) Has(name string) bool {
	_, ok := t.entries[clean(name)]
	return ok
}

// Entries returns all entries in order of path, each after its parent, and the first error met while adding them.
func (t *Tree) Entries() ([]Entry, error) {
	if t.err != nil {
		return nil, t.err
	}
	list := make([]Entry, 0, len(t.entries))
	for _, e := range t.entries {
		list = append(list, e)
	}
	// Slash sorts before every other character of a name, so that a folder's content follows it at once.
	key := func(e Entry) string { return strings.ReplaceAll(e.Path, "/", "\x00") }
	sort.Slice(list, func(i, j int) bool { return key(list[i]) < key(list[j]) })
	return list, nil
}

func (t *Tree) add(e Entry) {
	e.Path = clean(e.Path)
	if e.Path == "" {
		t.fail(fmt.Errorf("the root of a tree is no entry of it"))
		return
	}
	if old, ok := t.entries[e.Path]; ok && (old.Kind != Directory || e.Kind != Directory) {
		t.fail(fmt.Errorf("%s is in the tree twice", e.Path))
		return
	}
	if t.entries == nil {
		t.entries = map[string]Entry{}
	}
	if parent := path.Dir(e.Path); parent != "." {
		if old, ok := t.entries[parent]; !ok {
			t.Dir(parent, 0o755)
		} else if old.Kind != Directory {
			t.fail(fmt.Errorf("%s: %s is no folder", e.Path, parent))
			return
		}
	}
	t.entries[e.Path] = e
}

func (t *Tree) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

// open returns a file's content and its size.
func (e Entry) open() (io.ReadCloser, int64, error) {
	if e.Source == "" {
		return io.NopCloser(strings.NewReader(string(e.Data))), int64(len(e.Data)), nil
	}
	f, err := os.Open(e.Source)
	if err != nil {
		return nil, 0, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, 0, err
	}
	return f, info.Size(), nil
}
