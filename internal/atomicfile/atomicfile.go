// Package atomicfile replaces a file so that a reader, and a machine that comes back from a power cut, sees either the
// whole old content or the whole new one.
//
// The order is: temporary file in the same folder, write, fsync, rename, fsync of the folder. Only then does Write
// return, so that a nil error means "on disk". Concurrent writers of one path do not mix; the last rename wins.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"

	"vigie/internal/filesys"
)

// Write puts data at path with exactly the permissions perm, whatever the umask. On any error the file at path is as it
// was and no temporary file is left, unless only the last step, the fsync of the folder, failed: then the new content
// is visible but may not survive a power cut.
func Write(path string, data []byte, perm fs.FileMode) error {
	return WriteOn(filesys.OS, path, data, perm)
}

// WriteOn is Write on another disk than the machine's.
func WriteOn(fsys filesys.FS, path string, data []byte, perm fs.FileMode) error {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	f, err := createTemp(fsys, filepath.Join(dir, "."+base+".tmp-"))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fill(f, data, perm); err != nil {
		_ = fsys.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fsys.Rename(f.Name(), path); err != nil {
		_ = fsys.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := filesys.SyncDir(fsys, dir); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// createTemp makes a file that nobody else has, whose name begins with prefix.
func createTemp(fsys filesys.FS, prefix string) (filesys.File, error) {
	for try := 0; ; try++ {
		f, err := fsys.OpenFile(prefix+strconv.FormatUint(rand.Uint64(), 36), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if !errors.Is(err, fs.ErrExist) || try == 100 {
			return f, err
		}
	}
}

// fill writes, syncs and closes f.
func fill(f filesys.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes the names in a folder (creations, renames, removals) durable.
func SyncDir(dir string) error { return filesys.SyncDir(filesys.OS, dir) }
