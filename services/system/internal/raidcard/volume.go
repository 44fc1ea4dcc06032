package raidcard

import (
	"path/filepath"
)

// Volume is what a card says of a disk that it shows: whether it is a logical volume, and how that is.
type Volume struct {
	Level  string // RAID 5, …; empty: not said
	State  string // active, degraded, …; empty: not said
	Resync string // how far it is in sync; empty: not said
}

// VolumeOf reads what the kernel tells of the disk with a kernel name.
func VolumeOf(root, name string) Volume {
	device := filepath.Join(root, "sys/block", name, "device")
	if level := text(device, "raid_level"); level != "" && level != "N/A" { // hpsa, smartpqi
		return Volume{Level: level}
	}
	classes, _ := filepath.Glob(filepath.Join(device, "raid_devices/*")) // mpt3sas, by the kernel's RAID class
	for _, c := range classes {
		return Volume{Level: text(c, "level"), State: text(c, "state"), Resync: text(c, "resync")}
	}
	return Volume{}
}
