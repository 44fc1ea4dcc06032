package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/mountinfo"
)

// Flags of every data volume: nothing on it is run, trusted or a device, and reading changes nothing.
const mountFlags = unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME

// allocsizeFrom is the size in bytes from which preallocation is set by hand. Many cameras append to many files at
// once, each synced every second; with XFS's own growth from 64 KiB their extents would interleave and each second of
// playback would seek. 16 MiB is half a minute at 4 Mbit/s; 200 open files hold 3.2 GiB, given back at their close.
const allocsizeFrom = 64 << 30

// mountData are the XFS options: larger log buffers, because each camera syncs each second.
func mountData(sizeBytes int64) string {
	if sizeBytes >= allocsizeFrom {
		return "logbsize=256k,allocsize=16m"
	}
	return "logbsize=256k"
}

// Mount mounts the XFS file system on node at path, making the folder. A volume that is mounted there already, from
// the same device, is left as it is: the service may have been restarted. readonly is for a write-protected disk.
func Mount(node, path string, sizeBytes int64, readonly bool) error {
	rdev, err := device(node)
	if err != nil {
		return err
	}
	mounts, err := mountinfo.Read()
	if err != nil {
		return err
	}
	for _, m := range mounts {
		switch {
		case m.Target == path && m.Device == rdev:
			return nil
		case m.Target == path && Gone(m):
			if err := Unmount(path); err != nil {
				return err
			}
		case m.Target == path:
			return fmt.Errorf("another disk is mounted at %s", path)
		}
	}
	if err := os.MkdirAll(path, 0o755); err != nil {
		return err
	}
	flags, data := uintptr(mountFlags), mountData(sizeBytes)
	if readonly {
		// The log cannot be replayed on a disk that takes no writes; what is older than the last crash can be read.
		flags |= unix.MS_RDONLY
		data = "norecovery"
	}
	err = unix.Mount(node, path, "xfs", flags, data)
	// Of two disks that are mounted at once, the kernel may tell the second that it knows no XFS while the first one's mount
	// still has the module loaded.
	for end := time.Now().Add(moduleTime); errors.Is(err, unix.ENODEV) && time.Now().Before(end); {
		time.Sleep(50 * time.Millisecond)
		err = unix.Mount(node, path, "xfs", flags, data)
	}
	if err != nil {
		os.Remove(path)
		return mountError(err)
	}
	failFast(node)
	return nil
}

// Protect makes a mounted volume one that is only read, and Unprotect one that is written to.
func Protect(path string) error { return remount(path, unix.MS_RDONLY) }

// Unprotect undoes Protect.
func Unprotect(path string) error { return remount(path, 0) }

func remount(path string, how uintptr) error {
	if err := unix.Mount("", path, "", unix.MS_REMOUNT|mountFlags|how, ""); err != nil {
		return mountError(err)
	}
	return nil
}

// moduleTime is how long the kernel may take to load XFS, with what that needs.
const moduleTime = 5 * time.Second

func mountError(err error) error {
	var why string
	switch {
	case errors.Is(err, unix.ENODEV):
		why = "this kernel cannot read XFS"
	case Damaged(err):
		why = "its file system is damaged and needs to be repaired"
	case errors.Is(err, unix.EINVAL):
		why = "the kernel refuses its file system; a copy of it may be in use"
	case errors.Is(err, unix.EIO):
		why = "the disk returns errors"
	default:
		return fmt.Errorf("mount: %w", err)
	}
	return fmt.Errorf("mount: %s: %w", why, err)
}

// Damaged tells whether an error says that a file system is not what it should be, as opposed to its disk.
func Damaged(err error) bool { return errors.Is(err, unix.EUCLEAN) || errors.Is(err, unix.EBADMSG) }

// failFast makes XFS give up metadata writes that a disk refuses, after 30 s instead of never: a file system that is
// shut down says so at once, and recording moves to another volume. Kernels without the knob keep their default.
func failFast(node string) {
	dir := filepath.Join("/sys/fs/xfs", filepath.Base(node), "error/metadata/EIO")
	_ = os.WriteFile(filepath.Join(dir, "retry_timeout_seconds"), []byte("30"), 0o644)
}

// Unmount detaches path at once and for good; the kernel lets go of the device when its last open file is closed.
func Unmount(path string) error {
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// Gone tells whether the device of a mount does not exist any more.
func Gone(m mountinfo.Mount) bool {
	_, err := os.Stat("/sys/dev/block/" + m.Device)
	return errors.Is(err, os.ErrNotExist)
}

// device returns a node's number as mountinfo writes it.
func device(node string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return "", fmt.Errorf("%s: %w", node, err)
	}
	return fmt.Sprintf("%d:%d", unix.Major(st.Rdev), unix.Minor(st.Rdev)), nil
}

// Use is how full a volume is, and whether it can be written to.
type Use struct {
	SizeBytes, FreeBytes int64
	ReadOnly             bool
}

// Check looks at a mounted volume. An error means that it cannot be used: the file system was shut down by the kernel,
// or the disk is gone.
func Check(path string) (Use, error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return Use{}, err
	}
	// statfs answers from memory even when the file system was shut down; an attribute does not.
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		if errors.Is(err, unix.EIO) {
			return Use{}, errors.New("the kernel has shut the file system down after errors of the disk")
		}
		return Use{}, err
	}
	return Use{int64(fs.Blocks) * fs.Bsize, int64(fs.Bavail) * fs.Bsize, fs.Flags&unix.ST_RDONLY != 0}, nil
}
