// Package bootentry has UEFI firmware start a system disk by name: an entry in its list of what can be started, "Vigie on
// SERIAL", with a place in its order. Without one firmware finds the disk by itself, as it finds a USB key; but some tries what
// is in its order first, such as a shell of its own or the disk that was there before, and some nothing else.
//
// What the firmware has besides stays as it is. An entry is written before the order names it, and each variable in one
// call, so that a power cut leaves the old order or the new one. A disk that is installed again keeps its entry's number,
// and what is there already is not written again: a firmware's memory wears.
//
// It is a help, not a need: for whoever calls, an error is something to note, and the disk starts as one without an entry.
package bootentry

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"

	"vigie/installer/layout"
)

// Disk is a system disk.
type Disk struct {
	Serial string
	Table  layout.Table
}

// Firmware is where UEFI's variables are.
type Firmware struct {
	Folder string // of efivarfs, which is mounted read-only
	// Unlock makes the folder writable until lock is called.
	Unlock func() (lock func() error, err error)
}

// vendor is the namespace of the variables that UEFI itself defines (EFI_GLOBAL_VARIABLE, UEFI 2.10, 3.3).
const vendor = "-8be4df61-93ca-11d2-aa0d-00e098032b8c"

const (
	orderName = "BootOrder"
	lasting   = 7 // non-volatile, for the firmware and for the running system (UEFI 2.10, 8.2)
	active    = 1 // LOAD_OPTION_ACTIVE
	program   = `\EFI\BOOT\BOOTX64.EFI`
	title     = "Vigie on "
)

// Offer gives a disk an entry, at the head of the firmware's order; or, where before is false, behind the system disks that are
// in it already. A machine without UEFI has nothing to be given, which is no error.
func (f Firmware) Offer(d Disk, first bool) (err error) {
	if _, err := os.Stat(f.Folder); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	part, ok := d.Table.Part(layout.EFI)
	if !ok {
		return errors.New("the disk has no EFI partition")
	}
	want := option(title+d.Serial, part)
	options, err := f.options()
	if err != nil {
		return err
	}
	order, err := f.order()
	if err != nil {
		return err
	}
	number, has := free(options), false
	for n, o := range options {
		if describe(o) == title+d.Serial {
			number, has = n, slices.Equal(o, want)
		}
	}
	next := arrange(order, number, first, func(n uint16) bool { return strings.HasPrefix(describe(options[n]), title) })
	if has && slices.Equal(next, order) {
		return nil
	}
	lock, err := f.Unlock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock()) }()
	if !has {
		if err := f.write(optionName(number), want); err != nil {
			return err
		}
	}
	var b []byte
	for _, n := range next {
		b = binary.LittleEndian.AppendUint16(b, n)
	}
	return f.write(orderName, b)
}

// arrange puts an entry into the order, once.
func arrange(order []uint16, number uint16, first bool, ours func(uint16) bool) []uint16 {
	if !first && slices.Contains(order, number) {
		return order
	}
	rest := slices.DeleteFunc(slices.Clone(order), func(n uint16) bool { return n == number })
	at := 0
	if !first {
		at = len(rest)
		for i, n := range rest {
			if ours(n) {
				at = i + 1
			}
		}
	}
	return slices.Insert(rest, at, number)
}

// free is the lowest number that no entry has.
func free(options map[uint16][]byte) (n uint16) {
	for options[n] != nil {
		n++
	}
	return n
}

func optionName(number uint16) string { return fmt.Sprintf("Boot%04X", number) }

// options are the firmware's entries, by number.
func (f Firmware) options() (map[uint16][]byte, error) {
	names, err := filepath.Glob(filepath.Join(f.Folder, "Boot[0-9A-F][0-9A-F][0-9A-F][0-9A-F]"+vendor))
	if err != nil {
		return nil, err
	}
	all := map[uint16][]byte{}
	for _, name := range names {
		var n uint16
		if _, err := fmt.Sscanf(filepath.Base(name), "Boot%04X-", &n); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if all[n], err = f.read(optionName(n)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (f Firmware) order() (order []uint16, err error) {
	b, err := f.read(orderName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for ; len(b) >= 2; b = b[2:] {
		order = append(order, binary.LittleEndian.Uint16(b))
	}
	return order, err
}

// read reads a variable. efivarfs puts its attributes before it, four bytes.
func (f Firmware) read(name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(f.Folder, name+vendor))
	if err == nil && len(b) < 4 {
		err = fmt.Errorf("%s is cut short", name)
	}
	if err != nil {
		return nil, err
	}
	return b[4:], nil
}

func (f Firmware) write(name string, value []byte) error {
	return os.WriteFile(filepath.Join(f.Folder, name+vendor), append(binary.LittleEndian.AppendUint32(nil, lasting), value...), 0o644)
}

// option is an entry (EFI_LOAD_OPTION, UEFI 2.10, 3.1.3) for the boot loader in a partition: its path is that of the partition
// (10.3.5.1), by which it is found on whatever port, and of the program in it (10.3.5.4).
func option(description string, part layout.Partition) []byte {
	le := binary.LittleEndian
	path := []byte{4, 1, 42, 0}
	path = le.AppendUint32(path, uint32(part.Number()))
	path = le.AppendUint64(path, uint64(part.Start/layout.Sector))
	path = le.AppendUint64(path, uint64(part.Size/layout.Sector))
	path = append(path, make([]byte, len(uuid.UUID{}))...)
	layout.PutGUID(path[len(path)-len(uuid.UUID{}):], part.ID)
	path = append(path, 2, 2) // of a GPT, by the partition's id
	file := wide(program)
	path = append(path, 4, 4)
	path = le.AppendUint16(path, uint16(4+len(file)))
	path = append(path, file...)
	path = append(path, 0x7f, 0xff, 4, 0) // the end

	b := le.AppendUint32(nil, active)
	b = le.AppendUint16(b, uint16(len(path)))
	b = append(b, wide(description)...)
	return append(b, path...)
}
