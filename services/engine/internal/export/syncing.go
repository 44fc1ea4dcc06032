package export

import (
	"os"

	"golang.org/x/sys/unix"
)

// syncing writes to a file on a medium, and has what is written made durable piece by piece while it goes on writing: the
// disk is never idle, and at most two pieces are in memory. settle must be called before the file is closed.
type syncing struct {
	f      *os.File
	every  int64               // how much a piece is
	wrote  func(n int)         // so much more is written
	synced func(n int64) error // so much more is on the medium for certain

	fresh int64      // written, and in no piece yet
	piece int64      // that is being synced
	under chan error // its end; nil: none is
}

func (s *syncing) Write(b []byte) (int, error) {
	n, err := s.f.Write(b)
	s.fresh += int64(n)
	s.wrote(n)
	if err != nil {
		return n, onMedium(err)
	}
	if s.fresh < s.every {
		return n, nil
	}
	if err := s.settle(); err != nil {
		return n, err
	}
	under := make(chan error, 1)
	s.under, s.piece, s.fresh = under, s.fresh, 0
	go func() { under <- s.f.Sync() }()
	return n, nil
}

// settle waits for the piece that is being synced. What was written after it is in no piece yet.
func (s *syncing) settle() error {
	if s.under == nil {
		return nil
	}
	err := <-s.under
	s.under = nil
	if err != nil {
		return onMedium(err)
	}
	// What is on the medium is not read again: its memory is worth more to others.
	_ = unix.Fadvise(int(s.f.Fd()), 0, 0, unix.FADV_DONTNEED)
	return s.synced(s.piece)
}
