package mirror

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"vigie/internal/filesys"
)

// found is what a folder holds of a database: the newest state that can be read, and what stands in its way.
type found struct {
	fs   filesys.FS
	dir  Dir
	none bool // nothing of this name is there

	ok         bool // some state can be read
	uuid       [16]byte
	branch     uint64 // in which generation was committed
	generation uint64
	timeMs     int64  // of the last update, for choosing among databases
	image      string // snapshot file; "" for an empty database
	imageMs    int64  // when it was made
	imageSize  int64
	journals   []*journal
	journalEnd string // newest journal file, when its tail is torn
	tornAt     int64  // length to cut journalEnd to, 0 when not torn
	tornBytes  int64

	notes []string // damage, in sentences
	bad   []string // the files that are damaged
	err   error    // why the folder could not even be listed
}

// corrupt tells whether part of the copy is damaged, beyond a torn tail.
func (f *found) corrupt() bool { return len(f.notes) > 0 }

// note notes damage, and the file that is to go for it; "": none.
func (f *found) note(file, text string) {
	f.notes = append(f.notes, text)
	if file != "" {
		f.bad = append(f.bad, file)
	}
}

func snapName(name string, generation uint64) string {
	return fmt.Sprintf("%s.%016x.snap", name, generation)
}

func journalName(name string, generation uint64) string {
	return fmt.Sprintf("%s.%016x.journal", name, generation)
}

// parseName returns the generation in a file's name.
func parseName(file, name, ext string) (uint64, bool) {
	s, ok := strings.CutPrefix(file, name+".")
	if !ok {
		return 0, false
	}
	if s, ok = strings.CutSuffix(s, ext); !ok || len(s) != 16 {
		return 0, false
	}
	g, err := strconv.ParseUint(s, 16, 64)
	return g, err == nil
}

// list returns the generations of snapshots (newest first) and journals (oldest first) in a folder.
func list(fsys filesys.FS, path, name string) (snaps, journals []uint64, err error) {
	entries, err := fsys.ReadDir(path)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		if g, ok := parseName(e.Name(), name, ".snap"); ok {
			snaps = append(snaps, g)
		} else if g, ok := parseName(e.Name(), name, ".journal"); ok {
			journals = append(journals, g)
		}
	}
	slices.Sort(snaps)
	slices.Reverse(snaps)
	slices.Sort(journals)
	return snaps, journals, nil
}

// scan reads what a folder holds, without changing it.
func scan(fsys filesys.FS, dir Dir, name string) *found {
	f := &found{fs: fsys, dir: dir}
	snaps, journals, err := list(fsys, dir.Path, name)
	if errors.Is(err, fs.ErrNotExist) {
		f.none = true
		return f
	}
	if err != nil {
		f.err = err
		return f
	}
	if len(snaps) == 0 && len(journals) == 0 {
		f.none = true
		return f
	}
	for _, g := range snaps {
		path := filepath.Join(dir.Path, snapName(name, g))
		h, err := checkSnapshot(fsys, path, g)
		if err != nil {
			f.note(snapName(name, g), fmt.Sprintf("snapshot of generation %d: %v", g, err))
			continue
		}
		f.ok, f.image = true, path
		f.uuid, f.branch, f.generation, f.timeMs = h.uuid, h.branch, h.generation, h.createdMs
		f.imageMs, f.imageSize = h.createdMs, h.imageSize
		break
	}
	f.follow(name, journals)
	f.none = !f.ok && !f.corrupt() // a first journal that a power cut left without its header: nothing was ever kept here
	return f
}

// follow extends the state by the journals.
func (f *found) follow(name string, journals []uint64) {
	for i, base := range journals {
		limit := ^uint64(0)
		if i+1 < len(journals) {
			limit = journals[i+1]
		}
		if f.ok && limit <= f.generation {
			continue
		}
		path := filepath.Join(f.dir.Path, journalName(name, base))
		j, size, err := readJournal(f.fs, path)
		if err == nil && j.header.generation != base {
			err = fmt.Errorf("header says generation %d", j.header.generation)
		}
		if err != nil {
			if size <= headerSize { // a power cut left it without its header, which is synced before a frame is written
				continue
			}
			f.note(journalName(name, base), fmt.Sprintf("journal from generation %d: %v", base, err))
			continue
		}
		if len(j.frames) == 0 && j.damage == nil && (!f.ok && base != 0 || f.ok && base > f.generation) {
			continue // the snapshot that it was begun for did not come to be
		}
		switch {
		case !f.ok && base == 0:
			f.ok, f.uuid, f.branch, f.timeMs = true, j.header.uuid, j.header.branch, j.header.createdMs
		case !f.ok:
			f.notes = append(f.notes, fmt.Sprintf("no snapshot for the journal from generation %d", base))
			continue
		case j.header.uuid != f.uuid:
			f.notes = append(f.notes, fmt.Sprintf("journal from generation %d belongs to another database", base))
			return
		case base > f.generation:
			f.notes = append(f.notes, fmt.Sprintf("generations %d to %d are missing", f.generation+1, base))
			return
		}
		if j.damage != nil {
			f.note(journalName(name, base), fmt.Sprintf("journal from generation %d: %v", base, j.damage))
		} else if j.intact < size {
			f.journalEnd, f.tornAt, f.tornBytes = path, j.intact, size-j.intact
		}
		keep := j.frames[:0]
		for _, fr := range j.frames {
			if fr.generation > f.generation && fr.generation <= limit {
				keep = append(keep, fr)
			}
		}
		if j.frames = keep; len(keep) > 0 {
			last := keep[len(keep)-1]
			f.branch, f.generation, f.timeMs = j.header.branch, last.generation, last.timeMs
			f.journals = append(f.journals, j)
		}
	}
}

func readJournal(fsys filesys.FS, path string) (*journal, int64, error) {
	b, err := filesys.ReadFile(fsys, path)
	if err != nil {
		return nil, int64(headerSize), err
	}
	j, err := parseJournal(b)
	return j, int64(len(b)), err
}

// checkSnapshot verifies a snapshot file by its CRCs.
func checkSnapshot(fsys filesys.FS, path string, generation uint64) (*header, error) {
	file, err := filesys.Open(fsys, path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	h, err := copySnapshot(io.Discard, file)
	if err == nil && h.generation != generation {
		err = fmt.Errorf("header says generation %d", h.generation)
	}
	return h, err
}

// copySnapshot writes the bbolt image in a snapshot to w and checks it on the way: an error means that what was written
// must not be used.
func copySnapshot(w io.Writer, r io.Reader) (*header, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	head := make([]byte, headerSize)
	if n, err := io.ReadFull(br, head); err != nil {
		return nil, fmt.Errorf("header: %d bytes: %w", n, err)
	}
	var h header
	if err := h.unmarshal(head, magicSnapshot); err != nil {
		return nil, err
	}
	crc := crc32.New(castagnoli)
	if n, err := io.CopyN(io.MultiWriter(w, crc), br, h.imageSize); err != nil {
		return nil, fmt.Errorf("image: %d of %d bytes: %w", n, h.imageSize, err)
	}
	var sum [4]byte
	if _, err := io.ReadFull(br, sum[:]); err != nil {
		return nil, fmt.Errorf("image CRC: %w", err)
	}
	if binary.BigEndian.Uint32(sum[:]) != crc.Sum32() {
		return nil, errors.New("image fails its CRC")
	}
	return &h, nil
}
