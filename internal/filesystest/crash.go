package filesystest

import (
	"maps"
	"math/rand/v2"
)

const sector = 512

// Crash cuts the power now and returns what is on the disks then, by the choice of r. The machine itself goes on.
func (m *Machine) Crash(r *rand.Rand) *Machine {
	m.mu.Lock()
	defer m.mu.Unlock()
	after := New()
	after.Folders = m.Folders
	for at, v := range m.volumes {
		after.volumes[at] = v.crash(r)
	}
	return after
}

func (v *volume) crash(r *rand.Rand) *volume {
	out := &volume{path: v.path, device: v.device, size: v.size}
	kept := v.survivingNames(r)
	// A disk writes in its own order, but some have written most of it and some next to nothing.
	odds := []float64{0, 0.1, 0.5, 0.9, 1}[r.IntN(5)]
	copies := map[*node]*node{}
	var clone func(n *node) *node
	clone = func(n *node) *node {
		if c := copies[n]; c != nil {
			return c
		}
		c := &node{folder: n.folder, perm: n.perm}
		copies[n] = c
		if n.folder {
			c.names = map[string]*node{}
			for name, child := range kept(n) {
				c.names[name] = clone(child)
			}
			c.kept = maps.Clone(c.names)
			return c
		}
		c.durable = n.survivingData(r, odds)
		c.data, c.shared = c.durable, true
		return c
	}
	out.root = clone(v.root)
	return out
}

// survivingNames decides which changes of names are on the disk, and returns what is in a folder then.
func (v *volume) survivingNames(r *rand.Rand) func(folder *node) map[string]*node {
	survives := make([]bool, len(v.names))
	if r.IntN(2) == 0 { // a log: up to some point
		for i := range r.IntN(len(v.names) + 1) {
			survives[i] = true
		}
	} else { // no order but that of each name's own history
		type place struct {
			folder *node
			name   string
		}
		odds := []float64{0.1, 0.5, 0.9}[r.IntN(3)]
		stopped := map[place]bool{}
		for i, c := range v.names {
			survives[i] = r.Float64() < odds
			for _, s := range c.slots {
				survives[i] = survives[i] && !stopped[place{s.folder, s.name}]
			}
			for _, s := range c.slots {
				stopped[place{s.folder, s.name}] = !survives[i]
			}
		}
	}
	changed := map[*node]map[string]*node{}
	for i, c := range v.names {
		for _, s := range c.slots {
			if !survives[i] {
				continue
			}
			names := changed[s.folder]
			if names == nil {
				names = maps.Clone(s.folder.kept)
				changed[s.folder] = names
			}
			if s.to == nil {
				delete(names, s.name)
			} else {
				names[s.name] = s.to
			}
		}
	}
	return func(folder *node) map[string]*node {
		if names := changed[folder]; names != nil {
			return names
		}
		return folder.kept
	}
}

// survivingData decides what a file holds.
func (n *node) survivingData(r *rand.Rand, odds float64) []byte {
	if len(n.pending) == 0 {
		return n.durable
	}
	some := func() int { // how many of the edits have reached some place
		if r.Float64() < odds {
			return len(n.pending)
		}
		return r.IntN(len(n.pending) + 1)
	}
	if odds == 0 {
		some = func() int { return 0 }
	}
	if r.IntN(4) == 0 { // in order, and the last one torn
		k := some()
		some = func() int { return max(0, k-r.IntN(2)) }
	}
	states := make([][]byte, len(n.pending)+1) // after each edit
	states[0] = n.durable
	b := append([]byte(nil), n.durable...)
	for i, e := range n.pending {
		b = apply(b, e)
		states[i+1] = append([]byte(nil), b...)
	}
	out := make([]byte, len(states[some()]))
	for at := 0; at < len(out); at += sector {
		from := states[some()]
		if at < len(from) {
			copy(out[at:min(at+sector, len(out))], from[at:])
		}
	}
	return out
}
