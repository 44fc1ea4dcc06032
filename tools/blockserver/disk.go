package blockserver

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
)

const sector = 512

// Disk is a medium with a cache before it. Methods may be called from several goroutines.
type Disk struct {
	size int64

	mu     sync.Mutex
	medium *os.File
	cache  []write // not flushed, in order
	off    bool
	armed  chan struct{} // closed when the writes of Arm have come; nil: not armed
	left   int
	stats  Stats
	end    int64 // of the last write
	log    *Log  // nil: nobody wants it
}

// write is one write in the cache; without data it is zeros.
type write struct {
	off, size int64
	data      []byte
}

// part is its bytes from one up to another one.
func (w write) part(from, to int64) write {
	p := write{off: w.off + from, size: to - from}
	if w.data != nil {
		p.data = w.data[from:to]
	}
	return p
}

// onto brings what of it lies in the bytes b, which begin at off.
func (w write) onto(b []byte, off int64) {
	from, to := max(w.off, off), min(w.off+w.size, off+int64(len(b)))
	switch {
	case from >= to:
	case w.data == nil:
		clear(b[from-off : to-off])
	default:
		copy(b[from-off:to-off], w.data[from-w.off:to-w.off])
	}
}

// Stats is what a disk was asked to do.
type Stats struct {
	Writes, WrittenBytes int64
	Elsewhere            int64 // writes that do not begin where the one before ended
	Reads, ReadBytes     int64
	Flushes              int64
}

// Sub is what came since an earlier count.
func (s Stats) Sub(before Stats) Stats {
	return Stats{s.Writes - before.Writes, s.WrittenBytes - before.WrittenBytes, s.Elsewhere - before.Elsewhere,
		s.Reads - before.Reads, s.ReadBytes - before.ReadBytes, s.Flushes - before.Flushes}
}

// OpenDisk opens the medium at path, which is made with that size if it is not there.
func OpenDisk(path string, size int64) (*Disk, error) {
	if size <= 0 || size%sector != 0 {
		return nil, fmt.Errorf("disk of %d bytes: not a number of sectors", size)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open medium: %w", err)
	}
	if err := f.Truncate(size); err != nil {
		return nil, errors.Join(fmt.Errorf("open medium: %w", err), f.Close())
	}
	return &Disk{size: size, medium: f}, nil
}

// Close flushes and closes the medium.
func (d *Disk) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.flush(), d.medium.Close())
}

// Stats returns the counts since the disk was opened.
func (d *Disk) Stats() Stats {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stats
}

// Cut takes the power away and returns how many bytes had not been flushed, and how many of them are lost. By the choice
// of r, of what was in the cache nothing survives, or all, or what came up to some moment with the last write torn, or any
// of the writes, or, sector by sector of 512 bytes, what any of the writes to it had brought. From now on nothing is
// answered.
func (d *Disk) Cut(r *rand.Rand) (unflushed, lost int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off, d.armed = true, nil
	parts, unflushed, lost := d.survivors(r)
	for _, w := range parts {
		if err := d.put(w); err != nil {
			return unflushed, lost, err
		}
	}
	d.cache = nil
	return unflushed, lost, nil
}

// survivors is what of the cache comes onto the medium by a cut, in order.
func (d *Disk) survivors(r *rand.Rand) (parts []write, unflushed, lost int64) {
	var survives func(i, at int) bool // sector number at of write i
	n := len(d.cache)
	switch r.IntN(5) {
	case 0:
		survives = func(int, int) bool { return false }
	case 1:
		survives = func(int, int) bool { return true }
	case 2:
		k := r.IntN(n + 1)
		survives = func(i, _ int) bool { return i < k || i == k && r.IntN(2) == 0 }
	case 3:
		choice := make([]bool, n)
		for i := range choice {
			choice[i] = r.IntN(2) == 0
		}
		survives = func(i, _ int) bool { return choice[i] }
	case 4:
		odds := r.Float64()
		survives = func(int, int) bool { return r.Float64() < odds }
	}
	for i, w := range d.cache {
		unflushed += w.size
		kept := int64(0) // where the part ends that goes on
		for at := int64(0); at < w.size; at += sector {
			size := min(sector, w.size-at)
			if !survives(i, int(at/sector)) {
				lost += size
				continue
			}
			from := at
			if kept == at && at > 0 {
				from = parts[len(parts)-1].off - w.off
				parts = parts[:len(parts)-1]
			}
			kept = at + size
			parts = append(parts, w.part(from, kept))
		}
	}
	return parts, unflushed, lost
}

// Arm takes the power away, as the first part of Cut, at the moment when n more writes have come into the cache, before
// anything flushes them; the channel is closed then. Cut must follow.
func (d *Disk) Arm(n int) <-chan struct{} {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.left = make(chan struct{}), max(n, 1)
	return d.armed
}

// On gives the disk power again.
func (d *Disk) On() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.off = false
}

// errOff: the power is cut; nothing is to be answered.
var errOff = errors.New("the disk is off")

var errRange = errors.New("beyond the end of the disk")

func (d *Disk) check(off, size int64) error {
	if d.off {
		return errOff
	}
	if off < 0 || size < 0 || off > d.size-size {
		return errRange
	}
	return nil
}

// Read fills b with what was written last.
func (d *Disk) Read(b []byte, off int64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(off, int64(len(b))); err != nil {
		return err
	}
	d.stats.Reads++
	d.stats.ReadBytes += int64(len(b))
	if _, err := d.medium.ReadAt(b, off); err != nil && err != io.EOF {
		return err
	}
	for _, w := range d.cache {
		w.onto(b, off)
	}
	return nil
}

// Write writes data, or size zeros when data is nil. With through it is on the medium on return. data must not be changed
// afterwards.
func (d *Disk) Write(data []byte, off, size int64, through bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.check(off, size); err != nil {
		return err
	}
	d.stats.Writes++
	d.stats.WrittenBytes += size
	if off != d.end {
		d.stats.Elsewhere++
	}
	d.end = off + size
	if d.log != nil && size > 0 {
		d.log.add(Op{Off: off, Size: size, Through: through, data: data})
	}
	d.cache = append(d.cache, write{off, size, data})
	if !through {
		if d.armed != nil && !d.off {
			if d.left--; d.left == 0 {
				d.off = true
				close(d.armed)
				return errOff
			}
		}
		return nil
	}
	// What is in the cache of these sectors is older, and must not come after.
	for _, w := range d.cache {
		from, to := max(w.off, off), min(w.off+w.size, off+size)
		if from >= to {
			continue
		}
		if err := d.put(w.part(from-w.off, to-w.off)); err != nil {
			return err
		}
	}
	d.forget(off, off+size)
	return nil
}

// forget takes a range out of the cache.
func (d *Disk) forget(from, to int64) {
	var rest []write
	for _, w := range d.cache {
		end := w.off + w.size
		if end <= from || w.off >= to {
			rest = append(rest, w)
			continue
		}
		keep := func(a, b int64) {
			if a < b {
				rest = append(rest, w.part(a-w.off, b-w.off))
			}
		}
		keep(w.off, from)
		keep(to, end)
	}
	d.cache = rest
}

// Flush returns once all that was written is on the medium.
func (d *Disk) Flush() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return errOff
	}
	d.stats.Flushes++
	if d.log != nil {
		d.log.add(Op{})
	}
	return d.flush()
}

func (d *Disk) flush() error {
	for _, w := range d.cache {
		if err := d.put(w); err != nil {
			return err
		}
	}
	d.cache = nil
	return nil
}

// put writes to the medium.
func (d *Disk) put(w write) error {
	if w.data != nil {
		_, err := d.medium.WriteAt(w.data, w.off)
		return err
	}
	zeros := make([]byte, min(w.size, 1<<20))
	for at := int64(0); at < w.size; at += int64(len(zeros)) {
		if _, err := d.medium.WriteAt(zeros[:min(int64(len(zeros)), w.size-at)], w.off+at); err != nil {
			return err
		}
	}
	return nil
}
