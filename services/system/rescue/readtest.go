package rescue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
)

// readState is how far a test is.
type readState struct {
	size, done int64
	bad        []span // the first of them, those that meet joined
	places     int    // how many there are
	lost       int64  // their bytes
}

// readTest reads a disk from its beginning to its end: in large parts, and where one cannot be read, in small pieces. run is one
// goroutine's; state may be asked for at any time.
type readTest struct {
	disk io.ReaderAt

	mu   sync.Mutex
	s    readState
	last int64 // where the last bad place ends
}

func newReadTest(disk io.ReaderAt, size int64) *readTest {
	return &readTest{disk: disk, s: readState{size: size}, last: -1}
}

func (t *readTest) state() readState {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.s
	s.bad = append([]span(nil), s.bad...)
	return s
}

// run reads until the end, or until ctx ends or the disk is gone.
func (t *readTest) run(ctx context.Context) error {
	buffer := alignedBuffer(readPart)
	for at := int64(0); at < t.s.size; at += readPart {
		part := buffer[:min(readPart, t.s.size-at)]
		if err := ctx.Err(); err != nil {
			return err
		}
		err := t.take(part, at)
		for off := int64(0); err != nil && off < int64(len(part)); off += readPiece {
			if err := ctx.Err(); err != nil {
				return err
			}
			piece := part[off:min(off+readPiece, int64(len(part)))]
			switch bad := t.take(piece, at+off); {
			case bad != nil && gone(bad):
				return fmt.Errorf("%w: %w", errGone, bad)
			case bad != nil:
				t.note(span{at + off, at + off + int64(len(piece))})
			}
			t.reach(at + off + int64(len(piece)))
		}
		t.reach(at + int64(len(part)))
	}
	return nil
}

// take reads a part, all of it or not at all.
func (t *readTest) take(b []byte, at int64) error {
	n, err := t.disk.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF // it was larger a moment ago
	}
	return err
}

func (t *readTest) reach(at int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.done = at
}

func (t *readTest) note(b span) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.s.lost += b.to - b.from
	joined := b.from == t.last
	t.last = b.to
	switch {
	case joined && t.s.places <= len(t.s.bad):
		t.s.bad[len(t.s.bad)-1].to = b.to
	case joined:
	default:
		if t.s.places++; len(t.s.bad) < mostBad {
			t.s.bad = append(t.s.bad, b)
		}
	}
}
