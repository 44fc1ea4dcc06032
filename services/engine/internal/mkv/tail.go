package mkv

import (
	"bytes"
	"errors"
	"io"
)

const (
	// tailBytes is what is read of a file's end at first: at 4 Mbit/s four times what a write and the distance of two
	// lists are, and no longer on its way from a disk than the arm was in getting there.
	tailBytes = 768 << 10
	// maxTail bounds how far from its end a file's last whole write, and the list before it, are looked for.
	maxTail = maxCut + 8<<20
)

// span is a reader of which some part was read before, all at once.
type span struct {
	io.ReaderAt
	off int64
	b   []byte
}

func (s *span) ReadAt(p []byte, off int64) (int, error) {
	if at := off - s.off; at >= 0 && at+int64(len(p)) <= int64(len(s.b)) {
		return copy(p, s.b[at:]), nil
	}
	return s.ReaderAt.ReadAt(p, off)
}

// tail finds the end of the footage from the file's own end, in one read mostly: Scan takes a read for each cluster. What
// comes before the last mark was synced before the mark was written, so it need not be looked at. ok is false when there
// is no mark that tells, as in a file of a single write.
func (f *File) tail() (x Extent, ok bool, err error) {
	for n := int64(tailBytes); ; n *= 4 {
		off := max(f.size-min(n, maxTail), f.layout.clusters)
		b, err := f.readAt(off, int(f.size-off))
		if err != nil {
			return x, false, err
		}
		g := *f
		g.r = &span{f.r, off, b}
		start, found, err := g.lastMark(off, b)
		if err != nil {
			return x, false, err
		}
		if found && start.list >= off {
			return g.from(start)
		}
		if off == f.layout.clusters || n >= maxTail {
			return x, false, nil
		}
	}
}

// lastMark finds the last whole cluster with a mark in b, which begins at an offset of the file.
func (f *File) lastMark(off int64, b []byte) (c cluster, found bool, err error) {
	head := appendID(nil, idCluster)
	for at := len(b); ; {
		if at = bytes.LastIndex(b[:at], head); at < 0 {
			return c, false, nil
		}
		if c, err = f.peek(off + int64(at)); err == nil && c.marked {
			if _, err = f.load(c); err == nil {
				return c, true, nil
			}
		}
		if err != nil && err != io.EOF && !errors.Is(err, errTorn) {
			return c, false, err
		}
	}
}

// from walks the clusters from the one with the list on, and verifies those from start on.
func (f *File) from(start cluster) (x Extent, ok bool, err error) {
	at, err := f.peek(start.list)
	if err != nil || !at.marked {
		return x, false, ignoreTorn(err)
	}
	data, err := f.load(at)
	if err != nil {
		return x, false, ignoreTorn(err)
	}
	_, n := parseMark(data[3:], &f.meta.UUID, at.offset)
	if n == 0 || n > len(data)-3 {
		return x, false, nil
	}
	if x.cues, err = parseList(data[3+markHead:3+n], f.layout.clusters, at.offset); err != nil {
		return Extent{}, false, nil
	}
	list, err := f.walk(at.offset)
	if err != nil {
		return x, false, err
	}
	err = f.extent(&x, list, start.offset, at.newest)
	return x, true, err
}

func ignoreTorn(err error) error {
	if err == io.EOF || errors.Is(err, errTorn) {
		return nil
	}
	return err
}
