package archive

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// list reads a folder; ok is false when it cannot be read, which is said. A folder that does not exist is empty.
func (v *volume) list(path string) (entries []fs.DirEntry, ok bool) {
	err := v.disk(func() (err error) {
		entries, err = v.fs.ReadDir(path)
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		v.arch.log.Warn("folder cannot be read", "volume", v.id, "err", err)
		return nil, false
	}
	return entries, true
}

// cameras returns the names of the folders of cameras; ok is false when the volume has no folder for recordings: then
// nothing can be said about what is missing.
func (v *volume) cameras() (names []string, ok bool) {
	root := filepath.Join(v.path, recDir)
	if err := v.disk(func() error { _, err := v.fs.Lstat(root); return err }); err != nil {
		return nil, false
	}
	entries, ok := v.list(root)
	for _, e := range entries {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") {
			names = append(names, e.Name())
		}
	}
	return names, ok
}

// found is a file of recordings as its folder's listing tells of it.
type found struct {
	index.Key
	durationMs int64 // of a closed one
	open       bool
	path       string
}

// visit calls fn for each segment file of a camera; newest limits it to the two newest days. What else lies there is told
// to strange. complete is false when some folder could not be read.
func (v *volume) visit(camera string, newest bool, fn func(found), strange func(path, why string)) (complete bool) {
	root := filepath.Join(v.path, recDir, camera)
	days, complete := v.list(root)
	if newest && len(days) > 2 {
		days = days[len(days)-2:] // in order of name
	}
	for _, day := range days {
		dir := filepath.Join(root, day.Name())
		if !day.IsDir() {
			strange(dir, "it is no folder of a day")
			continue
		}
		files, ok := v.list(dir)
		complete = complete && ok
		for _, file := range files {
			if v.ctx.Err() != nil {
				return false
			}
			path := filepath.Join(dir, file.Name())
			k, duration, open, ok := parseName(camera, file.Name())
			switch {
			case !file.Type().IsRegular():
				strange(path, "it is no file")
			case !ok:
				strange(path, "its name is not that of a recording")
			case filepath.Join(v.path, dayDir(k)) != dir:
				strange(path, "it is in the folder of another day")
			default:
				fn(found{k, duration, open, path})
			}
		}
	}
	return complete
}

// repairOpen closes the files that nobody is writing and that were left open.
func (v *volume) repairOpen(newest bool) {
	if v.isReadOnly() {
		return
	}
	cameras, _ := v.cameras()
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, parallel)
	for _, camera := range cameras {
		v.visit(camera, newest, func(f found) {
			if !f.open || v.writing(f.path) {
				return
			}
			slots <- struct{}{}
			group.Go(func() {
				defer func() { <-slots }()
				v.repair(f.Key, f.path)
			})
		}, func(string, string) {})
	}
}

// writing tells whether an open file belongs to a segment of this process.
func (v *volume) writing(path string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.open {
		if s.path == path {
			return true
		}
	}
	return v.creating[path]
}

// rename moves a file within its folder, durably.
func (v *volume) rename(from, to string) error {
	if err := v.fs.Rename(from, to); err != nil {
		return err
	}
	return filesys.SyncDir(v.fs, filepath.Dir(to))
}

// smallest is the size up to which a file without one whole cluster is removed: no footage was ever synced to it.
const smallest = 1 << 20

// repair closes one file, and indexes it.
func (v *volume) repair(k index.Key, path string) {
	log := v.arch.log.With("volume", v.id, "segment", k.ID())
	var r *mkv.Repaired
	var seg index.Segment
	err := v.disk(func() (err error) {
		if r, err = mkv.Repair(v.fs, path); err != nil {
			return err
		}
		if r.Clusters == 0 {
			if r.Size <= smallest {
				return v.fs.Remove(path)
			}
			return v.fs.Rename(path, strings.TrimSuffix(path, openExt)+".damaged")
		}
		for other := true; other; { // what another volume holds under this key stays in the index
			var s index.Segment
			if s, other, err = v.arch.idx.Get(k); err != nil {
				return err
			}
			if other = other && s.Volume != v.id; other {
				k.StartMs++
			}
		}
		seg = index.Segment{Key: k, EndMs: min(max(r.EndNs/1e6, k.StartMs), k.StartMs+index.MaxDurationMs), SizeBytes: r.Size, Volume: v.id}
		return v.rename(path, filepath.Join(v.path, relPath(seg)))
	})
	switch {
	case errors.Is(err, mkv.ErrFormat), errors.Is(err, mkv.ErrDamaged):
		if st, serr := v.fs.Lstat(path); serr == nil && st.Size() < smallest && errors.Is(err, mkv.ErrFormat) {
			_ = v.fs.Remove(path) // not even its header was synced
			return
		}
		log.Error("recording cannot be repaired and is kept as it is", "err", err)
		if err := v.fs.Rename(path, strings.TrimSuffix(path, openExt)+".damaged"); err != nil {
			v.ioError(err)
		}
		return
	case err != nil:
		log.Error("repair of a recording failed", "err", err)
		v.ioError(err)
		return
	case r.Clusters == 0:
		log.Info("recording without footage", "bytes", r.Size)
		return
	}
	log.Info("recording repaired", "cut_bytes", r.CutBytes, "seconds", (seg.EndMs-seg.StartMs)/1000)
	v.arch.put(seg)
}
