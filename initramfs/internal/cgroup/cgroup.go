// Package cgroup gives each service a control group (cgroup v2) of its own: to weigh it against the others, to know
// its memory, and to end every process of it at once, whatever it forked.
//
// A Tree is the folder with all groups; a Group is one of them, and nothing but plain files behind it, so both are
// safe for many goroutines. Controllers that the kernel does not offer are left out: a service runs without its weight
// rather than not at all.
package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Tree is a folder of groups.
type Tree struct{ dir string }

// OpenTree makes the folder name below root (/sys/fs/cgroup) and turns the controllers on for its groups.
func OpenTree(root, name string) (*Tree, error) {
	if _, err := os.Stat(filepath.Join(root, "cgroup.controllers")); err != nil {
		return nil, fmt.Errorf("cgroup: no cgroup v2: %w", err)
	}
	dir := filepath.Join(root, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	return &Tree{dir: dir}, errors.Join(enable(root), enable(dir))
}

// Populated says whether a process is left in any of the groups.
func (t *Tree) Populated() (bool, error) { return populated(t.dir) }

// enable turns on what there is of the controllers that groups use.
func enable(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	var errs []error
	for _, c := range strings.Fields(string(text)) {
		switch c {
		case "cpu", "io", "memory", "pids":
			errs = append(errs, write(dir, "cgroup.subtree_control", "+"+c))
		}
	}
	return errors.Join(errs...)
}

// Limits are what a group gets. Weights are from 1 to 10000, 100 is the kernel's default; zero leaves it.
type Limits struct {
	CPUWeight int
	IOWeight  int
	MaxPIDs   int
}

// ErrPopulated is wrapped when a process of an earlier run is still in the group.
var ErrPopulated = errors.New("a process of an earlier run does not end (a disk may not answer)")

// Fresh makes the group of a service anew, empty, and sets its limits. It must be a new one for each run: some kernels
// kill whatever is started in a group that was killed once. The group may be returned along with an error about limits.
func (t *Tree) Fresh(name string, limits Limits) (*Group, error) {
	g := &Group{dir: filepath.Join(t.dir, name)}
	err := os.Remove(g.dir)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("cgroup %s: %w", name, ErrPopulated)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, fmt.Errorf("cgroup: %w", err)
	}
	return g, g.set(limits)
}

// set writes the limits, those whose files there are.
func (g *Group) set(limits Limits) error {
	var errs []error
	for _, s := range []struct {
		file  string
		value int
		text  string
	}{
		{"cpu.weight", limits.CPUWeight, ""},
		{"io.weight", limits.IOWeight, "default "}, // the cost model's
		{"io.bfq.weight", min(limits.IOWeight, 1000), ""},
		{"pids.max", limits.MaxPIDs, ""},
		{"memory.oom.group", 1, ""}, // half a service is worse than none
	} {
		if s.value == 0 {
			continue
		}
		if _, err := os.Stat(filepath.Join(g.dir, s.file)); err != nil {
			continue
		}
		errs = append(errs, write(g.dir, s.file, s.text+strconv.Itoa(s.value)))
	}
	return errors.Join(errs...)
}

// Group is one control group.
type Group struct{ dir string }

// Open returns the folder as a file, for SysProcAttr.CgroupFD.
func (g *Group) Open() (*os.File, error) { return os.Open(g.dir) }

// Kill ends every process in the group at once.
func (g *Group) Kill() error { return write(g.dir, "cgroup.kill", "1") }

// Populated says whether a process is left.
func (g *Group) Populated() (bool, error) { return populated(g.dir) }

func populated(dir string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup.events"))
	if err != nil {
		return false, fmt.Errorf("cgroup: %w", err)
	}
	return strings.Contains(string(text), "populated 1"), nil
}

// MemoryBytes is what the group uses, caches included; 0 when the kernel does not count it.
func (g *Group) MemoryBytes() int64 {
	text, err := os.ReadFile(filepath.Join(g.dir, "memory.current"))
	if err != nil {
		return 0
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

func write(dir, file, value string) error {
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("cgroup: %w", err)
	}
	_, err = f.WriteString(value)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("cgroup: %s: %w", value, err)
	}
	return nil
}
