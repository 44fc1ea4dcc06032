package blockdev

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var usbPort = regexp.MustCompile(`/(\d+-\d+(?:\.\d+)*)/`)

// slot says where a disk is plugged in: the bay of an enclosure that knows its disks, else the port or slot by the
// numbers that the kernel and the board give. Empty when nothing is known.
func slot(root string, s sysDir, bus, real string) string {
	// A shelf or backplane with a processor of its own (module ses) links each disk to its bay.
	if bays, _ := filepath.Glob(filepath.Join(string(s), "device/enclosure_device:*")); len(bays) > 0 {
		_, bay, _ := strings.Cut(filepath.Base(bays[0]), ":")
		return "bay " + clean([]byte(bay))
	}
	switch bus {
	case "sata":
		if m := ata.FindStringSubmatch(real); m != nil {
			before, _, _ := strings.Cut(real, m[0])
			if port := sysDir(filepath.Join(before, m[1], "ata_port", m[1])).text("port_no"); port != "" {
				return "port " + port
			}
		}
	case "usb":
		if all := usbPort.FindAllStringSubmatch(real, -1); len(all) > 0 {
			return "USB port " + all[len(all)-1][1]
		}
	case "scsi":
		if m := lun.FindStringSubmatch(real); m != nil {
			n := strings.Split(m[1], ":")
			return "channel " + n[0] + ", target " + n[1] + ", unit " + n[2]
		}
	case "nvme", "virtio":
		return pciSlot(root, adapter(real))
	}
	return ""
}

// pciSlot names the slot that the board has for a PCI device, else the device's address.
func pciSlot(root, address string) string {
	if address == "" {
		return ""
	}
	slots := filepath.Join(root, "sys/bus/pci/slots")
	entries, err := os.ReadDir(slots)
	if err != nil {
		entries = nil
	}
	for _, e := range entries {
		// The slot's address has no function: 0000:03:00 for 0000:03:00.0.
		if a := sysDir(filepath.Join(slots, e.Name())).text("address"); a != "" && strings.HasPrefix(address, a+".") {
			return "PCI slot " + clean([]byte(e.Name()))
		}
	}
	return "PCI " + address
}
