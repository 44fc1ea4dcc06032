package layout

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"unicode/utf16"

	"github.com/google/uuid"
)

const (
	entries    = 128
	entryBytes = 128
	arrayBytes = entries * entryBytes
	headerSize = 92
	// TailBytes is what the second copy of the table takes at the end of the disk.
	TailBytes = arrayBytes + Sector
)

// MBRCodeBytes is what of the first sector is code.
const MBRCodeBytes = 440

// PassOn is code for the first sector that has BIOS go on with the next disk (INT 18h), and halts where BIOS does not.
func PassOn() []byte {
	return []byte{0xfa, 0x31, 0xc0, 0x8e, 0xd8, 0x8e, 0xd0, 0xbc, 0x00, 0x7c, 0xfb, // cli; xor ax,ax; mov ds,ax; mov ss,ax; mov sp,0x7c00; sti
		0xcd, 0x18, // int 0x18
		0xf4, 0xeb, 0xfd} // hlt; jmp back to it
}

// MBR is the first sector: code, and one entry that keeps programs which know no GPT away (UEFI 2.10, 5.2.3).
func (t Table) MBR(code []byte) []byte {
	b := make([]byte, Sector)
	copy(b[:MBRCodeBytes], code)
	e := b[446:]
	// Active: some BIOSes start no disk without an active entry.
	copy(e, []byte{0x80, 0x00, 0x02, 0x00, 0xee, 0xff, 0xff, 0xff})
	binary.LittleEndian.PutUint32(e[8:], 1)
	binary.LittleEndian.PutUint32(e[12:], uint32(min(t.Bytes/Sector-1, 0xffffffff)))
	b[510], b[511] = 0x55, 0xaa
	return b
}

// Head is sectors 1 to 33: the first copy of the table. Tail is the second copy, which lies at Bytes-TailBytes.
func (t Table) Head() []byte {
	array := t.array()
	return append(t.header(1, t.last(), 2, array), array...)
}

// Tail is the second copy; see Head.
func (t Table) Tail() []byte {
	array := t.array()
	return append(bytes.Clone(array), t.header(t.last(), 1, t.last()-arrayBytes/Sector, array)...)
}

// last is the number of the last sector.
func (t Table) last() uint64 { return uint64(t.Bytes/Sector) - 1 }

func (t Table) header(own, other, arrayAt uint64, array []byte) []byte {
	b := make([]byte, Sector)
	le := binary.LittleEndian
	copy(b, "EFI PART")
	le.PutUint32(b[8:], 0x00010000)
	le.PutUint32(b[12:], headerSize)
	le.PutUint64(b[24:], own)
	le.PutUint64(b[32:], other)
	le.PutUint64(b[40:], 2+arrayBytes/Sector)
	le.PutUint64(b[48:], t.last()-arrayBytes/Sector-1)
	PutGUID(b[56:], t.Disk)
	le.PutUint64(b[72:], arrayAt)
	le.PutUint32(b[80:], entries)
	le.PutUint32(b[84:], entryBytes)
	le.PutUint32(b[88:], crc32.ChecksumIEEE(array))
	le.PutUint32(b[16:], crc32.ChecksumIEEE(b[:headerSize]))
	return b
}

func (t Table) array() []byte {
	b := make([]byte, arrayBytes)
	le := binary.LittleEndian
	for i, p := range t.Parts {
		k := kinds()[i]
		e := b[i*entryBytes:]
		PutGUID(e, k.code)
		PutGUID(e[16:], p.ID)
		le.PutUint64(e[32:], uint64(p.Start/Sector))
		le.PutUint64(e[40:], uint64((p.Start+p.Size)/Sector-1))
		for n, c := range utf16.Encode([]rune(k.name)) {
			le.PutUint16(e[56+2*n:], c)
		}
	}
	return b
}

// PutGUID writes an id as GPT and UEFI have it, 16 bytes: its first three fields are little-endian.
func PutGUID(b []byte, id uuid.UUID) {
	copy(b, []byte{id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6]})
	copy(b[8:], id[8:])
}

func guid(b []byte) (id uuid.UUID) {
	PutGUID(id[:], uuid.UUID(b[:16]))
	return id
}

// Read reads the table of a disk of the given size, from the first copy, or else from the second. It is an error that
// wraps ErrNoSystem when the disk is not a system disk.
func Read(r io.ReaderAt, size int64) (Table, error) {
	if size < 2*first {
		return Table{}, ErrNoSystem
	}
	t, err := readCopy(r, size, Sector)
	if err != nil {
		var again error
		if t, again = readCopy(r, size, size/Sector*Sector-Sector); again != nil {
			return Table{}, err
		}
	}
	return t, nil
}

func readCopy(r io.ReaderAt, size, at int64) (Table, error) {
	h := make([]byte, Sector)
	if _, err := r.ReadAt(h, at); err != nil {
		return Table{}, fmt.Errorf("read the partition table: %w", err)
	}
	le := binary.LittleEndian
	sum := le.Uint32(h[16:])
	clean := bytes.Clone(h[:headerSize])
	clear(clean[16:20])
	arrayAt := le.Uint64(h[72:])
	switch {
	case string(h[:8]) != "EFI PART" || le.Uint32(h[12:]) != headerSize || crc32.ChecksumIEEE(clean) != sum:
		return Table{}, fmt.Errorf("%w: it has no partition table that is ours", ErrNoSystem)
	case le.Uint32(h[80:]) != entries || le.Uint32(h[84:]) != entryBytes || arrayAt > uint64(size/Sector-arrayBytes/Sector):
		return Table{}, fmt.Errorf("%w: its partition table is of another form", ErrNoSystem)
	}
	array := make([]byte, arrayBytes)
	if _, err := r.ReadAt(array, int64(arrayAt)*Sector); err != nil {
		return Table{}, fmt.Errorf("read the partition table: %w", err)
	}
	if crc32.ChecksumIEEE(array) != le.Uint32(h[88:]) {
		return Table{}, fmt.Errorf("%w: its partition table is damaged", ErrNoSystem)
	}
	t := Table{Disk: guid(h[56:]), Bytes: size}
	all := kinds()
	for i := range entries {
		e := array[i*entryBytes:]
		code := guid(e)
		if code == uuid.Nil {
			continue
		}
		if i >= len(all) || code != all[i].code || i != len(t.Parts) {
			return Table{}, fmt.Errorf("%w: partition %d is none of ours", ErrNoSystem, i+1)
		}
		from, to := le.Uint64(e[32:]), le.Uint64(e[40:])
		if to < from || to >= uint64(size/Sector) {
			return Table{}, fmt.Errorf("%w: partition %d ends beyond the disk", ErrNoSystem, i+1)
		}
		t.Parts = append(t.Parts, Partition{all[i].role, guid(e[16:]), int64(from) * Sector, int64(to-from+1) * Sector})
	}
	return t, t.check()
}
