package probe

import "fmt"

// bootSector recognises what begins with a DOS boot sector: NTFS, exFAT, ReFS, BitLocker and FAT. FAT has no magic
// number of its own worth the name, so its geometry must make sense (Microsoft's FAT specification, section 3).
func (d *disk) bootSector() (Content, bool) {
	b := d.at(0, 512)
	if b == nil || b[510] != 0x55 || b[511] != 0xaa {
		return Content{}, false
	}
	switch string(b[3:11]) {
	case "NTFS    ":
		return Content{Kind: "ntfs", Name: "NTFS file system", UUID: fmt.Sprintf("%016X", le.Uint64(b[72:]))}, true
	case "EXFAT   ":
		return Content{Kind: "exfat", Name: "exFAT file system", UUID: serial(b[100:])}, true
	case "ReFS\x00\x00\x00\x00":
		return Content{Kind: "refs", Name: "ReFS file system"}, true
	case "-FVE-FS-":
		return Content{Kind: "bitlocker", Name: "BitLocker encrypted data"}, true
	}
	if !fatGeometry(b) {
		return Content{}, false
	}
	c := Content{Kind: "vfat", Name: "FAT file system"}
	ext := b[36:] // FAT12 and FAT16
	if le.Uint16(b[22:]) == 0 {
		ext = b[64:] // FAT32
	}
	if ext[2] == 0x29 { // serial number and label follow
		c.UUID, c.Label = serial(ext[3:]), text(ext[7:18])
		if c.Label == "NO NAME" {
			c.Label = ""
		}
	}
	if label, ok := d.fatLabel(b); ok {
		c.Label = label
	}
	return c, true
}

// fatLabel is the label in the root directory, where Windows puts it: an entry of 32 bytes with nothing but that attribute
// (section 6 of the specification). The beginning of the directory is where it is in practice.
func (d *disk) fatLabel(b []byte) (string, bool) {
	const entry, attribute, looked = 32, 0x08, 16
	sector, cluster := int64(le.Uint16(b[11:])), int64(b[13])
	reserved, tables := int64(le.Uint16(b[14:])), int64(b[16])
	size, root := int64(le.Uint16(b[22:])), int64(0)
	if size == 0 { // FAT32: its root is a file
		size, root = int64(le.Uint32(b[36:])), int64(le.Uint32(b[44:]))-2
	}
	if root < 0 {
		return "", false
	}
	dir := d.at((reserved+tables*size+root*cluster)*sector, entry*looked)
	for e := dir; len(e) >= entry && e[0] != 0; e = e[entry:] {
		if e[0] != 0xe5 && e[11]&0x3f == attribute {
			return text(e[:11]), true
		}
	}
	return "", false
}

func fatGeometry(b []byte) bool {
	sector, cluster, media := le.Uint16(b[11:]), b[13], b[21]
	return (b[0] == 0xeb || b[0] == 0xe9) &&
		sector >= 512 && sector <= 4096 && sector&(sector-1) == 0 &&
		cluster != 0 && cluster&(cluster-1) == 0 &&
		le.Uint16(b[14:]) != 0 && b[16] >= 1 && b[16] <= 2 &&
		(media == 0xf0 || media >= 0xf8) &&
		(le.Uint16(b[19:]) != 0 || le.Uint32(b[32:]) != 0)
}

func serial(b []byte) string {
	v := le.Uint32(b)
	return fmt.Sprintf("%04X-%04X", v>>16, v&0xffff)
}
