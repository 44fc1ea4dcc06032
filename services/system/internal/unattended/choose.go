package unattended

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vigie/internal/api"
	"vigie/internal/sysconfig"
	"vigie/services/system/internal/volume"
)

// networkFor is the network of the document, for a machine with these interfaces.
func (a *Answers) networkFor(live []api.Interface) (sysconfig.Network, error) {
	var here []string
	for _, l := range live {
		if l.Kind == api.InterfaceKindEthernet {
			here = append(here, l.ID)
		}
	}
	named := a.cards()
	for _, path := range slices.Sorted(maps.Keys(named)) {
		switch id := named[path]; {
		case len(here) == 0:
			return sysconfig.Network{}, a.at(path, "This machine has no network card that Vigie knows how to use.")
		case id != first && !slices.Contains(here, id):
			return sysconfig.Network{}, a.at(path, "This machine has no network card %s. It has %s.", id, strings.Join(here, ", "))
		case id != here[0]:
		case slices.ContainsFunc(a.Network.Interfaces, func(n sysconfig.NIC) bool { return n.ID == first }):
			return sysconfig.Network{}, a.at(path, "The network card %s is the first one, which is in the document too.", id)
		}
	}
	if len(named) == 0 {
		return a.Network, nil
	}
	return onCard(a.Network, here[0]), nil
}

// choose is the disk that the document means, of those that there are and those that are offered.
func (a *Answers) choose(disks []api.Disk, offered api.Installation) (api.Disk, error) {
	reasons := map[string]string{} // of those that are not offered
	for _, o := range offered.Disks {
		if !o.Offered {
			reasons[o.Disk] = o.Reason
		}
	}
	var fit, blank []api.Disk
	for _, d := range disks {
		if a.Disk.Only && reasons[d.ID] == "" && !d.Removable {
			fit = append(fit, d)
			if d.Use == api.DiskUseBlank {
				blank = append(blank, d)
			}
		}
		if !a.Disk.Only && d.Serial == a.Disk.Serial {
			fit = append(fit, d)
		}
	}
	switch {
	case !a.Disk.Only && len(fit) == 0:
		return api.Disk{}, a.at("disk.serial", "There is no disk with this serial. There are: %s.", listed(disks))
	case !a.Disk.Only && len(fit) > 1:
		return api.Disk{}, a.at("disk.serial", "Several disks have this serial.")
	case !a.Disk.Only && reasons[fit[0].ID] != "":
		return api.Disk{}, a.at("disk.serial", "%s", reasons[fit[0].ID])
	case !a.Disk.Only:
		return fit[0], a.large(fit[0], offered.MinBytes, "disk.serial")
	case len(fit) == 0:
		return api.Disk{}, a.at("disk.only", "There is no disk to install on.")
	case len(blank) == 0:
		return api.Disk{}, a.at("disk.only", "No disk is blank. Give the serial of the one that is to be erased: %s.", listed(fit))
	case len(blank) > 1:
		return api.Disk{}, a.at("disk.only", "%d disks are blank. Give the serial of one: %s.", len(blank), listed(blank))
	}
	return blank[0], a.large(blank[0], offered.MinBytes, "disk.only")
}

// large refuses a disk that has no room for a data volume, where one is wanted.
func (a *Answers) large(d api.Disk, least int64, path string) error {
	if a.DataVolume && d.SizeBytes < least+volume.MinSize {
		return a.at(path, "The disk has %d MB; with a data volume %d are needed.", d.SizeBytes/1e6, (least+volume.MinSize)/1e6)
	}
	return nil
}

func listed(disks []api.Disk) string {
	var out []string
	for _, d := range disks {
		if d.Use != api.DiskUseBoot {
			out = append(out, fmt.Sprintf("%s (%s)", d.Serial, d.Model))
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, ", ")
}
