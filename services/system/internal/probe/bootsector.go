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
	return c, true
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
