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
)

// content makes the bytes of one file of a plan, as often as it is asked to, and remembers what they add up to.
type content struct {
	file  *file
	about manifest.About
	key   manifest.Key
	alone bool // nobody asks what the whole file adds up to: it is in no bundle

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

// restore remembers what a file that has been written before adds up to.
func (c *content) restore(w wholeFile) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum, c.signed, c.known = w.Sum, w.Beside, true
}

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
		c.sums = manifest.NewSums(c.file.manifestOf(c.about).File.Seconds())
		if !c.alone {
			c.whole = sha256.New()
		}
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

// add sums a stretch up, unless that has been done. Of clusters pieces says what they are.
func (c *content) add(off int64, b []byte, k kind, pieces []piece) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(pieces) > 0 && off < c.off { // somebody else has been here
		n := pieces[0].size
		off, b, pieces = off+int64(n), b[n:], pieces[1:]
	}
	if off != c.off || c.sums == nil || len(b) == 0 {
		return
	}
	var whole sync.WaitGroup // its digest is of the same bytes as those of the seconds, and as much work
	if c.whole != nil {
		whole.Go(func() {
			c.whole.Write(b)
			c.crc = crc32.Update(c.crc, crc32.IEEETable, b)
		})
	}
	switch k {
	case front:
		c.sums.AddFront(b)
	case cluster:
		at := 0
		for _, p := range pieces {
			c.sums.AddPiece(p.offsetNs/1e6, p.damaged, b[at:at+p.size])
			at += p.size
		}
	case back:
		c.sums.AddBack(b)
	}
	whole.Wait()
	if c.off += int64(len(b)); k == document && c.off == c.file.size() {
		if c.whole != nil {
			c.whole.Sum(c.sum[:0])
			c.known = true
		}
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
	begin := c.begin(from)
	defer c.end()
	head, tail, err := c.frame(ctx, a, begin)
	if err != nil {
		return nil, err
	}
	out := &window{w: w, from: from}
	put := func(b []byte, k kind) error {
		c.add(out.off, b, k, nil)
		_, err := out.Write(b)
		return err
	}
	if begin < f.front {
		if err := put(head, front); err != nil {
			return nil, err
		}
	}
	if err := c.clusters(ctx, a, out, begin); err != nil {
		return nil, err
	}
	if begin < out.off+f.back {
		if err := put(tail, back); err != nil {
			return nil, err
		}
	}
	out.off = f.size() - f.manifest
	b, err := c.sign()
	if err != nil {
		return nil, err
	}
	return b, put(b, document)
}

// frame returns what stands before what is recorded, where that is still needed, and what stands behind it.
func (c *content) frame(ctx context.Context, a Archive, begin int64) (head, tail []byte, err error) {
	f := c.file
	switch {
	case f.container == matroska:
		head, tail, err = f.splice(c.about).Front()
	case f.head != nil || begin >= f.front:
		head, tail = f.head, f.box()
	default:
		head, _, err = f.measure(ctx, a)
		tail = f.box()
	}
	if err == nil && (begin < f.front && int64(len(head)) != f.front || int64(len(tail)) != f.back) {
		err = errPlan
	}
	return head, tail, err
}

// clusters writes what lies between front and back: one goroutine reads, one sums up, this one writes.
func (c *content) clusters(ctx context.Context, a Archive, out *window, begin int64) error {
	f := c.file
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	batches, free, read := make(chan batch), make(chan *buffer, buffers), make(chan error, 1)
	for range buffers {
		free <- &buffer{read: make([]byte, chunk)}
	}
	s := &source{archive: a, begin: begin, off: f.front, out: batches, free: free}
	if f.container == mp4File {
		s.coder = newCoder(f.run, nil)
	}
	go func() {
		defer close(batches)
		read <- s.run(ctx, f.parts)
	}()
	var err error
	for b := range batches {
		if err == nil {
			out.off = b.off
			var summing sync.WaitGroup
			summing.Go(func() { c.add(b.off, b.data, cluster, b.pieces) })
			if _, err = out.Write(b.data); err != nil {
				cancel()
			}
			summing.Wait()
		}
		free <- b.buf
	}
	if rerr := <-read; err == nil {
		err = rerr
	}
	if err != nil {
		return err
	}
	if s.off != f.front+f.clusters {
		return errPlan
	}
	out.off = s.off
	return nil
}

// writeAtOnce is how much one system call is given: some kernels take several times as long for a byte of a few MiB at once
// as for one of what fits a processor's cache.
const writeAtOnce = 128 << 10

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
	for rest := b[skip:]; len(rest) > 0; {
		n, err := w.w.Write(rest[:min(len(rest), writeAtOnce)])
		if err != nil {
			return len(b) - len(rest) + n, err
		}
		rest = rest[n:]
	}
	return len(b), nil
}
