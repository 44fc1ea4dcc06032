package reset

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vigie/internal/atomicfile"
	"vigie/internal/filesys"
	"vigie/internal/mirror"
	"vigie/services/system/internal/config"
	"vigie/services/system/internal/hostkey"
	"vigie/services/system/internal/volume"
)

const (
	markFile = "machine/reset.json"
	maxMark  = 4096
)

// mark says of a volume that its recordings go with a reset, if that takes place.
type mark struct {
	Recordings string `json:"recordings"` // name of the reset
}

func inVigie(volume, name string) string { return filepath.Join(volume, "vigie", name) }

// sweep takes away from a volume what is named, and returns how many files that were.
func sweep(path string, names []string, owners volume.Owners) (int, error) {
	if slices.ContainsFunc(Traces(path), func(name string) bool { return slices.Contains(names, name) }) {
		if err := config.DropReplaced(path); err != nil { // first: another try knows by the rest that there is something to do
			return 0, err
		}
	}
	n, err := hostkey.Erase(path, names)
	if err != nil {
		return n, err
	}
	// What an update keeps of before it goes first: links to the same files, of which those in use are how another try knows.
	for _, aside := range []string{"before.tmp", "before"} {
		kept := 0
		for _, d := range databases {
			some, err := mirror.Erase(filesys.OS, inVigie(path, filepath.Join(aside, d.folder)), d.name, names)
			if kept += some; err != nil {
				return n + kept, err
			}
		}
		if n += kept; kept == 0 {
			continue
		}
		if err := os.RemoveAll(inVigie(path, aside)); err != nil {
			return n, err
		}
	}
	for _, d := range databases {
		some, err := mirror.Erase(filesys.OS, inVigie(path, d.folder), d.name, names)
		if n += some; err != nil {
			return n, err
		}
	}
	m, err := readMark(path)
	switch {
	case err != nil:
		return n, err
	case m.Recordings == "" || !slices.Contains(names, m.Recordings):
		return n, nil
	}
	if err := volume.DropRecordings(path, m.Recordings, owners); err != nil {
		return n, err
	}
	if err := os.Remove(inVigie(path, markFile)); err != nil {
		return n, err
	}
	return n, atomicfile.SyncDir(inVigie(path, "machine"))
}

func writeMark(path, reset string) error {
	b, err := json.Marshal(mark{reset})
	if err != nil {
		return err
	}
	return atomicfile.Write(inVigie(path, markFile), append(b, '\n'), 0o600)
}

// readMark returns the mark of a volume, an empty one where there is none.
func readMark(path string) (mark, error) {
	f, err := os.Open(inVigie(path, markFile))
	if errors.Is(err, fs.ErrNotExist) {
		return mark{}, nil
	}
	if err != nil {
		return mark{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxMark+1))
	if err != nil {
		return mark{}, err
	}
	return parseMark(b)
}

// parseMark reads a mark. It comes from a disk, so anything may be in it; its name becomes that of a folder.
func parseMark(b []byte) (mark, error) {
	var m mark
	if len(b) > maxMark {
		return m, fmt.Errorf("mark of a reset: more than %d bytes", maxMark)
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return mark{}, fmt.Errorf("mark of a reset: %w", err)
	}
	if len(m.Recordings) > 64 || strings.Trim(m.Recordings, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return mark{}, errors.New("mark of a reset: a name that is none")
	}
	return m, nil
}
