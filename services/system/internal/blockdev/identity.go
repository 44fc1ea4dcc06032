package blockdev

import (
	"path/filepath"
	"regexp"
	"strings"
)

// clean makes foreign text one printable ASCII line with single spaces.
func clean(b []byte) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case r < ' ' || r > '~':
			return -1
		}
		return r
	}, string(b))), " ")
}

func model(s sysDir) string {
	m := s.text("device/model") // SCSI, NVMe
	if m == "" {
		m = s.text("device/name") // MMC
	}
	if v := s.text("device/vendor"); v != "" && v != "ATA" && !strings.HasPrefix(v, "0x") && m != "" && !strings.HasPrefix(m, v) {
		m = v + " " + m
	}
	if m == "" && strings.HasPrefix(s.text("device/modalias"), "virtio:") {
		m = "Virtio disk"
	}
	return m
}

func serial(s sysDir) string {
	if v := s.text("serial"); v != "" { // virtio
		return v
	}
	if v := s.text("device/serial"); v != "" { // NVMe, MMC
		return v
	}
	// SCSI and SATA: vital product data, unit serial number page (SPC-4, 7.8.18): four bytes of header.
	if page := s.bytes("device/vpd_pg80"); len(page) > 4 && page[1] == 0x80 {
		if v := clean(page[4:]); v != "" {
			return v
		}
	}
	// USB: the nearest ancestor that is a USB device.
	for dir := string(s); dir != "/" && dir != "."; dir = filepath.Dir(dir) {
		if up := sysDir(dir); up.text("idVendor") != "" {
			return up.text("serial")
		}
	}
	return ""
}

func bus(name, real string) string {
	switch {
	case strings.HasPrefix(name, "nvme"):
		return "nvme"
	case strings.HasPrefix(name, "mmcblk"):
		return "mmc"
	case strings.HasPrefix(name, "md"):
		return "array"
	}
	for _, b := range []struct{ part, bus string }{
		{"/usb", "usb"}, {"/virtio", "virtio"}, {"/ata", "sata"}, {"/vbd-", "xen"}, {"/VMBUS", "hyper-v"}, {"/host", "scsi"},
	} {
		if strings.Contains(real, b.part) {
			return b.bus
		}
	}
	return ""
}

var (
	unsafe = regexp.MustCompile(`[^A-Za-z0-9._]+`)
	pci    = regexp.MustCompile(`[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]`)
	ata    = regexp.MustCompile(`/(ata\d+)/`)
	lun    = regexp.MustCompile(`/\d+:(\d+:\d+:\d+)/`)
)

// wwid is what the kernel calls a disk's world-wide name: "naa.…", "eui.…", or else text of the disk's.
func wwid(s sysDir) string {
	if v := s.text("wwid"); v != "" { // NVMe
		return v
	}
	return s.text("device/wwid")
}

// wwn is the world-wide name as it is printed on a disk's label; text that merely identifies it is none.
func wwn(s sysDir) string {
	for _, kind := range []string{"naa.", "eui."} {
		if v, ok := strings.CutPrefix(wwid(s), kind); ok {
			return v
		}
	}
	return ""
}

func firmware(s sysDir) string {
	for _, name := range []string{"device/firmware_rev", "device/fwrev", "device/rev"} { // NVMe, MMC, SCSI
		if v := s.text(name); v != "" {
			return v
		}
	}
	return ""
}

// id is made of characters that need no escaping in a URL.
func id(s sysDir, d Disk) string {
	switch w := wwid(s); {
	case w != "":
		return safe(w)
	case d.Serial != "":
		return safe(d.Bus + "-" + d.Model + "-" + d.Serial)
	}
	return d.path
}

// path names the port of a disk.
func path(name, real string) string {
	from := "path"
	if a := adapter(real); a != "" {
		from += "-" + a
	}
	if m := ata.FindStringSubmatch(real); m != nil {
		from += "-" + m[1]
	}
	if m := lun.FindStringSubmatch(real); m != nil {
		from += "-" + m[1]
	}
	if from == "path" {
		from += "-" + name
	}
	return safe(from)
}

// adapter is the last PCI device on the way to a disk.
func adapter(real string) string {
	if all := pci.FindAllString(real, -1); len(all) > 0 {
		return all[len(all)-1]
	}
	return ""
}

func safe(s string) string { return strings.Trim(unsafe.ReplaceAllString(s, "-"), "-") }

// ArrayID is the id of the disk that an array is.
func ArrayID(uuid string) string { return "array-" + uuid }

// array names an array that runs by its UUID, as its members' superblocks do.
func (d *Disk) array(s sysDir) {
	level, _ := strings.CutPrefix(s.text("md/level"), "raid")
	d.Model = strings.ToUpper("RAID " + level)
	if uuid := s.text("md/uuid"); len(uuid) >= 8 {
		d.ID, d.Serial = ArrayID(uuid), "RAID-"+strings.ToUpper(uuid[:8])
	}
}
