package archive

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/mkv"
)

const (
	// roundEvery is the time between rounds of writing: with the time that a round takes, all that a power cut can
	// take of a frame that has reached its segment.
	roundEvery = 300 * time.Millisecond
	// roundBytes bounds a round, so that the end of one says that the disk still answers.
	roundBytes = 64 << 20
	// lonelyFor is how long a segment's first frame waits for the second: how long a frame lasts shows with the next,
	// so that a file that a crash leaves with a single one has no length.
	lonelyFor = 400 * time.Millisecond
	// parallel is how many files are synced at a time where each needs a sync of its own.
	parallel = 8
)

// piece is what a round writes of one segment.
type piece struct {
	seg    *Segment
	data   mkv.Batch
	frames int   // of the segment on disk once this is
	endNs  int64 // of the footage then
	named  bool
	oldest int64 // when the first frame came to this machine that it is the first to hold, UTC in ns; 0: it holds none
}

// kick asks for a round now.
func (v *volume) kick() {
	select {
	case v.due <- struct{}{}:
	default:
	}
}

// write is the volume's writer: round after round it takes what all open segments have, writes it, and makes it durable
// with one sync of the file system, names included. Syncing each file by itself costs a disk as many flushes as there
// are cameras. The sync is asked for on a file of this round, so that it is the right file system's whatever has become
// of the mount, and reports what failed since that file was opened (Linux 5.8).
func (v *volume) write() {
	defer func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.over = true
		v.more.Broadcast()
	}()
	t := time.NewTicker(roundEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-v.due:
		}
		for v.round() {
		}
		if v.hand() {
			return
		}
	}
}

// round writes what is there; more tells that it left something.
func (v *volume) round() (more bool) {
	pieces, more := v.gather()
	if len(pieces) == 0 {
		return false
	}
	whole := 0 // pieces that are written
	var err error
	began := time.Now()
	serr := v.disk(func() error {
		for _, p := range pieces {
			if err = filesys.WritePieces(p.seg.file, p.data.Pieces, p.data.Offset); err != nil {
				break
			}
			whole++
		}
		return v.sync(pieces[:whole])
	})
	v.rounds.add(time.Now(), time.Since(began), len(pieces))
	if serr != nil {
		err, whole = serr, 0
	}
	for _, p := range pieces[:whole] {
		p.written(v)
	}
	if err != nil {
		v.ioError(err) // ends all segments of the volume
	}
	return more && err == nil
}

// gather ends the clusters being built and takes what is to be written, what has waited longest first.
func (v *volume) gather() (pieces []piece, more bool) {
	v.mu.Lock()
	open := make([]*Segment, 0, len(v.open))
	for s := range v.open {
		open = append(open, s)
	}
	v.mu.Unlock()
	type waiting struct {
		s     *Segment
		since time.Time
	}
	list := make([]waiting, 0, len(open))
	for _, s := range open {
		s.mu.Lock()
		lonely := s.err == nil && s.given == 1 && time.Since(s.since) < lonelyFor
		if (s.err == nil || s.closing) && !s.leaving && !lonely && (s.closing || !s.since.IsZero()) {
			list = append(list, waiting{s, s.since})
		}
		s.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b waiting) int { return a.since.Compare(b.since) })
	sum := 0
	for i, w := range list {
		if sum >= roundBytes {
			return pieces, i < len(list)
		}
		s := w.s
		s.mu.Lock()
		if s.err == nil {
			s.endCluster()
		}
		p := piece{seg: s, frames: s.ready, endNs: s.readyEnd, named: s.named, oldest: s.arrived}
		p.data = s.w.Take()
		s.since, s.arrived = time.Time{}, 0
		s.mu.Unlock()
		sum += p.data.Size
		pieces = append(pieces, p)
	}
	return pieces, false
}

// sync makes what was written, and the files' names, durable.
func (v *volume) sync(pieces []piece) error {
	files := make([]filesys.File, len(pieces))
	var days []string
	for i, p := range pieces {
		files[i] = p.seg.file
		if !p.named {
			day := filepath.Dir(p.seg.path)
			days = append(days, day, filepath.Dir(day), filepath.Dir(filepath.Dir(day)))
		}
	}
	err := v.syncFiles(files)
	if v.own || len(days) == 0 {
		return err
	}
	return errors.Join(err, v.syncNames(nil, days))
}

// syncFiles makes the content of files durable; on a file system of its own all else too. What failed since the first of
// them was opened is told.
func (v *volume) syncFiles(files []filesys.File) error {
	if len(files) == 0 {
		return nil
	}
	if v.own {
		return files[0].SyncFS()
	}
	return together(files, filesys.File.Datasync)
}

// syncNames makes the names in folders durable, by way of any file of the volume where it is a file system of its own.
func (v *volume) syncNames(any filesys.File, dirs []string) error {
	if v.own {
		return any.SyncFS()
	}
	slices.Sort(dirs)
	return together(slices.Compact(dirs), func(dir string) error { return filesys.SyncDir(v.fs, dir) })
}

// together does something for all of a list, several at a time, and returns what failed.
func together[T any](list []T, fn func(T) error) error {
	var mu sync.Mutex
	var errs []error
	each(list, parallel, func(one T) {
		err := fn(one)
		mu.Lock()
		defer mu.Unlock()
		errs = append(errs, err)
	})
	return errors.Join(errs...)
}

// each calls fn for all of a list, some at a time.
func each[T any](list []T, some int, fn func(T)) {
	var group sync.WaitGroup
	defer group.Wait()
	slots := make(chan struct{}, some)
	for _, one := range list {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			fn(one)
		})
	}
}

// written notes that a piece is on disk.
func (p piece) written(v *volume) {
	s := p.seg
	s.mu.Lock()
	defer s.mu.Unlock()
	s.named = true
	s.durable, s.durEnd, s.size = p.frames, p.endNs, p.data.Offset+int64(p.data.Size)
	v.written.Add(int64(p.data.Size))
	if p.oldest != 0 {
		v.slowest.Store(max(v.slowest.Load(), time.Now().UnixNano()-p.oldest))
	}
	s.w.Recycle(p.data)
	s.wakeWriter()
}

// hand gives the segments that have ended to the closer. It returns true when there is nothing more to be written, ever.
func (v *volume) hand() (over bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	over = v.done
	for s := range v.open {
		s.mu.Lock()
		given := s.err != nil && !s.closing
		if !s.leaving && (given || s.closing && s.named && s.w.Ready() == 0) {
			s.leaving = true
			v.ended = append(v.ended, s)
			v.more.Signal()
		}
		over = over && s.leaving
		s.mu.Unlock()
	}
	return over
}

// closer ends segments: those closed in order get their final form and name, those given up are left as they are. It is
// apart from the writer because it waits for the index.
func (v *volume) closer() {
	for {
		v.mu.Lock()
		for len(v.ended) == 0 && !v.over {
			v.more.Wait()
		}
		list := v.ended
		v.ended = nil
		v.mu.Unlock()
		if len(list) == 0 {
			return
		}
		v.finish(slices.DeleteFunc(list, func(s *Segment) bool {
			s.mu.Lock()
			given := !s.closing
			s.mu.Unlock()
			if given {
				v.abandon(s)
			}
			return given
		}))
	}
}

// finish closes files in order and indexes them, many at a time: all patches, one sync, all names, one sync, one
// transaction.
func (v *volume) finish(list []*Segment) {
	if len(list) == 0 {
		return
	}
	pieces := make([]piece, 0, len(list))
	segments := make([]index.Segment, 0, len(list))
	renamed := 0
	err := v.disk(func() error {
		for _, s := range list {
			s.mu.Lock()
			patches, size, end, frames := s.w.Close(), s.w.Size(), s.readyEnd, s.given
			s.mu.Unlock()
			if frames == 0 { // opened for a frame that never came
				if err := v.fs.Remove(s.path); err != nil {
					return err
				}
				continue
			}
			for _, p := range patches {
				if _, err := s.file.WriteAt(p.Data, p.Offset); err != nil {
					return err
				}
			}
			endMs := min(max(end/1e6, s.key.StartMs), s.key.StartMs+index.MaxDurationMs)
			pieces = append(pieces, piece{seg: s, named: true})
			segments = append(segments, index.Segment{Key: s.key, EndMs: endMs, SizeBytes: size, Volume: v.id})
		}
		if err := v.sync(pieces); err != nil {
			return err
		}
		var days []string
		for i, p := range pieces {
			to := filepath.Join(v.path, relPath(segments[i]))
			if err := v.fs.Rename(p.seg.path, to); err != nil {
				return err
			}
			renamed++
			days = append(days, filepath.Dir(to))
		}
		if len(days) == 0 {
			return nil
		}
		return v.syncNames(pieces[0].seg.file, days)
	})
	if err != nil {
		v.ioError(err)
	}
	if renamed > 0 { // also when only the last sync failed: the file is there by its new name
		v.arch.put(segments[:renamed]...)
	}
	for _, s := range list {
		i := slices.IndexFunc(pieces, func(p piece) bool { return p.seg == s })
		if err != nil && (i < 0 || i >= renamed) {
			v.abandon(s)
			continue
		}
		_ = s.file.Close() // synced
		v.forget(s)
	}
}

// ownFilesystem tells whether a volume is a file system of its own: only there may a sync of all of it be asked for, as
// it waits for what anybody has written.
func (v *volume) ownFilesystem() (bool, error) {
	in, err := v.fs.Device(v.path)
	if err != nil {
		return false, err
	}
	out, err := v.fs.Device(filepath.Dir(v.path))
	return in != out, err
}
