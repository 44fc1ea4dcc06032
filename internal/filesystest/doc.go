// Package filesystest is a machine's disks in memory, whose power can be cut: they keep for certain what was synced, and
// of everything else any part.
//
// A Machine has volumes, each a file system of its own, and is a filesys.FS over all of them. It holds every promise that
// package filesys lists, and no other. Crash makes another Machine: what is on the disks after a power cut at this very
// moment, one of the many things that the promises allow:
//
//   - A file's content is decided by sector of 512 bytes: each has what it had at the last sync, or after any one of the
//     writes and truncations since, on its own. So writes are lost, reordered and torn.
//   - Its length is what it was then or at any time since; what no surviving sector fills is zeros.
//   - Names are decided one by one: each has its history (made, renamed, removed) up to some point. A rename is in two
//     histories and survives in both or neither. Some cuts keep to the order of all changes of names instead, as file
//     systems with a log do.
//   - A file that was synced and never got a durable name is gone; one with a durable name that was never synced is there,
//     in whatever state.
//
// Operations take time if SetPace says so: in a synctest bubble things then happen one after the other, as on a disk.
// SetWatch shows each operation before it takes effect, which is where a test cuts the power.
//
// All of a Machine may be used by several goroutines.
package filesystest

import (
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Machine is some volumes in memory.
type Machine struct {
	// Folders says that the volumes are folders of one file system, as Device tells it: then nobody uses SyncFS. It is
	// set before the machine is used.
	Folders bool

	mu      sync.Mutex
	pace    func(op Op) time.Duration
	watch   func(op Op)
	volumes map[string]*volume // by path
	read    int64
}

// SetPace sets how long each operation takes; nil: no time.
func (m *Machine) SetPace(pace func(op Op) time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pace = pace
}

// SetWatch has a function called before each operation that changes something, or makes something durable, takes effect.
func (m *Machine) SetWatch(watch func(op Op)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.watch = watch
}

// Op is one operation.
type Op struct {
	Name  string // "write", "truncate", "sync", "datasync", "syncfs", "create", "mkdir", "rename", "link", "remove", "read"
	Path  string
	Bytes int // written or read
}

// volume is one file system.
type volume struct {
	path   string
	device uint64
	size   int64
	root   *node
	names  []*change // not durable yet, in order
	nodes  []*node   // with something that is not durable yet
}

// New returns a machine without volumes.
func New() *Machine { return &Machine{volumes: map[string]*volume{}} }

// AddVolume makes an empty file system at a path, whose parent is on another one if it is to be one of its own.
func (m *Machine) AddVolume(path string, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.volumes[path] = &volume{path: path, device: uint64(len(m.volumes) + 2), size: size, root: newFolder()}
}

// Resize changes a volume's size; what is on it stays.
func (m *Machine) Resize(path string, size int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.volumes[path].size = size
}

// BytesRead is how much was read from files so far.
func (m *Machine) BytesRead() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.read
}

// Files returns the paths of all files, in order.
func (m *Machine) Files() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []string
	for _, v := range m.volumes {
		v.root.walk(v.path, func(p string, n *node) {
			if !n.folder {
				out = append(out, p)
			}
		})
	}
	slices.Sort(out)
	return out
}

// begin shows an operation to Watch and lets it take its time; it is called without the lock.
func (m *Machine) begin(op Op) {
	m.mu.Lock()
	pace, watch := m.pace, m.watch
	m.mu.Unlock()
	if watch != nil && op.Name != "read" {
		watch(op)
	}
	if pace != nil {
		time.Sleep(pace(op))
	}
}

// volumeOf finds the volume that a path is on, and the rest of the path; the lock is held.
func (m *Machine) volumeOf(p string) (*volume, string) {
	for at, v := range m.volumes {
		if rest, ok := strings.CutPrefix(p, at); ok && (rest == "" || rest[0] == '/') {
			return v, strings.Trim(rest, "/")
		}
	}
	return nil, ""
}

// find returns what is at a path; the lock is held.
func (m *Machine) find(op, p string) (*volume, *node, error) {
	p = path.Clean(p)
	v, rest := m.volumeOf(p)
	if v == nil {
		return nil, nil, &fs.PathError{Op: op, Path: p, Err: syscall.ENOENT}
	}
	n := v.root
	for rest != "" {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		if !n.folder {
			return nil, nil, &fs.PathError{Op: op, Path: p, Err: syscall.ENOTDIR}
		}
		if n = n.names[name]; n == nil {
			return nil, nil, &fs.PathError{Op: op, Path: p, Err: syscall.ENOENT}
		}
	}
	return v, n, nil
}

// parent returns the folder that a path is in, and its name there; the lock is held.
func (m *Machine) parent(op, p string) (*volume, *node, string, error) {
	dir, name := path.Split(path.Clean(p))
	v, n, err := m.find(op, dir)
	if err == nil && !n.folder {
		err = &fs.PathError{Op: op, Path: p, Err: syscall.ENOTDIR}
	}
	return v, n, name, err
}

// used is the room that files take; the lock is held.
func (v *volume) used() (sum int64) {
	seen := map[*node]bool{}
	v.root.walk("", func(_ string, n *node) {
		if !seen[n] {
			seen[n] = true
			sum += (int64(len(n.data)) + 4095) &^ 4095
		}
	})
	return sum
}

func (n *node) walk(p string, fn func(p string, n *node)) {
	fn(p, n)
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		n.names[name].walk(p+"/"+name, fn)
	}
}
