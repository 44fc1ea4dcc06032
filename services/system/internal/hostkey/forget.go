package hostkey

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"vigie/internal/atomicfile"
	"vigie/internal/filesys"
)

// Forget has the keys with these fingerprints be the machine's no more, whatever volume brings them.
func (k *Keeper) Forget(fingerprints []string) {
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.never = slices.Clone(fingerprints)
	if k.key == nil || !slices.Contains(k.never, k.key.Fingerprint()) {
		return
	}
	k.log.Info("SSH host key forgotten", "fingerprint", k.key.Fingerprint())
	k.key = nil
	for _, v := range k.volumes {
		v.has = ""
	}
	if err := os.Remove(filepath.Join(k.dir, file)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.log.Warn("running copy of a forgotten SSH host key", "err", err)
	}
}

func (k *Keeper) isForgotten(key *Key) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Contains(k.never, key.Fingerprint())
}

// OnVolume returns the fingerprints of the keys that lie on a volume, in use or kept beside.
func OnVolume(volume string) []string {
	var out []string
	for _, name := range []string{file, replaced} {
		if key, err := read(filepath.Join(volume, folder, name)); err == nil {
			out = append(out, key.Fingerprint())
		}
	}
	return out
}

// Erase overwrites and removes the keys with these fingerprints that lie on a volume, and returns how many there were.
func Erase(volume string, fingerprints []string) (n int, err error) {
	dir := filepath.Join(volume, folder)
	for _, name := range []string{file, replaced} {
		path := filepath.Join(dir, name)
		key, err := read(path)
		if err != nil || !slices.Contains(fingerprints, key.Fingerprint()) {
			continue // a damaged key is none
		}
		if err := filesys.Overwrite(filesys.OS, path); err != nil {
			return n, err
		}
		if err := os.Remove(path); err != nil {
			return n, err
		}
		n++
	}
	if n > 0 {
		return n, atomicfile.SyncDir(dir)
	}
	return 0, nil
}
