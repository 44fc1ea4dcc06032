package blockdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vigie/internal/mountinfo"
)

// User is something that has a disk or one of its partitions in use now.
type User struct {
	Kind UserKind
	Name string // the mount's path; the kernel name of what is built on the disk
}

// UserKind is how a disk is used.
type UserKind string

// The kinds of use.
const (
	Mounted UserKind = "mount"
	Swap    UserKind = "swap"
	Holder  UserKind = "holder" // an array, an encrypted or logical volume, …
)

// addUsers finds out what uses each of the disks.
func addUsers(root string, list []Disk) error {
	text, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	mounts, err := mountinfo.Parse(string(text))
	if err != nil {
		return err
	}
	text, err = os.ReadFile(filepath.Join(root, "proc/swaps"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without swap has none
		return fmt.Errorf("swap spaces: %w", err)
	}
	swaps := swapNodes(string(text))
	for i := range list {
		d := &list[i]
		dir := filepath.Join(root, "sys/block", d.Name)
		d.Users = users(dir, d.Name, d.Number, mounts, swaps)
		for _, p := range d.Parts {
			d.Users = append(d.Users, users(filepath.Join(dir, p.Name), p.Name, p.Number, mounts, swaps)...)
		}
	}
	return nil
}

func users(dir, name, number string, mounts []mountinfo.Mount, swaps []string) []User {
	var out []User
	for _, m := range mounts {
		if m.Device == number && number != "" {
			out = append(out, User{Mounted, m.Target})
		}
	}
	for _, node := range swaps {
		if node == Node(name) {
			out = append(out, User{Swap, ""})
		}
	}
	entries, err := os.ReadDir(filepath.Join(dir, "holders"))
	if err != nil {
		return out // gone meanwhile, or nothing can be built on it
	}
	for _, e := range entries {
		out = append(out, User{Holder, e.Name()})
	}
	return out
}

// swapNodes reads /proc/swaps (proc_swaps(5)): a line of headings, then one each, the node first.
func swapNodes(text string) []string {
	var out []string
	first := true
	for line := range strings.Lines(text) {
		if f := strings.Fields(line); len(f) > 0 && !first {
			out = append(out, f[0])
		}
		first = false
	}
	return out
}
