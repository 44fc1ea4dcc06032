package blockserver

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
)

// Log is what a disk was asked to do since Record. Methods may be called from several goroutines.
type Log struct {
	size int64
	base string // file with what was on the medium before

	mu  sync.Mutex
	ops []Op
}

// Op is one thing that a disk was asked to do: a write, or else a flush, of which Size is 0.
type Op struct {
	Off, Size int64
	Through   bool // it was on the medium when it was answered
	data      []byte
}

// Flush says whether it is a flush.
func (o Op) Flush() bool { return o.Size == 0 }

// Record flushes the disk, copies what is on its medium to a file, and notes from then on what the disk is asked to do. The
// file must stay while the log is in use.
func (d *Disk) Record(base string) (*Log, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.off {
		return nil, errOff
	}
	if err := d.flush(); err != nil {
		return nil, err
	}
	if err := copySparse(base, d.medium, d.size); err != nil {
		return nil, fmt.Errorf("record a disk: %w", err)
	}
	d.log = &Log{size: d.size, base: base}
	return d.log, nil
}

func (l *Log) add(o Op) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ops = append(l.ops, o)
}

// Ops is what was done so far.
func (l *Log) Ops() []Op {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ops[:len(l.ops):len(l.ops)]
}

// Replay is a disk to which a log is done once more, as far as somebody wants, to see what a power cut there and then leaves. It
// serves one goroutine.
type Replay struct {
	// Lies has flushes, and writes that ask for it, bring nothing onto the medium from now on: what judges its remains must notice.
	Lies bool

	log  *Log
	disk *Disk
	done int
}

// Replay begins with what was on the medium before, in a file at path. Close ends it.
func (l *Log) Replay(path string) (*Replay, error) {
	base, err := os.Open(l.base)
	if err != nil {
		return nil, fmt.Errorf("replay a log: %w", err)
	}
	defer base.Close()
	if err := copySparse(path, base, l.size); err != nil {
		return nil, fmt.Errorf("replay a log: %w", err)
	}
	d, err := OpenDisk(path, l.size)
	if err != nil {
		return nil, err
	}
	return &Replay{log: l, disk: d}, nil
}

// To goes on until the first n of the log are done.
func (p *Replay) To(n int) error {
	ops := p.log.Ops()
	if n < p.done || n > len(ops) {
		return fmt.Errorf("replay to %d of %d, after %d", n, len(ops), p.done)
	}
	for ; p.done < n; p.done++ {
		o := ops[p.done]
		var err error
		switch {
		case !o.Flush():
			err = p.disk.Write(o.data, o.Off, o.Size, o.Through && !p.Lies)
		case !p.Lies:
			err = p.disk.Flush()
		}
		if err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	return nil
}

// Cut is what a power cut at this moment leaves by the choice of r, as that of a Disk does; if a write is next in the log, it was
// under way, and any part of it may have come. The replay can go on, and be cut again.
func (p *Replay) Cut(r *rand.Rand) *Remains {
	p.disk.mu.Lock()
	defer p.disk.mu.Unlock()
	cache := p.disk.cache
	if ops := p.log.Ops(); p.done < len(ops) && !ops[p.done].Flush() {
		o := ops[p.done]
		p.disk.cache = append(cache[:len(cache):len(cache)], write{o.Off, o.Size, o.data})
	}
	over, unflushed, lost := p.disk.survivors(r)
	p.disk.cache = cache
	return &Remains{Unflushed: unflushed, Lost: lost, medium: p.disk.medium, size: p.disk.size, over: over}
}

// Close ends a replay; what it left is of no use any more.
func (p *Replay) Close() error { return p.disk.Close() }

// Remains is what is on a disk after a power cut. It is good until its replay goes on.
type Remains struct {
	Unflushed, Lost int64 // bytes: that were not flushed, and how many of them are lost
	medium          *os.File
	size            int64
	over            []write // on the medium too, in order
}

// ReadAt reads from the disk.
func (m *Remains) ReadAt(b []byte, off int64) (int, error) {
	n, err := m.medium.ReadAt(b, off)
	for _, w := range m.over {
		w.onto(b[:n], off)
	}
	return n, err
}

// CopyTo makes a medium of it at path, for OpenDisk.
func (m *Remains) CopyTo(path string) error {
	if err := copySparse(path, m.medium, m.size); err != nil {
		return fmt.Errorf("copy what remains: %w", err)
	}
	d, err := OpenDisk(path, m.size)
	if err != nil {
		return err
	}
	for _, w := range m.over {
		err = errors.Join(err, d.put(w))
	}
	return errors.Join(err, d.Close())
}

// Whences of Seek in files with holes (lseek(2)).
const seekData, seekHole = 3, 4

// copySparse makes a file of a size with what is in another one; holes stay holes.
func copySparse(path string, from *os.File, size int64) (err error) {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := to.Truncate(size); err != nil {
		return err
	}
	for at := int64(0); at < size; {
		begin, err := from.Seek(at, seekData)
		if err != nil { // ENXIO: there is nothing but a hole
			return nil
		}
		end, err := from.Seek(begin, seekHole)
		if err != nil {
			return err
		}
		if _, err := io.Copy(io.NewOffsetWriter(to, begin), io.NewSectionReader(from, begin, end-begin)); err != nil {
			return err
		}
		at = end
	}
	return nil
}
