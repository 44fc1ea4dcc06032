package filesystest

import (
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"sync"
	"syscall"

	"vigie/internal/filesys"
)

var _ filesys.FS = (*Machine)(nil)

// OpenFile opens a file or a folder.
func (m *Machine) OpenFile(p string, flag int, perm fs.FileMode) (filesys.File, error) {
	if flag&os.O_CREATE != 0 {
		m.begin(Op{Name: "create", Path: p})
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	v, n, err := m.find("open", p)
	switch {
	case err == nil && flag&(os.O_CREATE|os.O_EXCL) == os.O_CREATE|os.O_EXCL:
		return nil, &fs.PathError{Op: "open", Path: p, Err: syscall.EEXIST}
	case err == nil && n.folder && flag&(os.O_WRONLY|os.O_RDWR) != 0:
		return nil, &fs.PathError{Op: "open", Path: p, Err: syscall.EISDIR}
	case err != nil && flag&os.O_CREATE == 0:
		return nil, err
	case err != nil:
		var dir *node
		var name string
		if v, dir, name, err = m.parent("open", p); err != nil {
			return nil, err
		}
		if v.used() >= v.size {
			return nil, &fs.PathError{Op: "open", Path: p, Err: syscall.ENOSPC}
		}
		n = &node{perm: perm}
		v.change(slot{dir, name, n})
	case flag&os.O_TRUNC != 0 && len(n.data) > 0:
		n.edit(v, edit{})
	}
	return &file{m: m, v: v, n: n, path: p, writable: flag&(os.O_WRONLY|os.O_RDWR) != 0}, nil
}

// Mkdir makes a folder.
func (m *Machine) Mkdir(p string, perm fs.FileMode) error {
	m.begin(Op{Name: "mkdir", Path: p})
	m.mu.Lock()
	defer m.mu.Unlock()
	v, dir, name, err := m.parent("mkdir", p)
	if err != nil {
		return err
	}
	if dir.names[name] != nil {
		return &fs.PathError{Op: "mkdir", Path: p, Err: syscall.EEXIST}
	}
	n := newFolder()
	n.perm = perm
	v.change(slot{dir, name, n})
	return nil
}

// Rename moves a file or a folder, over a file if there is one.
func (m *Machine) Rename(from, to string) error {
	m.begin(Op{Name: "rename", Path: from})
	m.mu.Lock()
	defer m.mu.Unlock()
	v, n, err := m.find("rename", from)
	if err != nil {
		return err
	}
	_, fromDir, fromName, _ := m.parent("rename", from)
	w, toDir, toName, err := m.parent("rename", to)
	if err != nil {
		return err
	}
	if v != w {
		return &fs.PathError{Op: "rename", Path: from, Err: syscall.EXDEV}
	}
	if old := toDir.names[toName]; old != nil && old.folder {
		return &fs.PathError{Op: "rename", Path: to, Err: syscall.EISDIR}
	}
	v.change(slot{fromDir, fromName, nil}, slot{toDir, toName, n})
	return nil
}

// Link gives a file a second name.
func (m *Machine) Link(from, to string) error {
	m.begin(Op{Name: "link", Path: to})
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, err := m.find("link", from)
	if err != nil {
		return err
	}
	v, dir, name, err := m.parent("link", to)
	if err != nil {
		return err
	}
	if dir.names[name] != nil {
		return &fs.PathError{Op: "link", Path: to, Err: syscall.EEXIST}
	}
	v.change(slot{dir, name, n})
	return nil
}

// Remove removes a file or an empty folder.
func (m *Machine) Remove(p string) error {
	m.begin(Op{Name: "remove", Path: p})
	m.mu.Lock()
	defer m.mu.Unlock()
	v, n, err := m.find("remove", p)
	if err != nil {
		return err
	}
	if len(n.names) > 0 {
		return &fs.PathError{Op: "remove", Path: p, Err: syscall.ENOTEMPTY}
	}
	_, dir, name, err := m.parent("remove", p)
	if err != nil {
		return err
	}
	v.change(slot{dir, name, nil})
	return nil
}

// ReadDir lists a folder.
func (m *Machine) ReadDir(p string) ([]fs.DirEntry, error) {
	m.begin(Op{Name: "read", Path: p})
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, err := m.find("readdir", p)
	if err != nil {
		return nil, err
	}
	if !n.folder {
		return nil, &fs.PathError{Op: "readdir", Path: p, Err: syscall.ENOTDIR}
	}
	var out []fs.DirEntry
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		out = append(out, n.names[name].info(name))
	}
	return out, nil
}

// Lstat describes a file or a folder.
func (m *Machine) Lstat(p string) (fs.FileInfo, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, n, err := m.find("lstat", p)
	if err != nil {
		return nil, err
	}
	return n.info(path.Base(p)), nil
}

// Space is the room on a volume.
func (m *Machine) Space(p string) (filesys.Space, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, _, err := m.find("statfs", p)
	if err != nil {
		return filesys.Space{}, err
	}
	return filesys.Space{Size: v.size, Free: max(0, v.size-v.used())}, nil
}

// Device is a number of the volume's own, and 1 for what is on none, and for all if they are folders.
func (m *Machine) Device(p string) (uint64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, _ := m.volumeOf(path.Clean(p)); v != nil && !m.Folders {
		return v.device, nil
	}
	return 1, nil
}

// file is an open file or folder.
type file struct {
	m        *Machine
	v        *volume
	n        *node
	path     string
	writable bool

	mu  sync.Mutex
	off int64
}

func (f *file) Name() string { return f.path }
func (f *file) Close() error { return nil }

func (f *file) Stat() (fs.FileInfo, error) {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return f.n.info(path.Base(f.path)), nil
}

func (f *file) Chmod(perm fs.FileMode) error {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.perm = perm
	return nil
}

func (f *file) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.ReadAt(b, f.off)
	f.off += int64(n)
	if n > 0 {
		err = nil
	}
	return n, err
}

func (f *file) ReadAt(b []byte, off int64) (int, error) {
	f.m.begin(Op{Name: "read", Path: f.path, Bytes: len(b)})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if f.n.folder {
		return 0, &fs.PathError{Op: "read", Path: f.path, Err: syscall.EISDIR}
	}
	n := 0
	if off < int64(len(f.n.data)) {
		n = copy(b, f.n.data[off:])
	}
	f.m.read += int64(n)
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *file) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, err := f.WriteAt(b, f.off)
	f.off += int64(n)
	return n, err
}

func (f *file) WriteAt(b []byte, off int64) (int, error) {
	if !f.writable {
		return 0, &fs.PathError{Op: "write", Path: f.path, Err: syscall.EBADF}
	}
	if len(b) == 0 {
		return 0, nil
	}
	f.m.begin(Op{Name: "write", Path: f.path, Bytes: len(b)})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	if grow := off + int64(len(b)) - int64(len(f.n.data)); grow > 0 && f.v.used()+grow > f.v.size {
		return 0, &fs.PathError{Op: "write", Path: f.path, Err: syscall.ENOSPC}
	}
	f.n.edit(f.v, edit{off: off, data: slices.Clone(b)})
	return len(b), nil
}

func (f *file) Truncate(size int64) error {
	if size < 0 {
		return fmt.Errorf("truncate %s to %d", f.path, size)
	}
	f.m.begin(Op{Name: "truncate", Path: f.path})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.edit(f.v, edit{off: size})
	return nil
}

// Sync makes a file's content durable, or the names in a folder.
func (f *file) Sync() error {
	if !f.n.folder {
		return f.sync("sync")
	}
	f.m.mu.Lock()
	var mine []*change
	for _, c := range f.v.names {
		if slices.ContainsFunc(c.slots, func(s slot) bool { return s.folder == f.n }) {
			mine = append(mine, c)
		}
	}
	f.m.mu.Unlock()
	f.m.begin(Op{Name: "sync", Path: f.path})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.v.keepNames(mine)
	return nil
}

func (f *file) Datasync() error { return f.sync("datasync") }

// sync keeps what was written before it began.
func (f *file) sync(name string) error {
	f.m.mu.Lock()
	before := f.n.edits
	f.m.mu.Unlock()
	f.m.begin(Op{Name: name, Path: f.path})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.n.keep(before)
	f.v.tidy()
	return nil
}

// SyncFS keeps all that was done to the volume before it began.
func (f *file) SyncFS() error {
	f.m.mu.Lock()
	names := slices.Clone(f.v.names)
	before := map[*node]int{}
	for _, n := range f.v.nodes {
		before[n] = n.edits
	}
	f.m.mu.Unlock()
	f.m.begin(Op{Name: "syncfs", Path: f.path})
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	f.v.keepNames(names)
	for n, edits := range before {
		n.keep(edits)
	}
	f.v.tidy()
	return nil
}
