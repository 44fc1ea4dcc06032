// Package installer makes a system disk of a disk. README.md has the layout, the order of the writes and what a power cut
// between any two of them leaves.
//
// A Disk goes through Wipe, WriteTable, WriteSlot, WriteLoader and Activate, in this order; file systems are made in its
// partitions, by others, between the last two. Every step returns only after a flush, and nothing starts from the disk before
// Activate. What is written to a slot or to the EFI partition is read back before the sector that makes it one is written.
//
// The package touches nothing but the Device it is given. Whether that may be overwritten is for the caller to know. A Disk
// serves one goroutine.
package installer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"vigie/installer/fat"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

const (
	mib = 1 << 20
	// wiped is how much of each end, and of each partition's beginning, is overwritten: where file systems, arrays and
	// tables of every kind are recognised.
	wiped = mib
)

// ErrReadBack is wrapped when a disk does not give back what was written.
var ErrReadBack = errors.New("the disk does not give back what was written to it")

// Device is a disk.
type Device interface {
	io.ReaderAt
	io.WriterAt
	// Flush returns once all that was written is on the medium, and has what is read next come from there.
	Flush() error
}

// Loaders are what a disk is started with, as the image build made it.
type Loaders struct {
	Boot, Core []byte      // GRUB's stages for BIOS
	EFI        io.ReaderAt // the EFI partition, layout.EFIBytes of it
}

// Disk is a system disk in the making.
type Disk struct {
	dev   Device
	table layout.Table
}

// New returns a disk that is to be partitioned so. Nothing is touched yet.
func New(dev Device, table layout.Table) *Disk { return &Disk{dev: dev, table: table} }

func (d *Disk) part(r layout.Role) (layout.Partition, error) {
	p, ok := d.table.Part(r)
	if !ok {
		return p, fmt.Errorf("the table has no partition %s", r)
	}
	return p, nil
}

func (d *Disk) write(b []byte, at int64) error {
	if _, err := d.dev.WriteAt(b, at); err != nil {
		return fmt.Errorf("write at %d: %w", at, err)
	}
	return nil
}

func (d *Disk) flush() error {
	if err := d.dev.Flush(); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	return nil
}

// Wipe overwrites all by which what was on the disk is known: first what BIOS starts. It is what cannot be undone.
func (d *Disk) Wipe(ctx context.Context) error {
	zeros := make([]byte, wiped)
	if err := errors.Join(d.write(zeros, 0), d.flush()); err != nil {
		return err
	}
	places := []int64{d.table.Bytes - wiped}
	for _, p := range d.table.Parts {
		places = append(places, p.Start)
	}
	for _, at := range places {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := d.write(zeros, at); err != nil {
			return err
		}
	}
	return d.flush()
}

// WriteTable writes the partition table: its second copy first, so that it is never the first alone.
func (d *Disk) WriteTable() error {
	if err := errors.Join(d.write(d.table.Tail(), d.table.Bytes-layout.TailBytes), d.flush()); err != nil {
		return err
	}
	return errors.Join(d.write(d.table.Head(), layout.Sector), d.write(d.table.MBR(layout.PassOn()), 0), d.flush())
}

// WriteSlot writes an image to a slot. Without its first block a slot is nobody's: that is taken away first and written last,
// once all else was read back. progress, if not nil, is told the bytes done, of twice the image's size.
func (d *Disk) WriteSlot(ctx context.Context, role layout.Role, image *systemimage.Image, progress func(done int64)) error {
	err := d.fill(ctx, role, image, image.Reader(), false, progress)
	if errors.Is(err, ErrReadBack) {
		if source := image.Verify(image.Reader(), nil); source != nil {
			return fmt.Errorf("copy to slot %s: %w", role, source)
		}
	}
	return err
}

// FillSlot is WriteSlot with the image's bytes as they come. systemimage.ErrDamaged: they are not what was signed, and the slot
// is nobody's.
func (d *Disk) FillSlot(ctx context.Context, role layout.Role, image *systemimage.Image, from io.Reader, progress func(done int64)) error {
	return d.fill(ctx, role, image, from, true, progress)
}

// fill writes a slot. check has what comes hashed on its way: where it cannot be read again nobody could tell later whether it, or
// the disk, was to blame.
func (d *Disk) fill(ctx context.Context, role layout.Role, image *systemimage.Image, from io.Reader, check bool, progress func(done int64)) error {
	p, err := d.part(role)
	if err != nil {
		return err
	}
	if image.Size() > p.Size {
		return fmt.Errorf("the image has %d bytes, slot %s %d", image.Size(), role, p.Size)
	}
	if progress == nil {
		progress = func(int64) {}
	}
	if err := errors.Join(d.write(make([]byte, systemimage.Block), p.Start), d.flush()); err != nil {
		return err
	}
	head, err := d.take(ctx, image, from, check, p.Start, progress)
	if err != nil {
		return fmt.Errorf("copy to slot %s: %w", role, err)
	}
	// What lies on the disk is hashed, not what went there: a bad disk is found as well as a bad copy.
	written := &withHead{io.NewSectionReader(&interruptible{ctx, d.dev}, p.Start, image.Size()), head}
	if err := image.Verify(written, func(done int64) { progress(image.Size() + done) }); err != nil {
		if errors.Is(err, systemimage.ErrDamaged) {
			err = ErrReadBack
		}
		return fmt.Errorf("read slot %s back: %w", role, err)
	}
	return errors.Join(d.write(head, p.Start), d.flush())
}

// flushEvery bounds what is written and not yet flushed: a cache full of an image would have recordings wait.
const flushEvery = 16 * mib

// take writes all of an image but its first block, which it returns.
func (d *Disk) take(ctx context.Context, image *systemimage.Image, from io.Reader, check bool, start int64, progress func(done int64)) (head []byte, err error) {
	sum := image.Check()
	buffer := make([]byte, min(mib, image.Size()))
	for at := int64(0); at < image.Size(); {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := buffer[:min(int64(len(buffer)), image.Size()-at)]
		if _, err := io.ReadFull(from, part); err != nil {
			return nil, fmt.Errorf("the image ends at %d of %d bytes: %w", at, image.Size(), err)
		}
		if check {
			if _, err := sum.Write(part); err != nil {
				return nil, err
			}
		}
		skip := 0
		if at == 0 {
			head, skip = bytes.Clone(part[:systemimage.Block]), systemimage.Block
		}
		if err := d.write(part[skip:], start+at+int64(skip)); err != nil {
			return nil, err
		}
		if at += int64(len(part)); at%flushEvery == 0 {
			if err := d.flush(); err != nil {
				return nil, err
			}
		}
		progress(at)
	}
	if check {
		if err := sum.Whole(); err != nil {
			return nil, err
		}
	}
	return head, d.flush()
}

// copy writes the bytes from skip to end of source, which begins at a byte of the disk.
func (d *Disk) copy(ctx context.Context, source io.ReaderAt, start, skip, end int64, progress func(done int64)) error {
	buffer := make([]byte, mib)
	for at := skip; at < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := buffer[:min(int64(len(buffer)), end-at)]
		if n, err := source.ReadAt(part, at); n < len(part) {
			return fmt.Errorf("read at %d: %w", at, err)
		}
		if err := d.write(part, start+at); err != nil {
			return err
		}
		at += int64(len(part))
		progress(at)
	}
	return nil
}

// withHead reads a slot whose first block is not written yet.
type withHead struct {
	io.ReaderAt
	head []byte
}

func (w *withHead) ReadAt(b []byte, off int64) (int, error) {
	n, err := w.ReaderAt.ReadAt(b, off)
	if off < int64(len(w.head)) {
		copy(b[:n], w.head[off:])
	}
	return n, err
}

// interruptible ends reading when ctx does.
type interruptible struct {
	ctx context.Context
	r   io.ReaderAt
}

func (i *interruptible) ReadAt(b []byte, off int64) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.r.ReadAt(b, off)
}

// WriteLoader writes GRUB for BIOS and the EFI partition, all but its first sector, with the states of the slots in it.
func (d *Disk) WriteLoader(ctx context.Context, l Loaders, slots loader.Slots) error {
	bios, err := d.part(layout.BIOS)
	if err != nil {
		return err
	}
	_, second, err := loader.Stages(l.Boot, l.Core, bios.Start)
	if err != nil {
		return err
	}
	if int64(len(second)) > bios.Size {
		return fmt.Errorf("GRUB for BIOS has %d bytes, its partition %d", len(second), bios.Size)
	}
	if err := d.write(second, bios.Start); err != nil {
		return err
	}
	efi, err := d.part(layout.EFI)
	if err != nil {
		return err
	}
	source, err := efiWith(l.EFI, slots)
	if err != nil {
		return err
	}
	end, err := used(source)
	if err != nil {
		return fmt.Errorf("EFI partition: %w", err)
	}
	if err := d.copy(ctx, source, efi.Start, layout.Sector, end, func(int64) {}); err != nil {
		return fmt.Errorf("write the EFI partition: %w", err)
	}
	return errors.Join(d.flush(), d.same(ctx, bytes.NewReader(second), bios.Start, int64(len(second))),
		d.same(ctx, io.NewSectionReader(source, layout.Sector, end), efi.Start+layout.Sector, end-layout.Sector))
}

// used is where the zeros at the end of an EFI partition begin, in whole MiB: free space, in which anything may stay.
func used(efi io.ReaderAt) (int64, error) {
	part, zeros := make([]byte, mib), make([]byte, mib)
	end := int64(mib)
	for at := int64(0); at < layout.EFIBytes; at += mib {
		if n, err := efi.ReadAt(part, at); n < len(part) {
			return 0, err
		}
		if !bytes.Equal(part, zeros) {
			end = at + mib
		}
	}
	return end, nil
}

// efiWith is the EFI partition with other blocks of states than the image build put in.
func efiWith(efi io.ReaderAt, slots loader.Slots) (io.ReaderAt, error) {
	block, err := slots.Block()
	if err != nil {
		return nil, err
	}
	out := overlay{r: efi}
	for _, file := range []string{loader.Slots0File, loader.Slots1File} {
		extents, size, err := fat.Find(efi, file)
		if err != nil {
			return nil, fmt.Errorf("EFI partition: %w", err)
		}
		if size != int64(len(block)) {
			return nil, fmt.Errorf("EFI partition: %s has %d bytes", file, size)
		}
		rest := block
		for _, e := range extents {
			out.over = append(out.over, piece{e.Start, rest[:e.Size]})
			rest = rest[e.Size:]
		}
	}
	return out, nil
}

// overlay is r with some bytes others.
type overlay struct {
	r    io.ReaderAt
	over []piece
}

type piece struct {
	at int64
	b  []byte
}

func (o overlay) ReadAt(b []byte, off int64) (int, error) {
	n, err := o.r.ReadAt(b, off)
	for _, p := range o.over {
		from, to := max(off, p.at), min(off+int64(n), p.at+int64(len(p.b)))
		if from < to {
			copy(b[from-off:to-off], p.b[from-p.at:])
		}
	}
	return n, err
}

// same says whether the disk has, from a byte on, the bytes that want has.
func (d *Disk) same(ctx context.Context, want io.ReaderAt, at, size int64) error {
	expected, found := make([]byte, mib), make([]byte, mib)
	for done := int64(0); done < size; done += mib {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(mib, size-done))
		if _, err := want.ReadAt(expected[:n], done); err != nil {
			return fmt.Errorf("read at %d: %w", done, err)
		}
		if got, err := d.dev.ReadAt(found[:n], at+done); got < n {
			return fmt.Errorf("read back at %d: %w", at+done, err)
		}
		if !bytes.Equal(expected[:n], found[:n]) {
			return fmt.Errorf("at %d: %w", at+done, ErrReadBack)
		}
	}
	return nil
}

// Activate makes the disk one that a machine starts from: for UEFI, then for BIOS.
func (d *Disk) Activate(l Loaders) error {
	bios, err := d.part(layout.BIOS)
	if err != nil {
		return err
	}
	efi, err := d.part(layout.EFI)
	if err != nil {
		return err
	}
	code, _, err := loader.Stages(l.Boot, l.Core, bios.Start)
	if err != nil {
		return err
	}
	head := make([]byte, layout.Sector)
	if _, err := l.EFI.ReadAt(head, 0); err != nil {
		return fmt.Errorf("EFI partition: %w", err)
	}
	if err := errors.Join(d.write(head, efi.Start), d.flush()); err != nil {
		return err
	}
	return errors.Join(d.write(d.table.MBR(code), 0), d.flush())
}
