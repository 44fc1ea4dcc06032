// Package layout is the partition table of a system disk: which partitions there are, where, and their form as a GPT
// (UEFI specification 2.10, section 5.3). README.md of the installer has the table.
//
// A partition is known by its type, which is ours alone but for those that firmware looks for; a table is a system disk's if
// it has all partitions, in order, apart from one another, in sectors of 512 bytes. Read reads what any disk holds, and
// believes nothing that its checksum does not cover.
//
// Everything here is data.
package layout

import (
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Sector is the only size of a sector that system disks have: GRUB for BIOS, and the EFI partition's file system, know no
// other.
const Sector = 512

const mib = 1 << 20

// Role is what a partition is for.
type Role string

// The roles, in the order in which partitions lie on a disk.
const (
	BIOS  Role = "bios"  // GRUB for BIOS
	EFI   Role = "efi"   // what UEFI starts, GRUB's script, the states of the slots
	SlotA Role = "a"     // a system image
	SlotB Role = "b"     // another one
	State Role = "state" // settings
	Data  Role = "data"  // a data volume; not on every disk
)

// kind is how partitions of a role are made.
type kind struct {
	role  Role
	code  uuid.UUID // type in the table
	name  string
	bytes int64 // 0: the rest
}

func kinds() []kind {
	return []kind{
		{BIOS, uuid.MustParse("21686148-6449-6e6f-744e-656564454649"), "Vigie BIOS boot", 2 * mib},
		{EFI, uuid.MustParse("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"), "Vigie EFI", EFIBytes},
		{SlotA, uuid.MustParse("5b6ff2a1-7c0e-4f3c-9d44-1d8c6a1f0a01"), "Vigie A", SlotBytes},
		{SlotB, uuid.MustParse("5b6ff2a1-7c0e-4f3c-9d44-1d8c6a1f0a02"), "Vigie B", SlotBytes},
		{State, uuid.MustParse("5b6ff2a1-7c0e-4f3c-9d44-1d8c6a1f0a03"), "Vigie state", 1024 * mib},
		{Data, uuid.MustParse("5b6ff2a1-7c0e-4f3c-9d44-1d8c6a1f0a04"), "Vigie data", 0},
	}
}

const (
	// EFIBytes is the size of the EFI partition.
	EFIBytes = 64 * mib
	// SlotBytes is the size of a slot.
	SlotBytes = 512 * mib
	// first is where the first partition begins; as much stays free at the end, for the second copy of the table.
	first = mib
	// leastData is the smallest data volume.
	leastData = 300 * mib
)

// EFIStart is where the EFI partition begins.
const EFIStart = first + 2*mib

// MinBytes is the smallest disk that can be a system disk.
const MinBytes = first + 2*mib + EFIBytes + 2*SlotBytes + 1024*mib + mib

// ErrNoSystem is wrapped when a disk's table is not a system disk's.
var ErrNoSystem = errors.New("not a system disk")

// Partition is one of a table.
type Partition struct {
	Role        Role
	ID          uuid.UUID
	Start, Size int64 // bytes
}

// Number is the partition's, from 1.
func (p Partition) Number() int {
	for i, k := range kinds() {
		if k.role == p.Role {
			return i + 1
		}
	}
	return 0
}

// Table is the table of one disk.
type Table struct {
	Disk  uuid.UUID
	Bytes int64 // of the disk
	Parts []Partition
}

// Part returns the partition of a role.
func (t Table) Part(r Role) (Partition, bool) {
	for _, p := range t.Parts {
		if p.Role == r {
			return p, true
		}
	}
	return Partition{}, false
}

// New lays out a disk of the given size, with a data volume where one is wanted; newID makes the ids.
func New(bytes int64, data bool, newID func() uuid.UUID) (Table, error) {
	least := int64(MinBytes)
	if data {
		least += leastData
	}
	if bytes < least {
		return Table{}, fmt.Errorf("the disk has %d MB; this needs %d MB", bytes/1e6, (least+1e6-1)/1e6)
	}
	t := Table{Disk: newID(), Bytes: bytes}
	at := int64(first)
	for _, k := range kinds() {
		size := k.bytes
		if k.role == Data {
			if !data {
				break
			}
			size = (bytes-mib)/mib*mib - at
		}
		t.Parts = append(t.Parts, Partition{k.role, newID(), at, size})
		at += size
	}
	return t, nil
}

// check says whether a table is one of ours.
func (t Table) check() error {
	at := int64(first)
	for i, k := range kinds() {
		if i == len(t.Parts) {
			if k.role == Data {
				return nil
			}
			return fmt.Errorf("%w: it has no partition for %s", ErrNoSystem, k.name)
		}
		p := t.Parts[i]
		if p.Role != k.role || p.Start < at || p.Size <= 0 || p.Start%Sector != 0 || p.Size%Sector != 0 || p.Size > t.Bytes || p.Start > t.Bytes-p.Size ||
			p.Size < k.bytes {
			return fmt.Errorf("%w: partition %d", ErrNoSystem, i+1)
		}
		at = p.Start + p.Size
	}
	return nil
}
