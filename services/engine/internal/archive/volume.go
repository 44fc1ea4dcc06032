package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
	"vigie/services/engine/internal/retention"
)

// Status is a volume's state; the values are the API's.
type Status string

// The states; see the package comment.
const (
	OK       Status = "ok"
	Full     Status = "full"
	ReadOnly Status = "readonly"
	Degraded Status = "degraded"
	Absent   Status = "absent"
)

// wellAfter is how long a volume must have been OK for its earlier failures to be forgotten.
const wellAfter = time.Hour

// errGivenUp: a segment was ended because of its volume, which has said why already.
var errGivenUp = errors.New("volume was given up")

// volume is one present volume.
type volume struct {
	arch *Archive
	fs   filesys.FS
	id   string
	path string

	ctx   context.Context
	stop  context.CancelFunc
	wg    sync.WaitGroup
	wake  chan struct{} // for the keeper
	again chan struct{} // for it to go through all files
	due   chan struct{} // for the writer
	own   bool          // a file system of its own; set before there is a writer
	dev   atomic.Uint64 // the device that path was on at first; 0: not known yet

	foreign bool         // it is another machine's
	retired atomic.Bool  // gets nothing new while another volume takes it
	written atomic.Int64 // bytes
	rounds  latency      // of writing
	slowest atomic.Int64 // the longest that a frame took from its coming until it was on disk, ns

	mu        sync.Mutex
	name      string
	readOnly  bool // as told
	status    Status
	reason    string
	failedAt  time.Time // when a degraded volume was last found so
	retryAt   time.Time // when it is looked at again
	penalty   time.Duration
	wellSince time.Time // when status became OK

	committedAt time.Time // since when it holds, at its limit, nothing but promised and protected recordings; zero: it does not
	stuckBytes  int64     // over its limit though nothing on it may be deleted

	erasing   erasing   // the keeper's
	agedAt    time.Time // when all that was past its target had been deleted; the keeper's
	protFile  int64     // revision of the protections in the file beside the recordings, -1: not known; the keeper's
	protRetry time.Time // when to try again to write it; the keeper's

	size      int64
	free      int64
	writeBps  int64
	ops       map[int64]time.Time // disk operations under way
	nextOp    int64
	ended     []*Segment // for the closer
	more      *sync.Cond // on mu
	over      bool       // the writer has ended
	open      map[*Segment]bool
	creating  map[string]bool // files being made
	coming    int             // segments for which it was chosen, and not yet in open for certain
	recovered chan struct{}   // closed once what a crash left open is repaired
	done      bool            // no more work
	rebuild   rebuild
	toCheck   []string        // cameras with files to look into; of the keeper's goroutine
	before    <-chan struct{} // closed once the volume's earlier presence, if any, has let go of its files
}

// takesWrites tells whether files of the volume may be changed and deleted; v.mu is held.
func (v *volume) takesWrites() bool { return v.status == OK || v.status == Full }

func newVolume(a *Archive, v Volume) *volume {
	vol := &volume{arch: a, fs: a.cfg.FS, id: v.ID, path: v.Path, name: v.Name, readOnly: v.ReadOnly, status: OK, ops: map[int64]time.Time{},
		open: map[*Segment]bool{}, creating: map[string]bool{}, recovered: make(chan struct{}), wake: make(chan struct{}, 1), again: make(chan struct{}, 1), due: make(chan struct{}, 1), penalty: a.cfg.ProbeAfter, wellSince: time.Now(), protFile: -1}
	if v.ReadOnly {
		vol.status, vol.reason = ReadOnly, "The volume is mounted read-only."
	}
	if vol.foreign = v.Foreign; v.Foreign {
		vol.reason = "It is another machine's, and only read."
	}
	vol.more = sync.NewCond(&vol.mu)
	vol.ctx, vol.stop = context.WithCancel(context.Background())
	return vol
}

func (v *volume) start() {
	if err := v.measure(); err != nil {
		v.ioError(err)
	}
	v.arch.noteSize(v)
	var own bool
	if err := v.disk(func() (err error) { own, err = v.ownFilesystem(); return err }); err != nil {
		v.ioError(err)
	}
	v.own = own
	v.wg.Go(v.write)
	v.wg.Go(v.closer)
	v.wg.Go(v.keep)
}

// rouse has the keeper look now.
func (v *volume) rouse() {
	select {
	case v.wake <- struct{}{}:
	default:
	}
}

// disk runs one disk operation under the eye of the archive's ticker.
func (v *volume) disk(op func() error) error {
	v.mu.Lock()
	v.nextOp++
	id := v.nextOp
	v.ops[id] = time.Now()
	v.mu.Unlock()
	err := op()
	v.mu.Lock()
	delete(v.ops, id)
	v.mu.Unlock()
	return err
}

// tick is called several times a second by the archive: it must not touch the disk.
func (v *volume) tick(now time.Time) {
	v.mu.Lock()
	longest := time.Duration(0)
	for _, began := range v.ops {
		longest = max(longest, now.Sub(began))
	}
	v.mu.Unlock()
	if longest > v.arch.cfg.StallAfter && longest > v.arch.patience(v) {
		v.degrade(Degraded, fmt.Sprintf("The disk has not answered for %v.", longest.Round(time.Second)))
	}
}

// alone is how much longer a disk is waited for, and how much sooner tried again, while no other volume takes recordings.
const alone = 3

// patience is how long a volume's disk may take for an operation. While no other volume takes recordings, giving it up
// early gains nothing: what comes meanwhile waits in memory, and is written should the disk go on.
func (a *Archive) patience(v *volume) time.Duration {
	if a.isAlone(v) {
		return alone * a.cfg.StallAfter
	}
	return a.cfg.StallAfter
}

// isAlone tells whether no other volume takes recordings.
func (a *Archive) isAlone(v *volume) bool {
	for _, o := range a.present() {
		o.mu.Lock()
		takes := o != v && o.usable()
		o.mu.Unlock()
		if takes {
			return false
		}
	}
	return true
}

// ioError notes what a failed disk operation says about the volume.
func (v *volume) ioError(err error) {
	switch {
	case errors.Is(err, errGivenUp): // no news
	case errors.Is(err, errElsewhere):
		v.degrade(Degraded, "The volume is no longer mounted where it was. Check the disk and its cable.")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		v.degrade(Full, "There is no room left, and nothing old enough to delete.")
	case errors.Is(err, syscall.EROFS):
		v.degrade(ReadOnly, "The file system has turned read-only, mostly after a disk error. Check the disk.")
	default:
		v.degrade(Degraded, fmt.Sprintf("Writing failed: %v. Check the disk and its cable.", err))
	}
}

// degrade gives the volume up for now: its open segments end.
func (v *volume) degrade(to Status, reason string) {
	v.mu.Lock()
	if v.status != to {
		v.arch.log.Error("volume cannot be written to", "volume", v.id, "status", string(to), "reason", reason)
		if v.status == OK {
			if time.Since(v.wellSince) > wellAfter {
				v.penalty = v.arch.cfg.ProbeAfter
			}
			v.failedAt, v.retryAt = time.Now(), time.Now().Add(v.penalty)
			v.penalty = min(2*v.penalty, 10*time.Minute)
		}
		v.status, v.reason = to, reason
	}
	segments := make([]*Segment, 0, len(v.open))
	for s := range v.open {
		segments = append(segments, s)
	}
	name := v.name
	v.mu.Unlock()
	for _, s := range segments {
		s.mu.Lock()
		if s.err == nil || s.closing {
			s.closing = false
			s.err = nil
			s.end(fmt.Errorf("%w: %s: %s", errGivenUp, name, reason))
		}
		s.mu.Unlock()
	}
}

// abandon ends a segment whose volume has failed: what is on disk of it is indexed as suspect; the file is repaired when
// the volume is well again.
func (v *volume) abandon(s *Segment) {
	v.mu.Lock()
	mine := v.open[s]
	delete(v.open, s)
	v.mu.Unlock()
	if !mine {
		return
	}
	_ = s.file.Close() // after an error nothing that it says matters
	if seg, ok := s.view(); ok {
		seg.Suspect = true
		v.arch.put(seg)
	}
	v.arch.log.Warn("segment ended early", "camera", s.key.Camera, "segment", s.key.ID(), "volume", v.id)
}

// forget takes a closed and indexed segment off the list of open ones.
func (v *volume) forget(s *Segment) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.open, s)
}

// create opens a segment's file. It may hang with the disk: see Archive.Create.
func (v *volume) create(run *media.Run, key index.Key, meta mkv.Meta) (*Segment, error) {
	w, err := mkv.NewWriter(run, meta)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errStream, err)
	}
	s := &Segment{vol: v, key: key, w: w, room: make(chan struct{}), lastResort: v.retired.Load()}
	err = v.disk(func() error {
		for try := 0; ; try++ {
			s.path = filepath.Join(v.path, openPath(s.key))
			v.mu.Lock()
			v.creating[s.path] = true
			v.mu.Unlock()
			defer func(path string) {
				v.mu.Lock()
				delete(v.creating, path)
				if s.file != nil && path == s.path {
					v.open[s] = true
				}
				v.mu.Unlock()
			}(s.path)
			if err := filesys.MkdirAll(v.fs, filepath.Dir(s.path), 0o750); err != nil {
				return err
			}
			var err error
			s.file, err = v.fs.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o640)
			if errors.Is(err, fs.ErrExist) && try < 10 {
				s.key.StartMs++ // an ended segment of the same start is still there
				continue
			}
			if errors.Is(err, fs.ErrNotExist) && try < 10 {
				continue // the folder was empty, and its day's last deletion took it away
			}
			return err
		}
	})
	if err != nil {
		v.ioError(err)
		return nil, err
	}
	v.mu.Lock()
	failed, name, reason := v.status != OK || v.done, v.name, v.reason
	if failed {
		delete(v.open, s)
	}
	v.mu.Unlock()
	if failed { // while the file was being made; what may hang happens without the lock
		_ = v.disk(func() error { return errors.Join(s.file.Close(), v.fs.Remove(s.path)) })
		return nil, fmt.Errorf("%w: %s: %s", errGivenUp, name, reason)
	}
	return s, nil
}

// errElsewhere: something else is at the volume's path than the file system that was there at first.
var errElsewhere = errors.New("the volume is no longer mounted")

// here makes sure that the volume is still mounted at its path. When a disk is pulled the path leads to an empty folder
// of another file system: judged by that one's fullness, recordings that nobody can see would be deleted.
func (v *volume) here() error {
	dev, err := v.fs.Device(v.path)
	if err != nil {
		return err
	}
	if v.dev.CompareAndSwap(0, dev) || v.dev.Load() == dev {
		return nil
	}
	// A disk that was plugged in anew, or repaired, may have come back under another number.
	var identity struct {
		ID string `json:"id"`
	}
	b, err := filesys.ReadFile(v.fs, filepath.Join(v.path, "vigie", "volume.json"))
	if err != nil || json.Unmarshal(b, &identity) != nil || identity.ID != v.id {
		return errElsewhere
	}
	v.dev.Store(dev)
	return nil
}

// measure asks the file system for its size and free space.
func (v *volume) measure() error {
	var room filesys.Space
	if err := v.disk(func() (err error) {
		room, err = v.fs.Space(v.path)
		return errors.Join(err, v.here())
	}); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.size, v.free = room.Size, room.Free
	return nil
}

// reserve is how much room a volume needs to take segments: less, and it is full.
func (v *volume) reserve() int64 { return min(retention.MinReserve/4, v.size/80) }

// usable tells whether a new segment may go here; mu is held.
func (v *volume) usable() bool {
	return v.status == OK && !v.done && v.free > v.reserve()
}

// load is the share of open segments in relation to size, for choosing; extra segments are added. mu is held.
func (v *volume) load(extra int) float64 {
	return float64(len(v.open)+v.coming+extra) / float64(max(v.size, 1))
}

// close ends a volume that goes away: segments are closed in order if the disk lets them, within StallAfter.
func (v *volume) close() {
	v.mu.Lock()
	segments := make([]*Segment, 0, len(v.open))
	for s := range v.open {
		segments = append(segments, s)
	}
	v.mu.Unlock()
	for _, s := range segments {
		s.Close()
	}
	v.stop()
	v.mu.Lock()
	v.done = true
	v.mu.Unlock()
	v.kick()
	gone := make(chan struct{})
	go func() {
		v.wg.Wait()
		close(gone)
	}()
	select {
	case <-gone:
		v.arch.log.Info("volume is let go of", "volume", v.id, "writtenBytes", v.written.Load(), "slowestMs", v.slowest.Load()/1e6)
	case <-time.After(v.arch.cfg.StallAfter):
	}
}
