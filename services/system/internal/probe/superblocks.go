package probe

import (
	"encoding/binary"
)

var (
	le = binary.LittleEndian
	be = binary.BigEndian
)

// superblocks recognises whatever claims the whole of d, most telling first.
func (d *disk) superblocks() []Content {
	var found []Content
	for _, look := range []func() (Content, bool){
		d.xfs, d.ext, d.btrfs, d.f2fs, d.bcachefs, d.iso9660, d.zfs, d.luks, d.lvm, d.md1, d.md0, d.firmwareRAID,
		d.swap, d.bootSector, d.apple, d.vmfs, d.bcache,
	} {
		if c, ok := look(); ok {
			found = append(found, c)
		}
	}
	return found
}

// magic tells whether s stands at off.
func (d *disk) magic(off int64, s string) bool {
	return string(d.at(off, len(s))) == s
}

// xfs: superblock of AG 0, fields big-endian ("XFS Algorithms & Data Structures", superblocks).
func (d *disk) xfs() (Content, bool) {
	b := d.at(0, 512)
	if b == nil || string(b[:4]) != "XFSB" {
		return Content{}, false
	}
	return Content{"xfs", "XFS file system", text(b[108:120]), uuid(b[32:48])}, true
}

// ext: superblock at 1024, magic 0xEF53 at 56; the features tell the generations apart.
func (d *disk) ext() (Content, bool) {
	b := d.at(1024, 512)
	if b == nil || le.Uint16(b[56:]) != 0xef53 {
		return Content{}, false
	}
	const (
		compatJournal = 0x4
		incompatExt4  = 0x40 | 0x80 | 0x200 // extents, 64bit, flex_bg
	)
	kind := "ext2"
	if le.Uint32(b[92:])&compatJournal != 0 {
		kind = "ext3"
	}
	if le.Uint32(b[96:])&incompatExt4 != 0 {
		kind = "ext4"
	}
	return Content{kind, kind + " file system", text(b[120:136]), uuid(b[104:120])}, true
}

func (d *disk) btrfs() (Content, bool) {
	b := d.at(64<<10, 1024)
	if b == nil || string(b[64:72]) != "_BHRfS_M" {
		return Content{}, false
	}
	return Content{"btrfs", "Btrfs file system", text(b[299:555]), uuid(b[32:48])}, true
}

func (d *disk) f2fs() (Content, bool) {
	b := d.at(1024, 512)
	if b == nil || le.Uint32(b) != 0xf2f52010 {
		return Content{}, false
	}
	return Content{Kind: "f2fs", Name: "F2FS file system", UUID: uuid(b[108:124])}, true
}

// bcachefs shares its place and magic numbers with bcache's family: UUID at 4096 + 24.
func (d *disk) bcachefs() (Content, bool) {
	const id = "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"
	return Content{Kind: "bcachefs", Name: "bcachefs file system"}, d.magic(4096+24, id)
}

func (d *disk) bcache() (Content, bool) {
	const id = "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"
	return Content{Kind: "bcache", Name: "bcache member"}, d.magic(4096+24, id)
}

// iso9660: primary volume descriptor at sector 16 of 2048 bytes (ECMA-119, 8.4).
func (d *disk) iso9660() (Content, bool) {
	b := d.at(32<<10, 2048)
	if b == nil || string(b[1:6]) != "CD001" {
		return Content{}, false
	}
	return Content{Kind: "iso9660", Name: "ISO 9660 file system", Label: text(b[40:72])}, true
}

// zfs: a vdev label is 256 KiB, two at the start and two at the end; its second half is an array of uberblocks, each
// with the magic 0x00bab10c in the writer's byte order.
func (d *disk) zfs() (Content, bool) {
	const label, array = 256 << 10, 128 << 10
	end := d.size / label * label
	for _, start := range []int64{0, label, end - 2*label, end - label} {
		b := d.at(start+array, array)
		for off := 0; off+8 <= len(b); off += 1024 {
			if le.Uint64(b[off:]) == 0x00bab10c || be.Uint64(b[off:]) == 0x00bab10c {
				return Content{Kind: "zfs", Name: "ZFS pool member"}, true
			}
		}
	}
	return Content{}, false
}

// luks: LUKS1 and the first header of LUKS2; both have the UUID as text at 168, LUKS2 a label at 24.
func (d *disk) luks() (Content, bool) {
	b := d.at(0, 512)
	if b == nil || string(b[:6]) != "LUKS\xba\xbe" {
		return Content{}, false
	}
	c := Content{Kind: "luks", Name: "LUKS encrypted data", UUID: text(b[168:208])}
	if be.Uint16(b[6:]) == 2 {
		c.Label = text(b[24:72])
	}
	return c, true
}

// lvm: a label in one of the first four sectors.
func (d *disk) lvm() (Content, bool) {
	b := d.at(0, 4*512)
	for off := 0; off+512 <= len(b); off += 512 {
		if string(b[off:off+8]) == "LABELONE" && string(b[off+24:off+32]) == "LVM2 001" {
			return Content{Kind: "lvm", Name: "LVM physical volume", UUID: text(b[off+32 : off+64])}, true
		}
	}
	return Content{}, false
}

// firmwareRAID: Intel's metadata in the last sector but one, SNIA DDF's anchor in the last.
func (d *disk) firmwareRAID() (Content, bool) {
	if d.magic(d.size-1024, "Intel Raid ISM Cfg Sig. ") {
		return Content{Kind: "imsm", Name: "member of an Intel firmware RAID"}, true
	}
	return Content{Kind: "ddf", Name: "member of a firmware RAID (DDF)"}, d.magic(d.size-512, "\xde\x11\xde\x11")
}

// swap: the signature ends the first page, whose size depends on the machine that wrote it.
func (d *disk) swap() (Content, bool) {
	for _, page := range []int64{4096, 16 << 10, 64 << 10} {
		if b := d.at(page-10, 10); string(b) == "SWAPSPACE2" || string(b) == "SWAP-SPACE" {
			header := d.at(1024, 64)
			return Content{"swap", "Linux swap space", text(header[28:44]), uuid(header[12:28])}, true
		}
	}
	return Content{}, false
}

// apple: HFS+ and APFS.
func (d *disk) apple() (Content, bool) {
	if b := d.at(1024, 4); b != nil && (string(b) == "H+\x00\x04" || string(b) == "HX\x00\x05") {
		return Content{Kind: "hfsplus", Name: "HFS+ file system"}, true
	}
	return Content{Kind: "apfs", Name: "APFS container"}, d.magic(32, "NXSB")
}

// vmfs: the volume's information at 1 MiB.
func (d *disk) vmfs() (Content, bool) {
	return Content{Kind: "vmfs", Name: "VMFS volume"}, d.magic(1<<20, "\x0d\xd0\x01\xc0")
}
