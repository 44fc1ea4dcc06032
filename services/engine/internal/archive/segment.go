package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/atomicfile"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

const (
	// backlog is how much of a segment may wait for the disk before its recorder does.
	backlog = 16 << 20
	// clusterAge ends a cluster whose next frame does not come.
	clusterAge = 600 * time.Millisecond
)

// Segment is a file being written. Write and Close are for one goroutine.
type Segment struct {
	vol  *volume
	key  index.Key
	path string // absolute, of the open file
	file *os.File

	mu       sync.Mutex
	w        *mkv.Writer
	err      error
	queued   bool          // a worker has it, or will
	closing  bool          // Close was called
	endNs    int64         // given to Close
	room     chan struct{} // closed and replaced when a worker is done with a batch, or the segment ends
	since    time.Time     // when the first frame of the cluster being built came
	given    int           // frames that came by Write
	ready    int           // of them in whole clusters
	readyEnd int64         // their end, UTC in ns
	durable  int           // of them on disk
	size     int64         // of the file on disk
	durEnd   int64         // end of the footage on disk, UTC in ns
	named    bool          // its name is on disk
}

// Volume is the id of the volume it is on.
func (s *Segment) Volume() string { return s.vol.id }

// Key names the segment.
func (s *Segment) Key() index.Key { return s.key }

// Durable returns how many of the frames given to Write are on disk.
func (s *Segment) Durable() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.durable
}

// Write takes a frame. It waits while the disk is more than 16 MiB behind, until it catches up or its volume is given
// up. After an error the segment takes nothing more and ends by itself.
func (s *Segment) Write(ctx context.Context, f *media.Frame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.err == nil && s.w.Ready() > backlog {
		room := s.room
		s.mu.Unlock()
		var err error
		select {
		case <-room:
		case <-ctx.Done():
			err = ctx.Err()
		}
		s.mu.Lock()
		if err != nil {
			return err
		}
	}
	if s.err != nil {
		return s.err
	}
	before, end := s.w.Ready(), s.w.EndNs()
	if !s.w.Building() {
		s.since = time.Now()
	}
	if err := s.w.Add(f); err != nil {
		s.vol.arch.log.Error("frame cannot be stored", "camera", s.key.Camera, "segment", s.key.ID(), "err", err)
		s.end(fmt.Errorf("frame cannot be stored: %w", err))
		return s.err
	}
	if s.w.Ready() > before {
		s.ready, s.readyEnd = s.given, end
		s.since = time.Now()
		s.queue()
	}
	s.given++
	return nil
}

// end makes the segment take nothing more; mu is held.
func (s *Segment) end(err error) {
	if s.err == nil {
		s.err = err
		s.queue()
	}
	s.wakeWriter()
}

func (s *Segment) wakeWriter() {
	close(s.room)
	s.room = make(chan struct{})
}

// queue asks for a worker; mu is held.
func (s *Segment) queue() {
	if !s.queued {
		s.queued = true
		s.vol.enqueue(s)
	}
}

// tick ends a cluster that waits for frames that do not come.
func (s *Segment) tick(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil && s.w.Building() && now.Sub(s.since) >= clusterAge {
		s.endCluster()
	}
}

// endCluster makes all frames given ready; mu is held.
func (s *Segment) endCluster() {
	s.w.EndCluster()
	s.ready, s.readyEnd = s.given, s.w.EndNs()
	s.queue()
}

// Close ends the segment in the background: endNs is the UTC end of its last frame.
func (s *Segment) Close(endNs int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.err != nil {
		return
	}
	s.closing, s.endNs = true, endNs
	s.endCluster()
	s.err = errors.New("segment is closed")
}

// work is a worker's turn: it writes and syncs what is ready, and ends the segment when that is due.
func (s *Segment) work() {
	s.mu.Lock()
	if s.err != nil && !s.closing {
		s.queued = false
		s.mu.Unlock()
		s.vol.abandon(s)
		return
	}
	b, off := s.w.Take()
	n, end, closing, named := s.ready, s.readyEnd, s.closing, s.named
	s.mu.Unlock()

	err := s.vol.disk(func() error {
		if len(b) > 0 {
			if _, err := s.file.WriteAt(b, off); err != nil {
				return err
			}
			if err := unix.Fdatasync(int(s.file.Fd())); err != nil {
				return err
			}
		}
		if named {
			return nil
		}
		day := filepath.Dir(s.path)
		return errors.Join(atomicfile.SyncDir(day), atomicfile.SyncDir(filepath.Dir(day)), atomicfile.SyncDir(filepath.Dir(filepath.Dir(day))))
	})
	if err == nil && closing {
		s.finish(end)
		return
	}
	s.mu.Lock()
	if err == nil && s.err != nil && !s.closing {
		err = s.err // given up by the volume meanwhile
	}
	if err == nil {
		s.named = true
		s.durable, s.durEnd, s.size = n, end, off+int64(len(b))
		s.vol.written.Add(int64(len(b)))
		s.w.Recycle(b)
		s.queued = false
		if s.w.Ready() > 0 || s.closing {
			s.queue()
		}
		s.wakeWriter()
		s.mu.Unlock()
		return
	}
	if s.err == nil {
		s.err = err
	}
	s.closing = false
	s.wakeWriter()
	s.mu.Unlock()
	s.vol.ioError(err)
	s.vol.abandon(s)
}

// finish closes the file in order and indexes it.
func (s *Segment) finish(endNs int64) {
	s.mu.Lock()
	patches, size, frames := s.w.Close(), s.w.Size(), s.given
	s.durable, s.durEnd, s.size = frames, endNs, size
	seg := index.Segment{Key: s.key, EndMs: max(endNs/1e6, s.key.StartMs), SizeBytes: size, Volume: s.vol.id}
	s.mu.Unlock()
	seg.EndMs = min(seg.EndMs, seg.StartMs+index.MaxDurationMs)
	err := s.vol.disk(func() error {
		if frames == 0 { // opened for a frame that never came
			return errors.Join(s.file.Close(), os.Remove(s.path))
		}
		for _, p := range patches {
			if _, err := s.file.WriteAt(p.Data, p.Offset); err != nil {
				return err
			}
		}
		if err := unix.Fdatasync(int(s.file.Fd())); err != nil {
			return err
		}
		if err := s.file.Close(); err != nil {
			return err
		}
		return rename(s.path, filepath.Join(s.vol.path, relPath(seg)))
	})
	if err != nil {
		s.vol.ioError(err)
		s.vol.abandon(s)
		return
	}
	if frames > 0 {
		s.vol.arch.put(seg)
	}
	s.vol.forget(s)
}

// rename moves a file within its folder, durably.
func rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return atomicfile.SyncDir(filepath.Dir(to))
}

// view is the segment as far as it is on disk; ok is false when nothing is.
func (s *Segment) view() (seg index.Segment, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg = index.Segment{Key: s.key, EndMs: max(s.durEnd/1e6, s.key.StartMs), SizeBytes: s.size, Volume: s.vol.id}
	return seg, s.durable > 0
}
