// Package mounts owns the mount table of the running system, and getting rid of mounts when it stops.
//
// The table is a list of values; nothing else in init mounts anything except the root itself. Invariants, held by a
// test: no file system but the one with device nodes allows devices, none allows set-uid programs or (but for the
// root) programs at all, and everything in memory has a size.
package mounts

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	nosuid = unix.MS_NOSUID
	nodev  = unix.MS_NODEV
	noexec = unix.MS_NOEXEC
	ro     = unix.MS_RDONLY
)

// Mount is one entry of the table.
type Mount struct {
	Type   string
	Target string
	Flags  uintptr
	Data   string
	// Early entries are mounted by the first stage and move along to the root.
	Early bool
	// Needs is a path without whose presence the entry does not apply.
	Needs string
	// Optional entries may fail without keeping the machine from its work.
	Optional bool
}

// Table returns what is mounted, in this order.
func Table() []Mount {
	return []Mount{
		{Type: "proc", Target: "/proc", Flags: nosuid | nodev | noexec, Data: "hidepid=invisible", Early: true},
		{Type: "sysfs", Target: "/sys", Flags: nosuid | nodev | noexec, Early: true},
		{Type: "devtmpfs", Target: "/dev", Flags: nosuid | noexec, Data: "mode=0755,size=1m", Early: true},
		// Sockets, and the live databases: those are bounded by their owners.
		{Type: "tmpfs", Target: "/run", Flags: nosuid | nodev | noexec, Data: "mode=0755,size=40%", Early: true},
		{Type: "devpts", Target: "/dev/pts", Flags: nosuid | noexec, Data: "mode=0620,ptmxmode=0666", Optional: true},
		{Type: "tmpfs", Target: "/dev/shm", Flags: nosuid | nodev | noexec, Data: "mode=1777,size=10%", Optional: true},
		{Type: "tmpfs", Target: "/tmp", Flags: nosuid | nodev | noexec, Data: "mode=1777,size=10%"},
		// Only mount points live here; the small size keeps a recording that misses its disk out of the memory.
		{Type: "tmpfs", Target: "/volumes", Flags: nosuid | nodev | noexec, Data: "mode=0755,size=1m"},
		{Type: "cgroup2", Target: "/sys/fs/cgroup", Flags: nosuid | nodev | noexec, Data: "nsdelegate"},
		{
			Type: "efivarfs", Target: "/sys/firmware/efi/efivars", Flags: nosuid | nodev | noexec | ro,
			Needs: "/sys/firmware/efi", Optional: true,
		},
	}
}

// Applies says whether the machine has what the entry needs.
func (m Mount) Applies() bool {
	if m.Needs == "" {
		return true
	}
	_, err := os.Stat(m.Needs)
	return err == nil
}

// Mount mounts the entry below root ("/"), making its mount point where the file system allows that.
func (m Mount) Mount(root string) error {
	target := filepath.Join(root, m.Target)
	if _, err := os.Stat(target); err != nil {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return fmt.Errorf("mount point: %w", err)
		}
	}
	if err := unix.Mount(m.Type, target, m.Type, m.Flags, m.Data); err != nil {
		return fmt.Errorf("mount %s on %s: %w", m.Type, target, err)
	}
	return nil
}
