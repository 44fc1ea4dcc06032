package export

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"sync"

	"vigie/services/engine/internal/manifest"
	"vigie/services/engine/internal/mkv"
)

// content makes the bytes of one file of a plan, as often as it is asked to, and remembers what they add up to.
type content struct {
	file  *file
	about manifest.About
	key   manifest.Key

	mu        sync.Mutex
	users     int
	off       int64 // of the file, up to which the sums go
	sums      *manifest.Sums
	whole     hash.Hash // of the whole file
	crc       uint32
	manifest  []byte          // nil until the body has been summed
	signed    manifest.Digest // of the manifest
	signedCRC uint32
	sum       manifest.Digest
	known     bool // sum and crc are those of the whole file
}

func newContent(f *file, about manifest.About, key manifest.Key) *content {
	return &content{file: f, about: about, key: key}
}

// errPlan: what is on the disks is no longer what was planned.
var errPlan = errors.New("the recordings have changed since the export was made")

// total returns what the whole file adds up to, once that is known.
func (c *content) total() (sum manifest.Digest, crc uint32, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum, c.crc, c.known
}

// forget gives up the memory that is only needed while the file is being made, unless somebody else makes it.
func (c *content) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.users > 0 {
		return
	}
	c.sums, c.whole, c.manifest = nil, nil, nil
	if !c.known {
		c.off, c.crc = 0, 0
	}
}

func (c *content) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users--
}

// begin returns the offset from which the file must be read for what lies from an offset on to be known.
func (c *content) begin(from int64) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.users++
	if c.manifest != nil {
		return from
	}
	if c.sums == nil {
		c.off, c.crc = 0, 0
		c.sums, c.whole = manifest.NewSums(c.file.manifestOf(c.about).File.Seconds()), sha256.New()
	}
	return min(from, c.off)
}

// kind of a stretch of a file.
type kind int

const (
	front kind = iota
	cluster
	back
	document
)

// add sums a stretch up, unless that has been done.
func (c *content) add(off int64, b []byte, k kind, offsetNs int64, damaged bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if off != c.off || c.whole == nil {
		return
	}
	switch k {
	case front:
		c.sums.AddFront(b)
	case cluster:
		c.sums.AddPiece(offsetNs/1e6, damaged, b)
	case back:
		c.sums.AddBack(b)
	}
	c.whole.Write(b)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b)
	if c.off += int64(len(b)); k == document && c.off == c.file.size() {
		c.whole.Sum(c.sum[:0])
		c.known = true
		c.sums, c.whole = nil, nil
	}
}

// sign makes the manifest when the body has been summed.
func (c *content) sign() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.manifest != nil {
		return c.manifest, nil
	}
	if c.sums == nil || c.off != c.file.size()-c.file.manifest {
		return nil, errors.New("the manifest was forgotten while the file was being made")
	}
	m := c.file.manifestOf(c.about)
	m.Chain = c.sums.Finish()
	m.Front, m.Back, m.Seconds = c.sums.Front, c.sums.Back, c.sums.Seconds
	b, err := m.Marshal(c.key)
	if err == nil && int64(len(b)) != c.file.manifest {
		err = fmt.Errorf("manifest of %d bytes, planned were %d", len(b), c.file.manifest)
	}
	if err != nil {
		return nil, err
	}
	c.manifest, c.signed, c.signedCRC = b, sha256.Sum256(b), crc32.ChecksumIEEE(b)
	return b, nil
}

// beside returns what the manifest adds up to, once it was made.
func (c *content) beside() (sum manifest.Digest, crc uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.signed, c.signedCRC
}

// write writes the file from an offset on, and returns its manifest.
func (c *content) write(ctx context.Context, a Archive, w io.Writer, from int64) ([]byte, error) {
	f := c.file
	head, tail, err := f.splice(c.about).Front()
	if err != nil {
		return nil, err
	}
	if int64(len(head)) != f.front || int64(len(tail)) != f.back {
		return nil, errPlan
	}
	out := &window{w: w, from: from}
	put := func(b []byte, k kind, offsetNs int64, damaged bool) error {
		c.add(out.off, b, k, offsetNs, damaged)
		_, err := out.Write(b)
		return err
	}
	begin := c.begin(from)
	defer c.end()
	if begin < f.front {
		if err := put(head, front, 0, false); err != nil {
			return nil, err
		}
	}
	out.off = f.front
	s := source{archive: a, begin: begin, put: put, off: &out.off}
	for _, p := range f.parts {
		if err := s.part(ctx, p); err != nil {
			return nil, fmt.Errorf("segment %s: %w", p.segment, err)
		}
	}
	if out.off != f.front+f.clusters {
		return nil, errPlan
	}
	if begin < out.off+f.back {
		if err := put(tail, back, 0, false); err != nil {
			return nil, err
		}
	}
	out.off = f.size() - f.manifest
	b, err := c.sign()
	if err != nil {
		return nil, err
	}
	return b, put(b, document, 0, false)
}

// window lets through what lies at or behind an offset.
type window struct {
	w    io.Writer
	from int64
	off  int64 // of what comes next
}

func (w *window) Write(b []byte) (int, error) {
	skip := min(max(w.from-w.off, 0), int64(len(b)))
	w.off += int64(len(b))
	if skip == int64(len(b)) {
		return len(b), nil
	}
	n, err := w.w.Write(b[skip:])
	return int(skip) + n, err
}

// chunk is how much of a segment is read at a time.
const chunk = 2 << 20

// source reads clusters of segments.
type source struct {
	archive Archive
	begin   int64  // what lies before it in the file is not needed
	off     *int64 // in the file
	put     func(b []byte, k kind, offsetNs int64, damaged bool) error
	buf     []byte
}

// part reads the clusters of a part, and hands over those that are needed.
func (s *source) part(ctx context.Context, p part) error {
	if *s.off+p.to-p.from <= s.begin {
		*s.off += p.to - p.from
		return nil
	}
	segment, err := s.archive.Open(p.segment)
	if err != nil {
		return err
	}
	defer segment.Close()
	at := p.from
	var have []byte // read, from at on
	for at < p.to {
		if len(have) < mkv.ClusterHead {
			if have, err = s.fill(ctx, segment, have, at, p.to, mkv.ClusterHead); err != nil {
				return err
			}
		}
		size, err := mkv.ClusterSize(have)
		if err != nil || size > p.to-at {
			return fmt.Errorf("%w: it is damaged at byte %d", errPlan, at)
		}
		if *s.off+size <= s.begin {
			*s.off += size
			at += size
			have = have[min(size, int64(len(have))):]
			continue
		}
		if int64(len(have)) < size {
			if have, err = s.fill(ctx, segment, have, at, p.to, int(size)); err != nil {
				return err
			}
		}
		offsetNs, whole, err := mkv.Rebase(have[:size], p.delta)
		if err != nil {
			return fmt.Errorf("%w: at byte %d", err, at)
		}
		if err := s.put(have[:size], cluster, offsetNs, !whole); err != nil {
			return err
		}
		at += size
		have = have[size:]
	}
	return nil
}

// fill reads on behind what is held until there are at least need bytes.
func (s *source) fill(ctx context.Context, r io.ReaderAt, have []byte, at, end int64, need int) ([]byte, error) {
	if err := wait(ctx, s.archive); err != nil {
		return nil, err
	}
	size := int(min(int64(max(chunk, need)), end-at))
	if size < need {
		return nil, errPlan
	}
	if cap(s.buf) < size {
		s.buf = make([]byte, max(size, chunk))
	}
	b := s.buf[:size]
	n := copy(b, have)
	k, err := r.ReadAt(b[n:], at+int64(n))
	if n += k; n < size {
		if err == nil || err == io.EOF {
			err = errPlan
		}
		return nil, err
	}
	return b, nil
}
