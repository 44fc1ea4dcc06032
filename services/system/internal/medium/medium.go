// Package medium mounts what people plug in to take footage away: USB disks and cards with the file systems that they
// come with. Nothing on one is run, trusted or a device, and exports go to one folder, which the engine may write to and
// nothing else.
//
// A medium comes from anybody. It is mounted when it is asked for and not before, because a file system made to attack
// the kernel does so when it is mounted. Every function may block as long as a bad disk pleases; none holds a lock.
package medium

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"vigie/internal/mountinfo"
	"vigie/services/system/internal/probe"
	"vigie/services/system/internal/volume"
)

// Folder is the one on a medium that exports go to.
const Folder = "Vigie exports"

// The engine's user and the services' group, as in the image.
const (
	engineUser = 901
	group      = 900
)

// Flags of every medium.
const mountFlags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NOSYMFOLLOW

// system is how a kind of file system is mounted.
type system struct {
	name   string // for people
	kernel string // the kernel's name of it
	data   string // options
	owners bool   // it keeps owners of its own
	limit  int64  // most bytes of a file; 0: more than anybody has
}

// owned makes everything the engine's on file systems that know no owners.
const owned = "uid=901,gid=900,fmask=0177,dmask=0077"

var systems = map[string]system{
	"vfat":  {name: "FAT", kernel: "vfat", data: owned + ",utf8=1,shortname=mixed,errors=remount-ro", limit: 1<<32 - 1},
	"exfat": {name: "exFAT", kernel: "exfat", data: owned + ",iocharset=utf8,errors=remount-ro"},
	"ntfs":  {name: "NTFS", kernel: "ntfs3", data: owned + ",iocharset=utf8"},
	"ext2":  {name: "ext2", kernel: "ext4", data: "errors=remount-ro", owners: true, limit: 1 << 41},
	"ext3":  {name: "ext3", kernel: "ext4", data: "errors=remount-ro", owners: true, limit: 1 << 41},
	"ext4":  {name: "ext4", kernel: "ext4", data: "errors=remount-ro", owners: true},
	"xfs":   {name: "XFS", kernel: "xfs", owners: true},
}

// Found is the file system of a disk that exports can go to.
type Found struct {
	Kind   string
	System string // its name for people
	Label  string
	Part   *probe.Part // nil: the whole disk
	Limit  int64       // most bytes of a file; 0: no limit that matters
}

// never are kinds of content of which a disk may have none: it belongs to an array, a pool or an appliance.
var never = []string{"md", "imsm", "ddf", "lvm", "zfs", "bcache", "bcachefs", "vmfs"}

// Find chooses the file system on a disk: the largest there is. ok is false when there is none, or when any part of the
// disk belongs to something larger.
func Find(r probe.Result) (f Found, ok bool) {
	largest := int64(-1)
	look := func(contents []probe.Content, part *probe.Part, size int64) bool {
		for _, c := range contents {
			for _, kind := range never {
				if c.Kind == kind {
					return false
				}
			}
			s, known := systems[c.Kind]
			if c.Kind == "xfs" && c.Label == volume.Label {
				return false // a data volume, perhaps another appliance's
			}
			if known && size > largest {
				largest, f = size, Found{c.Kind, s.name, c.Label, part, s.limit}
			}
		}
		return true
	}
	if !look(r.Contents, nil, 0) {
		return Found{}, false
	}
	for i := range r.Parts {
		if !look(r.Parts[i].Contents, &r.Parts[i], r.Parts[i].Size) {
			return Found{}, false
		}
	}
	return f, largest >= 0
}

// ErrReadOnly: the medium cannot be written to.
var ErrReadOnly = errors.New("it is write-protected, or was not ejected cleanly elsewhere and needs to be checked there")

// ErrBusy: something still uses the medium.
var ErrBusy = errors.New("it is being written to")

// Mount mounts a file system of a kind at path, and returns the folder for exports, which it makes. One that is mounted
// there already from the same device is left as it is.
func Mount(node, path, kind string) (folder string, err error) {
	s, ok := systems[kind]
	if !ok {
		return "", fmt.Errorf("file system %q is not one for exports", kind)
	}
	folder = filepath.Join(path, Folder)
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return "", fmt.Errorf("%s: %w", node, err)
	}
	mounts, err := mountinfo.Read()
	if err != nil {
		return "", err
	}
	for _, m := range mounts {
		if m.Target != path {
			continue
		}
		if m.Device == fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)) {
			return folder, makeFolder(path, s)
		}
		if err := volume.Unmount(path); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return "", err
	}
	if err := unix.Mount(node, path, s.kernel, mountFlags, s.data); err != nil {
		os.Remove(path)
		return "", mountError(s, err)
	}
	if err := makeFolder(path, s); err != nil {
		return "", errors.Join(err, volume.Unmount(path))
	}
	return folder, nil
}

func mountError(s system, err error) error {
	switch {
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("this machine cannot read %s: %w", s.name, err)
	case errors.Is(err, unix.EROFS), errors.Is(err, unix.EACCES):
		return ErrReadOnly
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EUCLEAN):
		return fmt.Errorf("its %s file system is damaged, or was not ejected cleanly: have it checked on a computer: %w", s.name, err)
	}
	return fmt.Errorf("mount %s: %w", s.name, err)
}

// makeFolder makes the folder for exports and gives it to the engine. Links on a foreign disk may point anywhere: an os.Root
// follows none that leads out of it.
func makeFolder(path string, s system) error {
	var f unix.Statfs_t
	if err := unix.Statfs(path, &f); err != nil {
		return err
	}
	if f.Flags&unix.ST_RDONLY != 0 {
		return ErrReadOnly
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := root.Mkdir(Folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		if errors.Is(err, unix.EROFS) {
			return ErrReadOnly
		}
		return fmt.Errorf("make the folder for exports: %w", err)
	}
	info, err := root.Lstat(Folder)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%q on it is not a folder", Folder)
	case s.owners:
		return root.Lchown(Folder, engineUser, group)
	}
	return nil
}

// Unmount writes out what is held in memory and lets go of the medium. ErrBusy: something has files open on it.
func Unmount(path string) error {
	err := unix.Unmount(path, unix.UMOUNT_NOFOLLOW)
	switch {
	case errors.Is(err, unix.EBUSY):
		return ErrBusy
	case err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT):
		return fmt.Errorf("unmount: %w", err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// Name is what a medium is called: by its label, else by what the disk says it is.
func Name(label, model string) string {
	for _, s := range []string{label, model} {
		if s = strings.TrimSpace(s); s != "" {
			return s
		}
	}
	return "USB disk"
}
