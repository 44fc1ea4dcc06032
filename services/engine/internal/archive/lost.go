package archive

import (
	"fmt"
	"path/filepath"
	"slices"
	"sync"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// A repair of a file system takes the name of what was in a damaged folder: files and whole folders come out of it with
// numbers instead. The system service hands over what is the engine's, in lostDir, and a file says itself which camera,
// stream and instant it is of. So each recording gets its place again, and what is none stays where it is and is told.

const (
	// lostDir, relative to the volume, is a contract with the system service (its package volume).
	lostDir = recDir + "/.lost"
	// lostDepth is how deep what was handed over is looked through: rec, camera, day, file, and the folder of each repair's.
	lostDepth = 5
)

// returnLost puts recordings without names back to where they were. It goes before the index is compared with the files, so
// that nothing is taken for lost that is only misplaced.
func (v *volume) returnLost() {
	if v.isReadOnly() || v.foreign {
		return
	}
	var lost, folders []string
	v.nameless(filepath.Join(v.path, lostDir), lostDepth, &lost, &folders)
	returned := 0
	for chunk := range slices.Chunk(lost, repairs) {
		if v.ctx.Err() != nil {
			return
		}
		returned += v.returnSome(chunk)
	}
	if returned > 0 {
		v.arch.log.Info("recordings whose names were lost have them again", "volume", v.id, "recordings", returned, "of", len(lost))
	}
	for _, folder := range folders { // the innermost first
		_ = v.disk(func() error { return v.fs.Remove(folder) }) // not what still holds something
	}
}

// nameless lists the files below a folder, and the folders themselves, those within others first.
func (v *volume) nameless(dir string, depth int, files, folders *[]string) {
	if depth == 0 || v.ctx.Err() != nil {
		return
	}
	entries, ok := v.list(dir)
	if !ok {
		return
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case e.IsDir():
			v.nameless(path, depth-1, files, folders)
		case e.Type().IsRegular():
			*files = append(*files, path)
		default:
			v.tell(path, "it is no file")
		}
	}
	*folders = append(*folders, dir)
}

// returnSome gives some files their names, and returns how many of them are recordings and have one now.
func (v *volume) returnSome(lost []string) (returned int) {
	var mu sync.Mutex
	var days []string
	each(lost, mends, func(path string) {
		to, why, err := v.nameOf(path)
		if err == nil && why == "" {
			why, err = v.moveTo(path, to)
		}
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil:
			v.tell(path, err.Error())
		case why != "":
			v.tell(path, why)
		default:
			days = append(days, filepath.Dir(to))
			returned++
		}
	})
	slices.Sort(days)
	err := v.disk(func() error {
		return together(slices.Compact(days), func(dir string) error { return filesys.SyncDir(v.fs, dir) })
	})
	if err != nil {
		v.ioError(err)
	}
	return returned
}

// moveTo gives a file its name, unless it is another's.
func (v *volume) moveTo(from, to string) (why string, err error) {
	err = v.disk(func() error {
		if _, err := v.fs.Lstat(to); err == nil {
			why = "there is a recording of exactly its instant, " + filepath.Base(to)
			return nil
		}
		if err := filesys.MkdirAll(v.fs, filepath.Dir(to), 0o750); err != nil {
			return err
		}
		return v.fs.Rename(from, to)
	})
	return why, err
}

// nameOf reads in a file what it was called; why says that it is no recording. One that was not closed is called so, and is
// closed with those that a crash has left open.
func (v *volume) nameOf(path string) (to, why string, err error) {
	err = v.disk(func() error {
		f, err := filesys.Open(v.fs, path)
		if err != nil {
			return err
		}
		defer f.Close()
		filesys.NoReadAhead(f)
		st, err := f.Stat()
		if err != nil {
			return err
		}
		m, err := mkv.Open(f, st.Size())
		if err != nil {
			why = err.Error()
			return nil
		}
		run, meta := m.Run(), m.Meta()
		k, err := index.ParseID(index.Key{Camera: run.Camera, Stream: run.Stream, Kind: index.Kind(meta.Kind), StartMs: meta.StartNs / 1e6}.ID())
		if err != nil {
			why = fmt.Sprintf("it does not say which recording it is: %v", err)
			return nil
		}
		endMs := k.StartMs + 1
		if m.Closed() {
			endMs = max(endMs, m.EndNs()/1e6)
		}
		row, err := v.rowOf(k, endMs)
		if err != nil {
			return err
		}
		to = openPath(row.Key)
		if m.Closed() && endMs-k.StartMs <= index.MaxDurationMs {
			to = closedPath(row.Key, row.EndMs-row.StartMs)
		}
		to = filepath.Join(v.path, to)
		return nil
	})
	return to, why, err
}

// rowOf is how the index has the recording that a file says it is; else it is as the file says, a duplicate if the index
// has its original elsewhere: the file itself does not know.
func (v *volume) rowOf(k index.Key, endMs int64) (index.Segment, error) {
	list, err := v.arch.idx.Segments(k.Camera, k.StartMs-offBy.Milliseconds(), endMs+offBy.Milliseconds())
	if err != nil {
		return index.Segment{}, err
	}
	own, near := index.Segment{Key: k, EndMs: endMs}, offBy.Milliseconds()+1
	known := own
	for _, s := range list {
		if s.Shows() != k.Stream || s.Kind != k.Kind {
			continue
		}
		apart := max(s.StartMs-k.StartMs, k.StartMs-s.StartMs)
		switch {
		case s.Volume == v.id && apart < near:
			if near, known = apart, s; s.Suspect {
				known.EndMs = s.StartMs + endMs - k.StartMs
			}
		case s.Volume != v.id && !s.IsDuplicate() && s.StartMs < endMs && s.EndMs > k.StartMs:
			own.Stream = index.Duplicate(k.Stream)
		}
	}
	if near <= offBy.Milliseconds() {
		return known, nil
	}
	return own, nil
}
