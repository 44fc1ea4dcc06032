package mirror

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"

	bolt "go.etcd.io/bbolt"

	"vigie/internal/filesys"
)

// Recovery says what Open found and took up.
type Recovery struct {
	Source     string // "new", "ram", or the id of the folder
	Generation uint64
	Replayed   int   // updates replayed from journals
	TornBytes  int64 // unacknowledged bytes cut from the journal's end
	Copies     []Found
}

// Found is what Open found in one folder.
type Found struct {
	ID         string
	Generation uint64
	Status     string // "ok", "stale", "empty", "corrupt", "foreign" (another database), "diverged" (changes that the one taken up lacks), "failed"
	Reason     string
}

// branch is one stretch of the database's past: the updates committed between one Open and the next.
type branch struct {
	id    uint64
	start uint64 // generation before its first update
}

func marshalBranches(list []branch) []byte {
	b := make([]byte, 0, 16*len(list))
	for _, e := range list {
		b = binary.BigEndian.AppendUint64(b, e.id)
		b = binary.BigEndian.AppendUint64(b, e.start)
	}
	return b
}

func parseBranches(b []byte) []branch {
	var list []branch
	for ; len(b) >= 16; b = b[16:] {
		list = append(list, branch{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])})
	}
	return list
}

// maxBranches bounds the list; a copy from before the oldest is kept aside rather than recognised.
const maxBranches = 256

// past tells whether the state (id, generation) lies in the past described by list, which has reached now.
func past(list []branch, now, id, generation uint64) bool {
	if generation == 0 {
		return true
	}
	for i, e := range list {
		if e.id != id {
			continue
		}
		end := now
		if i+1 < len(list) {
			end = list[i+1].start
		}
		return generation <= end
	}
	return false
}

// state is what is kept in the meta bucket.
type state struct {
	uuid       [16]byte
	generation uint64
	branches   []branch
}

func readState(btx *bolt.Tx) (s state, err error) {
	b := btx.Bucket(metaBucket)
	if b == nil {
		return s, errors.New("no meta bucket")
	}
	u, g := b.Get(keyUUID), b.Get(keyGeneration)
	if len(u) != 16 || len(g) != 8 {
		return s, errors.New("no UUID or generation")
	}
	copy(s.uuid[:], u)
	s.generation = binary.BigEndian.Uint64(g)
	s.branches = parseBranches(b.Get(keyBranches))
	return s, nil
}

func (s *state) write(btx *bolt.Tx) error {
	b, err := btx.CreateBucketIfNotExists(metaBucket)
	if err != nil {
		return err
	}
	return errors.Join(
		b.Put(keyUUID, bytes.Clone(s.uuid[:])),
		b.Put(keyGeneration, binary.BigEndian.AppendUint64(nil, s.generation)),
		b.Put(keyBranches, marshalBranches(s.branches)))
}

func (s *state) addBranch(id, start uint64) {
	if n := len(s.branches); n > 0 && s.branches[n-1].id == id {
		return
	}
	s.branches = append(s.branches, branch{id, start})
	if n := len(s.branches); n > maxBranches {
		s.branches = slices.Clone(s.branches[n-maxBranches:])
	}
}

// openBolt opens a bbolt file in RAM. The map is made large at once: growing it later would have to wait for readers.
func openBolt(path string) (*bolt.DB, error) {
	return bolt.Open(path, 0o600, &bolt.Options{
		NoSync: true, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		InitialMmapSize: 256 << 20, Timeout: lockTimeout,
	})
}

// openRAM opens the bbolt file that an earlier process left, if it is usable.
func openRAM(path string) (b *bolt.DB, s state, err error) {
	if _, err := os.Stat(path); err != nil {
		return nil, s, err
	}
	defer func() { // bbolt panics on some damage
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
		if err != nil && b != nil {
			b.Close()
			b = nil
		}
	}()
	if b, err = openBolt(path); err != nil {
		return nil, s, err
	}
	err = b.View(func(btx *bolt.Tx) (err error) {
		s, err = readState(btx)
		return err
	})
	return b, s, err
}

// create makes a new, empty database at path.
func create(path string) (*bolt.DB, state, error) {
	var s state
	rand.Read(s.uuid[:])
	s.uuid[6], s.uuid[8] = s.uuid[6]&0x0f|0x40, s.uuid[8]&0x3f|0x80
	b, err := openBolt(path)
	if err != nil {
		return nil, s, err
	}
	if err := b.Update(s.write); err != nil {
		b.Close()
		return nil, s, err
	}
	return b, s, nil
}

// load builds the state f at path, in place of what is there.
func (f *found) load(path string) (b *bolt.DB, s state, replayed int, err error) {
	tmp := path + ".load"
	if b, s, replayed, err = f.build(tmp); err == nil {
		b, err = rename(b, tmp, path)
	}
	if err != nil {
		return nil, state{}, 0, err
	}
	return b, s, replayed, nil
}

// rename gives an open database's file another name: what an error leaves is the old one, and no file of the first name.
func rename(b *bolt.DB, from, to string) (*bolt.DB, error) {
	defer os.Remove(from)
	if err := b.Close(); err != nil {
		return nil, err
	}
	if err := os.Rename(from, to); err != nil {
		return nil, err
	}
	return openBolt(to)
}

// build builds the state f in a file of its own: image, then journals.
func (f *found) build(tmp string) (b *bolt.DB, s state, replayed int, err error) {
	os.Remove(tmp)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
		if err != nil {
			if b != nil {
				_ = b.Close() // nothing that it holds is wanted
			}
			b = nil
			os.Remove(tmp)
		}
	}()
	if f.image != "" {
		if err := extract(f.fs, f.image, tmp); err != nil {
			return nil, s, 0, err
		}
	}
	if b, err = openBolt(tmp); err != nil {
		return nil, s, 0, err
	}
	err = b.Update(func(btx *bolt.Tx) error {
		if f.image != "" {
			if s, err = readState(btx); err != nil {
				return err
			}
		}
		s.uuid = f.uuid
		for _, j := range f.journals {
			for _, fr := range j.frames {
				if err := s.replay(btx, j.header.branch, fr); err != nil {
					return err
				}
				replayed++
			}
		}
		return s.write(btx)
	})
	return b, s, replayed, err
}

// replay carries out what a frame says.
func (s *state) replay(btx *bolt.Tx, branch uint64, fr frame) error {
	s.addBranch(branch, fr.generation-1)
	for ops := fr.payload; len(ops) > 0; {
		var o op
		var err error
		if o, ops, err = nextOp(ops); err != nil {
			return err
		}
		if err := applyOp(btx, o); err != nil {
			return err
		}
	}
	s.generation = fr.generation
	return nil
}

func extract(fsys filesys.FS, image, path string) error {
	in, err := filesys.Open(fsys, image)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = copySnapshot(out, in)
	return errors.Join(err, out.Close())
}

// order sorts candidates, best first: the database that most folders hold, then the one updated last; within it the
// newest generation, intact copies before damaged ones.
func order(list []*found) []*found {
	votes := map[[16]byte]int{}
	last := map[[16]byte]int64{}
	var c []*found
	for _, f := range list {
		if f.ok {
			votes[f.uuid]++
			last[f.uuid] = max(last[f.uuid], f.timeMs)
			c = append(c, f)
		}
	}
	slices.SortStableFunc(c, func(a, b *found) int {
		switch {
		case a.uuid != b.uuid && votes[a.uuid] != votes[b.uuid]:
			return votes[b.uuid] - votes[a.uuid]
		case a.uuid != b.uuid && last[a.uuid] != last[b.uuid]:
			return compare(last[b.uuid], last[a.uuid])
		case a.uuid != b.uuid:
			return bytes.Compare(a.uuid[:], b.uuid[:])
		case a.generation != b.generation:
			return compare(b.generation, a.generation)
		case a.corrupt() != b.corrupt():
			if a.corrupt() {
				return 1
			}
			return -1
		}
		return 0
	})
	return c
}

func compare[T int64 | uint64](a, b T) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
