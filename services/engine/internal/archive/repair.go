package archive

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

// Files that a crash left open are closed many at a time: each is read in two large pieces and changed, several of them at
// once, so that the disk can sort what it is asked. Then what they hold is in the index, and recording need not wait
// any longer; one sync makes the changes durable, all get their names, and one sync makes those durable. A file that is
// cut off from this at any point is repaired again.

const (
	// repairs is how many files are repaired between two syncs: as many are open, and a crash meanwhile makes for as
	// many to be repaired again.
	repairs = 128
	// mends is how many of them are read at a time.
	mends = 16
	// smallest is the size up to which a file without one whole cluster is removed: no footage was ever synced to it.
	smallest = 1 << 20

	damagedExt = ".damaged"
)

// repairOpen closes the files that nobody is writing and that were left open. shown is called once what they hold can be
// seen.
func (v *volume) repairOpen(shown func()) {
	if v.isReadOnly() {
		shown()
		return
	}
	cameras, _ := v.cameras()
	var mu sync.Mutex
	var list []found
	each(cameras, mends, func(camera string) {
		v.visitNewest(camera, func(f found) {
			mu.Lock()
			defer mu.Unlock()
			if f.open {
				list = append(list, f)
			}
		})
	})
	v.repair(list, shown)
}

// visitNewest calls fn for the segment files of those days of a camera in which a crash may have left one open: the newest,
// and the one before while a segment may reach from it. Should there be others, reconcile finds them.
func (v *volume) visitNewest(camera string, fn func(found)) {
	root := filepath.Join(v.path, recDir, camera)
	days, _ := v.list(root)
	slices.Reverse(days) // they come in order of name
	for _, day := range days[:min(len(days), 2)] {
		newest, last := int64(math.MinInt64), int64(0)
		v.visitDay(camera, filepath.Join(root, day.Name()), func(f found) {
			newest, last = max(newest, f.StartMs), f.StartMs-f.StartMs%index.DayMs
			fn(f)
		}, func(string, string) {})
		if newest-last > index.MaxDurationMs {
			return
		}
	}
}

// mending is a file that is being repaired.
type mending struct {
	found
	fd  filesys.File
	r   *mkv.Repaired
	seg index.Segment
}

// repair closes and indexes those of a list of open files that nobody is writing. shown is called once all are in the
// index, which takes no more than reading.
func (v *volume) repair(list []found, shown func()) {
	list = slices.DeleteFunc(slices.Clone(list), func(f found) bool { return v.writing(f.path) })
	for len(list) > 0 {
		chunk := list[:min(len(list), repairs)]
		list = list[len(chunk):]
		var mu sync.Mutex
		var done []*mending
		each(chunk, mends, func(f found) {
			if m := v.mend(f); m != nil {
				mu.Lock()
				defer mu.Unlock()
				done = append(done, m)
			}
		})
		v.show(done)
		if len(list) == 0 {
			shown()
			shown = func() {}
		}
		v.settle(done)
	}
	shown()
}

// show indexes what was mended, as files that are not closed yet. One whose key another volume has waits for its own.
func (v *volume) show(list []*mending) {
	segments := make([]index.Segment, 0, len(list))
	for _, m := range list {
		if other, taken, err := v.arch.idx.Get(m.Key); err == nil && (!taken || other.Volume == v.id) {
			m.seg = m.segment(v.id, m.Key)
			m.seg.Suspect = true
			segments = append(segments, m.seg)
		}
	}
	if len(segments) > 0 {
		v.arch.put(segments...)
	}
}

// segment is the file under a key.
func (m *mending) segment(volume string, k index.Key) index.Segment {
	return index.Segment{Key: k, EndMs: min(max(m.r.EndNs/1e6, k.StartMs), k.StartMs+index.MaxDurationMs), SizeBytes: m.r.Size, Volume: volume}
}

// mend repairs the content of one file; nil when it is not to be closed.
func (v *volume) mend(f found) *mending {
	log := v.arch.log.With("volume", v.id, "segment", f.ID())
	m := &mending{found: f}
	err := v.disk(func() error {
		fd, err := v.fs.OpenFile(f.path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		filesys.NoReadAhead(fd) // it is read in few pieces, each of which is all that is needed
		r, err := mkv.Repair(fd)
		if err == nil && r.Clusters > 0 {
			m.fd, m.r = fd, r
			return nil
		}
		st, serr := fd.Stat()
		if serr = errors.Join(serr, fd.Close()); serr != nil {
			return serr
		}
		why := "there is no footage in it"
		if errors.Is(err, mkv.ErrFormat) || errors.Is(err, mkv.ErrDamaged) {
			why = err.Error()
		} else if err != nil {
			return err
		}
		if st.Size() <= smallest && !errors.Is(err, mkv.ErrDamaged) {
			log.Info("recording without footage", "bytes", st.Size())
			return v.fs.Remove(f.path)
		}
		damaged := strings.TrimSuffix(f.path, openExt) + damagedExt
		v.tell(damaged, "it cannot be repaired: "+why)
		return v.fs.Rename(f.path, damaged)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // gone meanwhile
		log.Error("repair of a recording failed", "err", err)
		v.ioError(err)
	}
	if m.r == nil {
		return nil
	}
	return m
}

// settle makes durable what was mended, gives the files their names and indexes them.
func (v *volume) settle(list []*mending) {
	if len(list) == 0 {
		return
	}
	files := make([]filesys.File, len(list))
	for i, m := range list {
		files[i] = m.fd
	}
	defer func() {
		for _, f := range files {
			_ = f.Close() // synced, or given up
		}
	}()
	if err := v.disk(func() error { return v.syncFiles(files) }); err != nil {
		v.arch.log.Error("repair of recordings failed", "volume", v.id, "err", err)
		v.ioError(err)
		return
	}
	var days []string
	segments := make([]index.Segment, 0, len(list))
	err := v.disk(func() error {
		for _, m := range list {
			if err := v.christen(m); err != nil {
				return err
			}
			segments = append(segments, m.seg)
			days = append(days, filepath.Dir(m.path))
		}
		return nil
	})
	err = errors.Join(err, v.disk(func() error { return v.syncNames(files[0], days) }))
	if err != nil {
		v.arch.log.Error("repair of recordings failed", "volume", v.id, "err", err)
		v.ioError(err)
	}
	v.arch.put(segments...) // also when only the last sync failed: the files are there by their new names
	for _, m := range list[:len(segments)] {
		v.arch.log.Info("recording repaired", "volume", v.id, "segment", m.seg.ID(), "cut_bytes", m.r.CutBytes, "seconds", (m.seg.EndMs-m.seg.StartMs)/1000)
	}
}

// christen gives a mended file its final name: that of its key, or of the next that is free. What another volume holds under
// its key stays in the index.
func (v *volume) christen(m *mending) error {
	for k := m.Key; ; k.StartMs++ {
		other, taken, err := v.arch.idx.Get(k)
		if err != nil {
			return err
		}
		if taken && other.Volume != v.id {
			continue
		}
		m.seg = m.segment(v.id, k)
		to := filepath.Join(v.path, relPath(m.seg))
		if _, err := v.fs.Lstat(to); err == nil {
			continue // another recording's, of exactly this span
		}
		return v.fs.Rename(m.path, to)
	}
}
