package archive

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"vigie/internal/filesys"
	"vigie/services/engine/internal/index"
	"vigie/services/engine/internal/media"
	"vigie/services/engine/internal/mkv"
)

// backlog is how much of a segment may wait for the disk before its recorder does.
const backlog = 16 << 20

// Segment is a file being written. Write and Close are for one goroutine.
type Segment struct {
	vol  *volume
	key  index.Key
	path string // absolute, of the open file
	file filesys.File

	lastResort bool // its volume was retired already, and no other took it

	mu       sync.Mutex
	w        *mkv.Writer
	err      error
	closing  bool          // Close was called
	leaving  bool          // the closer has it, or will
	room     chan struct{} // closed and replaced when something was written, or the segment ends
	since    time.Time     // when the oldest frame came that was not yet taken to be written; zero: there is none
	arrived  int64         // when that frame came to this machine, UTC in ns
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

// Moves tells whether what follows is to go elsewhere: its volume was retired after it was begun, or has got, of what it is a
// duplicate of, the original.
func (s *Segment) Moves() bool {
	if s.key.IsDuplicate() {
		a := s.vol.arch
		a.mu.Lock()
		defer a.mu.Unlock()
		return s.vol.retired.Load() || a.home[s.key.Camera] == s.vol.id
	}
	return s.vol.retired.Load() && !s.lastResort
}

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
		s.vol.kick()
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
	if s.since.IsZero() {
		s.since, s.arrived = time.Now(), f.ArrivalNs
	}
	if err := s.w.Add(f); err != nil {
		s.vol.arch.log.Error("frame cannot be stored", "camera", s.key.Camera, "segment", s.key.ID(), "err", err)
		s.end(fmt.Errorf("frame cannot be stored: %w", err))
		return s.err
	}
	if s.w.Ready() > before {
		s.ready, s.readyEnd = s.given, end
	}
	s.given++
	return nil
}

// end makes the segment take nothing more; mu is held.
func (s *Segment) end(err error) {
	if s.err == nil {
		s.err = err
		s.vol.kick()
	}
	s.wakeWriter()
}

func (s *Segment) wakeWriter() {
	close(s.room)
	s.room = make(chan struct{})
}

// endCluster makes all frames given ready; mu is held.
func (s *Segment) endCluster() {
	s.w.EndCluster()
	s.ready, s.readyEnd = s.given, s.w.EndNs()
}

// Close ends the segment in the background; its end is that of its last frame.
func (s *Segment) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing || s.err != nil {
		return
	}
	s.closing = true
	s.endCluster()
	s.err = errors.New("segment is closed")
	s.vol.kick()
}

// view is the segment as far as it is on disk; ok is false when nothing is.
func (s *Segment) view() (seg index.Segment, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seg = index.Segment{Key: s.key, EndMs: max(s.durEnd/1e6, s.key.StartMs), SizeBytes: s.size, Volume: s.vol.id}
	return seg, s.durable > 0
}
