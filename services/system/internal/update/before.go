package update

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// A volume's settings of before a trial, below the volume:
//
//	vigie/before/trial.json          {"system": the disk's id, "slot": that is tried, "number": of the trial}
//	vigie/before/accounts, index     links to the files of the databases' copies
//	vigie/before/config.json         a link to the machine's configuration; absent: there was none
//
// The files of a copy are written once, or appended to by the process that began them; a version that starts begins others. So
// links are as good as copies, at no cost. The folder is made aside and renamed, so that it is whole or not there, and taken
// away when the trial is confirmed.
const (
	beforeFolder = "vigie/before"
	beforeTemp   = "vigie/before.tmp"
	trialFile    = "trial.json"
	configFile   = "vigie/machine/config.json"
	configTemp   = "vigie/machine/.config.json.before"
)

// databases are the folders whose files are kept.
var databases = []string{"accounts", "index"}

// marker says which trial a volume keeps its settings for.
type marker struct {
	System string `json:"system"`
	Slot   string `json:"slot"`
	Number uint64 `json:"number"`
}

// keep keeps a volume's settings of now for the trial.
func keep(volume string, m marker) (err error) {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := errors.Join(root.RemoveAll(beforeTemp), root.Mkdir(beforeTemp, 0o700)); err != nil {
		return err
	}
	for _, name := range databases {
		if err := link(root, path.Join("vigie", name), path.Join(beforeTemp, name)); err != nil {
			return err
		}
	}
	if err := root.Link(configFile, path.Join(beforeTemp, "config.json")); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	if err := root.WriteFile(path.Join(beforeTemp, trialFile), b, 0o600); err != nil {
		return err
	}
	if err := syncAll(volume); err != nil {
		return err
	}
	if err := errors.Join(root.RemoveAll(beforeFolder), root.Rename(beforeTemp, beforeFolder)); err != nil {
		return err
	}
	return syncAll(volume)
}

// kept returns the marker of a volume; ok is false where it keeps nothing.
func kept(volume string) (m marker, ok bool, err error) {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return m, false, err
	}
	defer root.Close()
	f, err := root.Open(path.Join(beforeFolder, trialFile))
	if errors.Is(err, fs.ErrNotExist) {
		return m, false, nil
	}
	if err != nil {
		return m, false, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 4096))
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	return m, err == nil, err
}

// putBack puts a volume's settings of before in the place of those of now. Whatever cuts it short, done again it comes to the
// same end; what is kept is taken away last.
func putBack(volume string) error {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return err
	}
	defer root.Close()
	for _, name := range databases {
		if err := putBackDatabase(root, name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	err = errors.Join(remove(root, configTemp), root.Link(path.Join(beforeFolder, "config.json"), configTemp))
	switch {
	case err == nil:
		err = root.Rename(configTemp, configFile)
	case errors.Is(err, fs.ErrNotExist): // nobody had configured anything
		err = remove(root, configFile)
	}
	if err != nil {
		return err
	}
	if err := syncAll(volume); err != nil {
		return err
	}
	return errors.Join(root.RemoveAll(beforeFolder), syncAll(volume))
}

func putBackDatabase(root *os.Root, name string) error {
	now, fresh, old := path.Join("vigie", name), path.Join("vigie", name+".restored"), path.Join("vigie", name+".replaced")
	info, err := root.Stat(now)
	if err != nil {
		return err
	}
	if err := errors.Join(root.RemoveAll(fresh), root.RemoveAll(old)); err != nil {
		return err
	}
	if err := link(root, path.Join(beforeFolder, name), fresh); err != nil {
		return err
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok {
		err = root.Lchown(fresh, int(owner.Uid), int(owner.Gid))
	}
	if err := errors.Join(err, root.Chmod(fresh, info.Mode().Perm())); err != nil {
		return err
	}
	// Between the two a volume has no such folder: it is made when the volume is mounted, and this begins anew.
	return errors.Join(root.Rename(now, old), root.Rename(fresh, now), root.RemoveAll(old))
}

// forget takes away what a volume keeps.
func forget(volume string) error {
	root, err := os.OpenRoot(volume)
	if err != nil {
		return err
	}
	defer root.Close()
	return errors.Join(root.RemoveAll(beforeTemp), root.RemoveAll(beforeFolder))
}

// link makes a folder with links to another one's files.
func link(root *os.Root, from, to string) error {
	if err := root.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := fs.ReadDir(root.FS(), from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.Type().IsRegular() {
			continue // what a database has put aside
		}
		// One that is removed meanwhile is superseded.
		if err := root.Link(path.Join(from, e.Name()), path.Join(to, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func remove(root *os.Root, name string) error {
	if err := root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncAll has all that was done to a volume's folders on its disk.
func syncAll(volume string) error {
	f, err := os.Open(filepath.Clean(volume))
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(f.Fd())), f.Close())
}
