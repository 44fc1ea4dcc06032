package installer

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"

	"vigie/installer/fat"
	"vigie/installer/layout"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
)

// Open returns a system disk that is one already, of the given size.
func Open(dev Device, size int64) (*Disk, error) {
	table, err := layout.Read(dev, size)
	if err != nil {
		return nil, err
	}
	return New(dev, table), nil
}

// System is the disk's id.
func (d *Disk) System() string { return d.table.Disk.String() }

// Image opens what is in a slot. That it is all there only Verify knows.
func (d *Disk) Image(role layout.Role, trusted []ed25519.PublicKey) (*systemimage.Image, error) {
	p, err := d.part(role)
	if err != nil {
		return nil, err
	}
	return systemimage.Open(io.NewSectionReader(d.dev, p.Start, p.Size), p.Size, trusted)
}

// Slots reads the states of the slots.
func (d *Disk) Slots() (loader.Slots, error) {
	efi, err := d.efi()
	if err != nil {
		return loader.Slots{}, err
	}
	return Slots(efi)
}

// Starts is how often the trial of a number was started.
func (d *Disk) Starts(trial uint64) (int, error) {
	efi, err := d.efi()
	if err != nil {
		return 0, err
	}
	block, err := content(efi, loader.CountFile)
	return loader.Started(block, trial), err
}

// SetSlots writes the states of the slots: one block after the other, so that of the two one is whole at any moment.
func (d *Disk) SetSlots(s loader.Slots) error {
	block, err := s.Block()
	if err != nil {
		return err
	}
	efi, err := d.part(layout.EFI)
	if err != nil {
		return err
	}
	section, err := d.efi()
	if err != nil {
		return err
	}
	for _, file := range []string{loader.Slots0File, loader.Slots1File} {
		extents, size, err := fat.Find(section, file)
		if err != nil {
			return fmt.Errorf("EFI partition: %w", err)
		}
		if size != int64(len(block)) {
			return fmt.Errorf("EFI partition: %s has %d bytes", file, size)
		}
		rest := block
		for _, e := range extents {
			if err := d.write(rest[:e.Size], efi.Start+e.Start); err != nil {
				return err
			}
			rest = rest[e.Size:]
		}
		if err := d.flush(); err != nil {
			return err
		}
		if got, err := content(section, file); err != nil || !bytes.Equal(got, block) {
			return fmt.Errorf("states of the slots: %w (%v)", ErrReadBack, err)
		}
	}
	return nil
}

func (d *Disk) efi() (*io.SectionReader, error) {
	p, err := d.part(layout.EFI)
	if err != nil {
		return nil, err
	}
	return io.NewSectionReader(d.dev, p.Start, p.Size), nil
}

// Slots reads the states of the slots from an EFI partition.
func Slots(efi io.ReaderAt) (loader.Slots, error) {
	block0, err := content(efi, loader.Slots0File)
	if err != nil {
		return loader.Slots{}, err
	}
	block1, err := content(efi, loader.Slots1File)
	if err != nil {
		return loader.Slots{}, err
	}
	return loader.ParseSlots(block0, block1)
}

// content is what is in a file of the EFI partition.
func content(efi io.ReaderAt, file string) ([]byte, error) {
	extents, _, err := fat.Find(efi, file)
	if err != nil {
		return nil, fmt.Errorf("EFI partition: %w", err)
	}
	var out []byte
	for _, e := range extents {
		b := make([]byte, e.Size)
		if _, err := efi.ReadAt(b, e.Start); err != nil {
			return nil, fmt.Errorf("EFI partition: %w", err)
		}
		out = append(out, b...)
	}
	return out, nil
}
