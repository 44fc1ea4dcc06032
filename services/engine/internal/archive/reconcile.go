package archive

import (
	"errors"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

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

// visit calls fn for each segment file of a camera; newest limits it to the two newest days. complete is false when some
// folder could not be read.
func (v *volume) visit(camera string, newest bool, fn func(k index.Key, durationMs int64, open bool, path string)) (complete bool) {
	root := filepath.Join(v.path, recDir, camera)
	days, complete := v.list(root)
	if newest && len(days) > 2 {
		days = days[len(days)-2:] // in order of name
	}
	for _, day := range days {
		dir := filepath.Join(root, day.Name())
		if !day.IsDir() {
			continue
		}
		files, ok := v.list(dir)
		complete = complete && ok
		for _, file := range files {
			if v.ctx.Err() != nil {
				return false
			}
			k, duration, open, ok := parseName(camera, file.Name())
			if ok && filepath.Join(v.path, dayDir(k)) == dir {
				fn(k, duration, open, filepath.Join(dir, file.Name()))
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
	for _, camera := range cameras {
		v.visit(camera, newest, func(k index.Key, _ int64, open bool, path string) {
			if open && !v.writing(path) {
				v.repair(k, path)
			}
		})
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

// reconcile brings the index in step with the files, camera by camera: unknown files are taken up, rows without a file
// become gaps.
func (v *volume) reconcile() {
	cameras, ok := v.cameras()
	indexed, err := v.arch.idx.Cameras()
	if !ok || err != nil {
		v.arch.log.Error("recordings cannot be compared with the index", "volume", v.id, "err", err)
		return
	}
	cameras = append(cameras, indexed...)
	slices.Sort(cameras)
	looked := time.Now()
	breathe := func() { // with the index lost this takes long, and the disk fills meanwhile
		if time.Since(looked) < v.arch.cfg.KeepEvery {
			return
		}
		looked = time.Now()
		if err := v.measure(); err != nil {
			v.ioError(err)
		}
		v.mu.Lock()
		short := !v.readOnly && v.free < 4*v.reserve()
		v.mu.Unlock()
		if short { // not before: the oldest of those known by now need not be the oldest
			v.space()
		}
	}
	for _, camera := range slices.Compact(cameras) {
		if v.ctx.Err() != nil {
			return
		}
		breathe()
		v.reconcileCamera(camera, breathe)
	}
}

func (v *volume) reconcileCamera(camera string, breathe func()) {
	list, err := v.arch.idx.Segments(camera, 0, math.MaxInt64)
	if err != nil {
		v.arch.log.Error("cannot read the index", "volume", v.id, "camera", camera, "err", err)
		return
	}
	rows := map[index.Key]index.Segment{}
	for _, s := range list {
		if s.Volume == v.id {
			rows[s.Key] = s
		}
	}
	var unknown []index.Segment
	flush := func() {
		if len(unknown) > 0 {
			v.arch.log.Info("recordings found that were not in the index", "volume", v.id, "camera", camera, "segments", len(unknown))
			v.arch.put(unknown...)
			unknown = nil
		}
	}
	complete := v.visit(camera, false, func(k index.Key, durationMs int64, open bool, path string) {
		row, known := rows[k]
		delete(rows, k)
		if open {
			if !v.isReadOnly() && !v.writing(path) {
				v.repair(k, path)
			}
			return
		}
		if known && row.EndMs-row.StartMs == durationMs && !row.Suspect {
			return
		}
		if seg, ok := v.inspect(k, durationMs, path); ok {
			if unknown = append(unknown, seg); len(unknown) >= 500 {
				flush()
				breathe()
			}
		}
	})
	flush()
	// A write-protected disk is mounted without its file system's log: what was written last may not show.
	if !complete || len(rows) == 0 || v.isReadOnly() {
		return
	}
	lost := make([]index.Key, 0, len(rows))
	for k, s := range rows {
		// Only what is certainly gone: a file may have been closed, or deleted, while we looked.
		err := v.disk(func() error {
			_, err := v.fs.Lstat(filepath.Join(v.path, relPath(s)))
			return err
		})
		if !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if now, found, err := v.arch.idx.Get(k); err == nil && found && now == s {
			lost = append(lost, k)
		}
	}
	for chunk := range slices.Chunk(lost, 500) {
		v.arch.log.Warn("recordings have vanished from the volume", "volume", v.id, "segments", len(chunk))
		if err := v.arch.idx.Lose(chunk...); err != nil {
			v.arch.log.Error("cannot index lost recordings", "volume", v.id, "err", err)
			return
		}
	}
}

// inspect looks into a file that the index does not know.
func (v *volume) inspect(k index.Key, durationMs int64, path string) (seg index.Segment, ok bool) {
	if old, found, err := v.arch.idx.Get(k); err == nil && found && old.Volume != v.id {
		return seg, false // the same span was recorded again elsewhere when this volume failed
	}
	err := v.disk(func() error {
		f, err := filesys.Open(v.fs, path)
		if err != nil {
			return err
		}
		defer f.Close()
		st, err := f.Stat()
		if err != nil {
			return err
		}
		m, err := mkv.Open(f, st.Size())
		if err != nil {
			return err
		}
		if m.Run().Camera != k.Camera {
			return errors.New("it was recorded from camera " + m.Run().Camera)
		}
		seg = index.Segment{Key: k, EndMs: k.StartMs + durationMs, SizeBytes: st.Size(), Volume: v.id}
		return nil
	})
	if err != nil {
		v.arch.log.Warn("file is not taken into the index", "volume", v.id, "file", path, "err", err)
		return seg, false
	}
	return seg, true
}
