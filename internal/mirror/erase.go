package mirror

import (
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"vigie/internal/filesys"
)

// Owners returns the UUIDs, in hexadecimal, of the databases with a name whose files lie in a folder, those that were kept
// aside among them. A folder that is not there has none.
func Owners(fsys filesys.FS, dir, name string) ([]string, error) {
	files, _, err := traces(fsys, dir, name)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, path := range files {
		owner, err := ownerOf(fsys, path)
		if err != nil {
			return nil, err
		}
		if owner != "" && owner != erased && !slices.Contains(out, owner) {
			out = append(out, owner)
		}
	}
	slices.Sort(out)
	return out, nil
}

// Erase overwrites and removes what a folder holds of the databases with the given UUIDs, and returns how many files that
// were. Where it holds anything of them, files go too whose owner cannot be read. Cut short, it comes to the same end when it is
// done again.
//
// Overwriting reaches the places where a file lies now: not what older files left in free space, and not what a flash disk
// has put elsewhere by itself.
func Erase(fsys filesys.FS, dir, name string, uuids []string) (int, error) {
	files, asides, err := traces(fsys, dir, name)
	if err != nil {
		return 0, err
	}
	var unknown, theirs []string
	for _, path := range files {
		owner, err := ownerOf(fsys, path)
		switch {
		case err != nil:
			return 0, err
		case owner == "":
			unknown = append(unknown, path)
		case owner == erased || slices.Contains(uuids, owner):
			theirs = append(theirs, path)
		}
	}
	if len(theirs) == 0 {
		return 0, nil
	}
	for n, path := range append(unknown, theirs...) { // theirs last: they are how another try knows
		err := filesys.Overwrite(fsys, path)
		if err == nil {
			err = fsys.Remove(path)
		}
		if err != nil {
			return n, err
		}
	}
	for _, path := range asides {
		if left, err := fsys.ReadDir(path); err != nil || len(left) > 0 {
			continue
		}
		if err := fsys.Remove(path); err != nil {
			return len(unknown) + len(theirs), err
		}
	}
	return len(unknown) + len(theirs), filesys.SyncDir(fsys, dir)
}

// traces lists the files of a folder that belong to databases with a name, and the folders of what was kept aside of them.
func traces(fsys filesys.FS, dir, name string) (files, asides []string, err error) {
	entries, err := fsys.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.Type().IsRegular() && strings.HasPrefix(e.Name(), name+"."):
			files = append(files, path)
		case e.IsDir() && strings.HasPrefix(e.Name(), name+asideMark):
			asides = append(asides, path)
			within, err := fsys.ReadDir(path)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range within {
				if f.Type().IsRegular() {
					files = append(files, filepath.Join(path, f.Name()))
				}
			}
		}
	}
	return files, asides, nil
}

// erased stands for the owner of a file that was overwritten, and not removed any more.
const erased = "-"

// ownerOf is the UUID of the database that a file belongs to; "" where its header cannot be read.
func ownerOf(fsys filesys.FS, path string) (string, error) {
	f, err := filesys.Open(fsys, path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	b := make([]byte, headerSize)
	n, err := io.ReadFull(f, b)
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		err = nil
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return "", err
	}
	if n == headerSize && !slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
		return erased, nil
	}
	var h header
	if h.unmarshal(b[:n], magicSnapshot) != nil && h.unmarshal(b[:n], magicJournal) != nil {
		return "", nil
	}
	return hex.EncodeToString(h.uuid[:]), nil
}
