package filesystest

import (
	"io/fs"
	"slices"
	"time"
)

// node is a file or a folder.
type node struct {
	folder bool
	perm   fs.FileMode
	owner  *volume // that has it on its list of nodes; nil: nothing is to be made durable

	// Of a file. Slices in durable are shared with other machines and never written to; data is until it is written to.
	data    []byte
	shared  bool
	durable []byte
	pending []edit
	edits   int // ever made

	// Of a folder.
	names map[string]*node
	kept  map[string]*node // durable
}

// edit is a write, or a truncation when data is nil.
type edit struct {
	off  int64
	data []byte
}

// change is a change of names in folders that is not durable yet.
type change struct {
	slots []slot
}

// slot is what a change puts at one name: nil removes it.
type slot struct {
	folder *node
	name   string
	to     *node
}

func newFolder() *node {
	return &node{folder: true, perm: 0o755, names: map[string]*node{}, kept: map[string]*node{}}
}

// edit changes a file.
func (n *node) edit(v *volume, e edit) {
	if n.shared {
		n.data, n.shared = slices.Clone(n.data), false
	}
	n.data = apply(n.data, e)
	n.pending = append(n.pending, e)
	n.edits++
	if n.owner == nil {
		n.owner = v
		v.nodes = append(v.nodes, n)
	}
}

func apply(b []byte, e edit) []byte {
	end := e.off + int64(len(e.data))
	if e.data == nil && end < int64(len(b)) {
		return b[:end:end]
	}
	if grow := end - int64(len(b)); grow > 0 {
		b = append(b, make([]byte, grow)...)
	}
	copy(b[e.off:], e.data)
	return b
}

// keep makes the edits durable up to the one that was the last when a sync began.
func (n *node) keep(upTo int) {
	k := upTo - (n.edits - len(n.pending)) // another sync may have ended meanwhile
	if k <= 0 {
		return
	}
	b := slices.Clone(n.durable)
	for _, e := range n.pending[:k] {
		b = apply(b, e)
	}
	n.durable, n.pending = b, slices.Clone(n.pending[k:])
}

// change changes names.
func (v *volume) change(slots ...slot) {
	for _, s := range slots {
		if s.to == nil {
			delete(s.folder.names, s.name)
		} else {
			s.folder.names[s.name] = s.to
		}
	}
	v.names = append(v.names, &change{slots: slots})
}

// keepNames makes changes of names durable, in order: those of list that are not yet.
func (v *volume) keepNames(list []*change) {
	for _, c := range list {
		i := slices.Index(v.names, c)
		if i < 0 {
			continue // by another sync, meanwhile
		}
		v.names = slices.Delete(v.names, i, i+1)
		for _, s := range c.slots {
			if s.to == nil {
				delete(s.folder.kept, s.name)
			} else {
				s.folder.kept[s.name] = s.to
			}
		}
	}
}

// tidy forgets the nodes that have nothing left to be made durable.
func (v *volume) tidy() {
	v.nodes = slices.DeleteFunc(v.nodes, func(n *node) bool {
		done := len(n.pending) == 0
		if done {
			n.owner = nil
		}
		return done
	})
}

// info describes a node.
type info struct {
	name string
	size int64
	mode fs.FileMode
}

func (n *node) info(name string) info {
	mode := n.perm
	if n.folder {
		mode |= fs.ModeDir
	}
	return info{name: name, size: int64(len(n.data)), mode: mode}
}

func (i info) Name() string               { return i.name }
func (i info) Size() int64                { return i.size }
func (i info) Mode() fs.FileMode          { return i.mode }
func (i info) ModTime() time.Time         { return time.Time{} }
func (i info) IsDir() bool                { return i.mode.IsDir() }
func (i info) Sys() any                   { return nil }
func (i info) Type() fs.FileMode          { return i.mode.Type() }
func (i info) Info() (fs.FileInfo, error) { return i, nil }
