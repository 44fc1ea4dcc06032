package volume

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"vigie/internal/atomicfile"
)

// Who is what the mounted file system at path says of itself, whatever is to be thought of that; the zero value when it says
// nothing that can be read.
func Who(path string) (Identity, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return Identity{}, err
	}
	defer root.Close()
	who, err := readIdentity(root)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrForeign) {
		return Identity{}, nil
	}
	return who, err
}

// Rename gives the mounted volume at path another name.
func Rename(path, name string) error {
	_, err := rewrite(path, func(who *Identity) { who.Name = name })
	return err
}

// Claim notes on the mounted volume at path which machine uses it from now on.
func Claim(path, machine string) (Identity, error) {
	return rewrite(path, func(who *Identity) { who.Machine = machine })
}

// rewrite replaces an identity file as a whole, so that a power cut leaves one of both.
func rewrite(path string, change func(*Identity)) (Identity, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return Identity{}, err
	}
	defer root.Close()
	who, err := readIdentity(root)
	if err != nil {
		return Identity{}, err
	}
	change(&who)
	b, err := json.Marshal(who)
	if err != nil {
		return Identity{}, err
	}
	return who, atomicfile.Write(filepath.Join(path, identityFile), append(b, '\n'), 0o644)
}
