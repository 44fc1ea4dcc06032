package export

import (
	"context"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"vigie/services/engine/internal/mkv"
)

// chunk is how much of a segment is read at a time, and buffers how many of them there are: one is read into while another
// is summed up and written.
const (
	chunk   = 1 << 20
	buffers = 3
)

// batch is clusters that follow one another in a file.
type batch struct {
	off    int64 // in the file
	data   []byte
	pieces []piece
	buf    *buffer // of which data is a part
}

// buffer is memory for a batch.
type buffer struct {
	read []byte // of a segment
	made []byte // of it, where that is something else
}

// piece is one of its clusters.
type piece struct {
	size     int
	offsetNs int64
	damaged  bool
}

// source reads the clusters of a file.
type source struct {
	archive Archive
	begin   int64 // what lies before it in the file is not needed
	off     int64 // in the file
	out     chan<- batch
	free    <-chan *buffer
	coder   *coder       // nil: clusters go into the file as they are, but for their timestamps
	ended   func(p part) // called when the whole of a part has been read, if not nil
}

// run reads all parts. It is for a goroutine of its own, whose thread reads at the lowest priority and ends with it.
func (s *source) run(ctx context.Context, parts []part) error {
	runtime.LockOSThread()
	const process, bestEffort, lowest = 1, 2, 7 // ioprio_set(2)
	// A scheduler without priorities has no use for it; then standing back is all that there is.
	_, _, _ = unix.Syscall(unix.SYS_IOPRIO_SET, process, 0, bestEffort<<13|lowest)
	for _, p := range parts {
		if s.off+p.size <= s.begin {
			s.off += p.size
			continue
		}
		if err := s.part(ctx, p); err != nil {
			return fmt.Errorf("segment %s: %w", p.segment, err)
		}
		if s.ended != nil {
			s.ended(p)
		}
	}
	return nil
}

// part reads the clusters of a part, and hands over those that are needed.
func (s *source) part(ctx context.Context, p part) error {
	segment, err := s.archive.Open(p.segment)
	if err != nil {
		return err
	}
	defer segment.Close()
	if s.coder != nil {
		if err := s.coder.begin(); err != nil {
			return err
		}
	}
	for at := p.from; at < p.to; {
		var b batch
		select {
		case b.buf = <-s.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		n, err := s.read(ctx, segment, &b, at, p)
		if err != nil {
			return err
		}
		at += n
		select {
		case s.out <- b:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// read fills a batch with what whole clusters a buffer holds from an offset of the segment on, one at least, and returns how long
// they are.
func (s *source) read(ctx context.Context, r io.ReaderAt, b *batch, at int64, p part) (int64, error) {
	if err := wait(ctx, s.archive); err != nil {
		return 0, err
	}
	have := b.buf.read[:min(int64(len(b.buf.read)), p.to-at)]
	if err := readAll(r, have, at); err != nil {
		return 0, err
	}
	made := b.buf.made[:0]
	from, pos := 0, 0 // of what is needed of it, and of the next cluster
	for len(have)-pos >= mkv.ClusterHead {
		size, err := mkv.ClusterSize(have[pos:])
		if err != nil || size > p.to-at-int64(pos) {
			return 0, fmt.Errorf("%w: it is damaged at byte %d", errPlan, at+int64(pos))
		}
		if int(size) > len(have)-pos {
			if pos > 0 {
				break
			}
			b.buf.read = make([]byte, size) // one that is larger than a buffer
			have = b.buf.read
			if err := readAll(r, have, at); err != nil {
				return 0, err
			}
		}
		var offsetNs int64
		var whole bool
		in, n := have[pos:pos+int(size)], int(size)
		if s.coder == nil {
			offsetNs, whole, err = mkv.Rebase(in, p.delta)
		} else {
			before := len(made)
			made, offsetNs, whole, err = s.coder.append(made, in, p.delta)
			n = len(made) - before
		}
		if err != nil {
			return 0, fmt.Errorf("%w: at byte %d", err, at+int64(pos))
		}
		pos += int(size)
		if s.off+int64(n) <= s.begin {
			from, made, b.pieces = pos, made[:0], nil
		} else {
			b.pieces = append(b.pieces, piece{n, offsetNs, !whole})
		}
		s.off += int64(n)
	}
	if pos == 0 {
		return 0, errPlan
	}
	b.data = have[from:pos]
	if s.coder != nil {
		b.data, b.buf.made = made, made
	}
	b.off = s.off - int64(len(b.data))
	return int64(pos), nil
}

func readAll(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || err == io.EOF {
		err = errPlan
	}
	return err
}
