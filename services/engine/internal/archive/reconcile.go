package archive

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"

	"vigie/services/engine/internal/index"
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

// visit calls fn for each segment file of a camera. What else lies there is told to strange. complete is false when some
// folder could not be read.
func (v *volume) visit(camera string, fn func(found), strange func(path, why string)) (complete bool) {
	root := filepath.Join(v.path, recDir, camera)
	days, complete := v.list(root)
	for _, day := range days {
		dir := filepath.Join(root, day.Name())
		if !day.IsDir() {
			strange(dir, "it is no folder of a day")
			continue
		}
		complete = v.visitDay(camera, dir, fn, strange) && complete
	}
	return complete
}

// visitDay is visit for a folder of a day.
func (v *volume) visitDay(camera, dir string, fn func(found), strange func(path, why string)) (complete bool) {
	files, complete := v.list(dir)
	for _, file := range files {
		if v.ctx.Err() != nil {
			return false
		}
		path := filepath.Join(dir, file.Name())
		k, duration, open, ok := parseName(camera, file.Name())
		switch {
		case !file.Type().IsRegular():
			strange(path, "it is no file")
		case strings.HasSuffix(file.Name(), damagedExt):
			strange(path, "it could not be repaired")
		case !ok:
			strange(path, "its name is not that of a recording")
		case filepath.Join(v.path, dayDir(k)) != dir:
			strange(path, "it is in the folder of another day")
		default:
			fn(found{k, duration, open, path})
		}
	}
	return complete
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
