// Package volume makes, mounts and watches data volumes: XFS file systems with the label "vigie" whose identity file
// carries the UUID of the file system. Layout, owners and modes are those of DESIGN.md, "Volumes".
//
// Every function here may block as long as a dying disk pleases. The caller runs each in a goroutine of its own and
// gives up waiting, not working, when its patience ends; nothing here holds a lock across I/O.
//
// The package never writes to a disk itself but in Format and Examine, and there only behind an exclusive open, which the kernel refuses
// for anything that is mounted or otherwise in use.
package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"vigie/internal/atomicfile"
)

// Label is the XFS label of every data volume.
const Label = "vigie"

// StateLabel is the XFS label of a system disk's partition for settings: a volume in all but that nothing is recorded on it.
const StateLabel = "vigie-state"

// MaxName is the longest name of a volume in characters.
const MaxName = 32

// The services' users and their common group, as in the image.
const (
	engineUser = 901
	webUser    = 902
	group      = 900
)

// ErrForeign is wrapped when a file system is XFS with our label but not one of our volumes.
var ErrForeign = errors.New("not a Vigie volume")

// Identity is the content of vigie/volume.json.
type Identity struct {
	ID        string `json:"id"` // UUID of the file system
	Name      string `json:"name"`
	CreatedMs int64  `json:"createdMs"` // milliseconds since the Unix epoch
	// Replaces is the id of the volume whose disk had failed, in the place of which this one was made.
	Replaces string `json:"replaces,omitempty"`
	// Machine is the mark of the machine that uses it; "": any that finds it.
	Machine string `json:"machine,omitempty"`
}

// CheckName returns a sentence about a name that cannot be used, or nothing.
func CheckName(name string) string {
	switch {
	case utf8.RuneCountInString(name) > MaxName:
		return fmt.Sprintf("The name may have at most %d characters.", MaxName)
	case name != strings.TrimSpace(name):
		return "The name must not begin or end with a space."
	case strings.ContainsFunc(name, func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }):
		return "The name must consist of printable characters."
	}
	return ""
}

// DefaultName is the name of a volume that nobody named.
func DefaultName(id string) string { return "Data " + strings.ToUpper(id[:min(4, len(id))]) }

// folders are made on every volume.
var folders = []struct {
	name string
	uid  int
	gid  int
	mode fs.FileMode
}{
	{"vigie/rec", engineUser, group, 0o750},
	{"vigie/index", engineUser, group, 0o700},
	{"vigie/accounts", webUser, group, 0o700},
	{"vigie/machine", 0, 0, 0o700},
}

// Owners says whether folders get the services' users; a developer's host has none of them.
type Owners bool

// Prepare checks the identity of the volume at path, or makes it when the file system is empty, as it is when a
// format was cut short or has just ended. It then sees to the folders. id is the file system's UUID; when it is empty
// (a plain folder on a developer's host) the identity file's is believed, and fresh is used for a new one.
func Prepare(path, id string, fresh Identity, owners Owners) (Identity, error) {
	// An os.Root, because links on a foreign disk may point anywhere.
	root, err := os.OpenRoot(path)
	if err != nil {
		return Identity{}, err
	}
	defer root.Close()
	who, err := readIdentity(root)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if id != "" && !empty(root) {
			return Identity{}, fmt.Errorf("%w: it has files, but no %s", ErrForeign, identityFile)
		}
		who, err = fresh, makeIdentity(root, path, fresh)
	case err == nil && id != "" && who.ID != id:
		return Identity{}, fmt.Errorf("%w: its identity file names volume %s", ErrForeign, clip(who.ID))
	}
	if err != nil {
		return Identity{}, err
	}
	return who, makeFolders(root, owners)
}

const identityFile = "vigie/volume.json"

func readIdentity(root *os.Root) (Identity, error) { return readIdentityIn(root, "vigie") }

func readIdentityIn(root *os.Root, folder string) (Identity, error) {
	f, err := root.Open(filepath.Join(folder, filepath.Base(identityFile)))
	if err != nil {
		return Identity{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 64<<10))
	if err != nil {
		return Identity{}, fmt.Errorf("read %s: %w", identityFile, err)
	}
	return ParseIdentity(b)
}

// ParseIdentity reads an identity file's content. It comes from a disk, so anything may be in it.
func ParseIdentity(b []byte) (Identity, error) {
	var who Identity
	if err := json.Unmarshal(b, &who); err != nil {
		return Identity{}, fmt.Errorf("%w: %s: %w", ErrForeign, identityFile, err)
	}
	if !validID(who.ID) {
		return Identity{}, fmt.Errorf("%w: %s has the id %q", ErrForeign, identityFile, clip(who.ID))
	}
	if !validMark(who.Machine) {
		who.Machine = ""
	}
	if !validID(who.Replaces) {
		who.Replaces = ""
	}
	if who.Name == "" || CheckName(who.Name) != "" {
		who.Name = DefaultName(who.ID)
	}
	return who, nil
}

// validMark accepts what a machine's mark may be: a few letters, digits and hyphens.
func validMark(s string) bool {
	return len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' })
}

// validID accepts a UUID in lower case, the only form that may become a path.
func validID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

func makeIdentity(root *os.Root, path string, who Identity) error {
	if err := mkdir(root, "vigie", 0, 0, 0o755, false); err != nil {
		return err
	}
	b, err := json.Marshal(who)
	if err != nil {
		return err
	}
	if err := atomicfile.Write(filepath.Join(path, identityFile), append(b, '\n'), 0o644); err != nil {
		return err
	}
	return atomicfile.SyncDir(path)
}

func makeFolders(root *os.Root, owners Owners) error {
	for _, f := range folders {
		if err := mkdir(root, f.name, f.uid, f.gid, f.mode, bool(owners)); err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a folder, or sees to one that is there. On a read-only volume it is content with what there is.
func mkdir(root *os.Root, name string, uid, gid int, mode fs.FileMode, owners bool) error {
	err := root.Mkdir(name, mode)
	switch {
	case errors.Is(err, syscall.EROFS):
		return nil
	case err != nil && !errors.Is(err, fs.ErrExist):
		return err
	}
	info, err := root.Lstat(name)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s on the volume is not a folder", name)
	}
	if owners {
		err = root.Lchown(name, uid, gid)
	}
	if err == nil && info.Mode().Perm() != mode { // the umask had a say
		err = root.Chmod(name, mode)
	}
	if errors.Is(err, syscall.EROFS) {
		return nil
	}
	return err
}

// empty tells whether nothing but an empty folder "vigie" is there.
func empty(root *os.Root) bool {
	for _, dir := range []string{".", "vigie"} {
		entries, err := fs.ReadDir(root.FS(), dir)
		if err != nil {
			return dir == "vigie" && errors.Is(err, fs.ErrNotExist)
		}
		for _, e := range entries {
			temporary := dir == "vigie" && strings.HasPrefix(e.Name(), ".volume.json.tmp-")
			if !(e.IsDir() && e.Name() == "vigie" && dir == ".") && !temporary {
				return false
			}
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}
