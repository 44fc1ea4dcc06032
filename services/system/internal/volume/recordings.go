package volume

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// droppedPrefix begins the names of folders with recordings that are to be deleted.
const droppedPrefix = "erased-"

// DropRecordings takes all recordings of a volume away in one step, and makes the folder for them anew: they lie in a folder that
// nobody looks into, until RemoveDropped has deleted them. Nothing may be recorded to the volume meanwhile. name tells apart what
// is dropped at different times.
func DropRecordings(volume, name string, owners Owners) error {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return err
	}
	defer root.Close()
	err = root.Rename("vigie/rec", path.Join("vigie", droppedPrefix+name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, fs.ErrExist) {
		return err // the name is taken where this was cut short: there is nothing in the new folder yet
	}
	if err := makeFolders(root, owners); err != nil {
		return err
	}
	return syncAll(volume)
}

// RemoveDropped deletes what was dropped, file by file, until ctx ends; and tells the disk which of its blocks are in use no
// more, if it is one that wants to know. It returns how many files were deleted.
func RemoveDropped(ctx context.Context, volume string) (int, error) {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return 0, err
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), "vigie")
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	n := 0
	for _, e := range entries {
		if err != nil || !e.IsDir() || !strings.HasPrefix(e.Name(), droppedPrefix) {
			continue
		}
		var removed int
		removed, err = removeTree(ctx, root, path.Join("vigie", e.Name()))
		n += removed
	}
	if err != nil || n == 0 {
		return n, err
	}
	return n, trim(volume)
}

// removeTree removes a folder with all in it. Folders are read piece by piece: a camera's day has thousands of files.
func removeTree(ctx context.Context, root *os.Root, dir string) (n int, err error) {
	f, err := root.Open(dir)
	if err != nil {
		return 0, err
	}
	for err == nil {
		var some []fs.DirEntry
		some, err = f.ReadDir(256)
		for _, e := range some {
			name := path.Join(dir, e.Name())
			failed := ctx.Err()
			switch {
			case failed != nil:
			case e.IsDir():
				var removed int
				removed, failed = removeTree(ctx, root, name)
				n += removed
			default:
				failed = root.Remove(name)
				n++
			}
			if failed != nil {
				return n, errors.Join(failed, f.Close())
			}
		}
	}
	if err := f.Close(); err != nil {
		return n, err
	}
	if !errors.Is(err, io.EOF) {
		return n, err
	}
	return n, root.Remove(dir)
}

// fitrim is FITRIM (linux/fs.h): _IOWR('X', 121, struct fstrim_range).
const fitrim = 0xc0185879

// trim has the file system tell its disk which blocks are free. Disks that do not want to know are no error.
func trim(volume string) error {
	f, err := os.Open(volume)
	if err != nil {
		return err
	}
	all := struct{ start, length, least uint64 }{length: ^uint64(0)}
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), fitrim, uintptr(unsafe.Pointer(&all))); errno != 0 && !errors.Is(errno, unix.EOPNOTSUPP) && !errors.Is(errno, unix.ENOTTY) {
		err = errno
	}
	return errors.Join(err, f.Close())
}

// syncAll has all that was done to a volume's folders on its disk.
func syncAll(volume string) error {
	f, err := os.Open(volume)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
