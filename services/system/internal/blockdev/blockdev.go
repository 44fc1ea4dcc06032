// Package blockdev is the inventory of disks, read from sysfs and procfs alone: there is no udev on the appliance. It
// also hears the kernel's uevents, as hints that the inventory is worth reading again; they carry no truth of their own,
// because they can be lost.
//
// What a disk says about itself (model, serial) is foreign text: it leaves this package printable and trimmed. A
// disk's id is stable over boots and ports when it has a WWN or a serial, and names the port otherwise; two disks
// never share one. The kernel's name of a disk (sda) is for the node in /dev and means nothing after a restart: people
// are never told it. Nothing that is read here asks the disk (temperatures would), so a dead one does not block List.
package blockdev

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Disk is one whole disk.
type Disk struct {
	Name       string // kernel name, such as sda; the node is /dev/<Name>
	Seq        uint64 // the kernel's number of this appearance: a disk pulled and put back gets another
	Number     string // major:minor
	ID         string
	Model      string
	Serial     string // as the disk says it; ID when it says none
	WWN        string // in hexadecimal; empty when there is none
	Firmware   string
	Bus        string // sata, scsi, nvme, usb, virtio, mmc, xen, hyper-v, array; empty when not known
	Slot       string // where it is plugged in, for people
	Adapter    string // PCI address of what it is attached to; empty when that is none
	SizeBytes  int64
	Rotational bool
	Removable  bool
	ReadOnly   bool
	Optical    bool
	Parts      []Part
	Users      []User

	path string // its port, as part of an id
}

// Part is a partition as the kernel sees it.
type Part struct {
	Name        string
	Start, Size int64  // bytes
	Number      string // major:minor
}

// Node is the path of a device node.
func Node(name string) string { return "/dev/" + strings.ReplaceAll(name, "!", "/") }

// disks are the kernel names of what can be one: not loop, ram, device mapper, nor hardware partitions of an eMMC. An
// array that runs is one, too.
var disks = regexp.MustCompile(`^(sd[a-z]+|hd[a-z]+|vd[a-z]+|xvd[a-z]+|nvme\d+n\d+|mmcblk\d+|sr\d+|cciss!.*|pmem\d+|md\d+)$`)

// List returns the disks in order of name. root is "/" but in tests.
func List(root string) ([]Disk, error) {
	entries, err := os.ReadDir(filepath.Join(root, "sys/block"))
	if err != nil {
		return nil, fmt.Errorf("list disks: %w", err)
	}
	var out []Disk
	for _, e := range entries {
		if !disks.MatchString(e.Name()) {
			continue
		}
		d, err := Read(root, e.Name())
		if errors.Is(err, fs.ErrNotExist) {
			continue // pulled while we looked
		}
		if err != nil {
			return nil, err
		}
		if d.SizeBytes > 0 { // a card reader without a card is not a disk
			out = append(out, d)
		}
	}
	slices.SortFunc(out, func(a, b Disk) int {
		if len(a.Name) != len(b.Name) { // sdb before sdaa
			return len(a.Name) - len(b.Name)
		}
		return strings.Compare(a.Name, b.Name)
	})
	distinguish(out)
	return out, addUsers(root, out)
}

// distinguish gives disks of one id different ones: enclosures that give all their disks one number exist.
func distinguish(list []Disk) {
	seen := map[string]bool{}
	for i := range list {
		if d := &list[i]; seen[d.ID] {
			d.ID += "-" + d.path
			if seen[d.ID] {
				d.ID += "-" + d.Name
			}
		}
		seen[list[i].ID] = true
	}
}

// Read describes one disk by its kernel name.
func Read(root, name string) (Disk, error) {
	dir := filepath.Join(root, "sys/block", name)
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return Disk{}, fmt.Errorf("disk %s: %w", name, err)
	}
	s := sysDir(real)
	size, err := strconv.ParseInt(s.text("size"), 10, 64)
	if err != nil {
		return Disk{}, fmt.Errorf("disk %s: size: %w", name, err)
	}
	d := Disk{
		Name: name, Number: s.text("dev"), Model: model(s), Serial: serial(s), WWN: wwn(s), Firmware: firmware(s),
		Bus: bus(name, real), Adapter: adapter(real), SizeBytes: size * 512, path: path(name, real),
		Rotational: s.text("queue/rotational") == "1", ReadOnly: s.text("ro") == "1", Optical: strings.HasPrefix(name, "sr"),
	}
	d.Seq, _ = strconv.ParseUint(s.text("diskseq"), 10, 64)
	d.Removable = s.text("removable") == "1" || d.Bus == "usb" || d.Bus == "mmc" && s.text("device/type") == "SD"
	d.ID, d.Slot = id(s, d), slot(root, s, d.Bus, real)
	if d.Bus == "array" {
		d.array(s)
	}
	if d.Serial == "" {
		d.Serial = d.ID
	}
	if d.Parts, err = parts(real, name); err != nil {
		return Disk{}, err
	}
	return d, nil
}

func parts(real, name string) ([]Part, error) {
	entries, err := os.ReadDir(real)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", name, err)
	}
	var out []Part
	for _, e := range entries {
		s := sysDir(filepath.Join(real, e.Name()))
		if !strings.HasPrefix(e.Name(), name) || s.text("partition") == "" {
			continue
		}
		start, err1 := strconv.ParseInt(s.text("start"), 10, 64)
		size, err2 := strconv.ParseInt(s.text("size"), 10, 64)
		if err1 == nil && err2 == nil {
			out = append(out, Part{e.Name(), start * 512, size * 512, s.text("dev")})
		}
	}
	return out, nil
}

// sysDir reads attributes; one that is not there, or cannot be read, is empty.
type sysDir string

func (s sysDir) bytes(name string) []byte {
	b, err := os.ReadFile(filepath.Join(string(s), name))
	if err != nil {
		return nil
	}
	return b
}

func (s sysDir) text(name string) string { return clean(s.bytes(name)) }
