package raidcard

import (
	"fmt"
	"path/filepath"
)

// Place is where a disk behind a card may be, as smartctl reaches it.
type Place struct {
	Number int // on the card
	Node   string
	Type   string
}

// PlacesOf returns where to look for disks behind a card; none where they show themselves. disks are the kernel names
// of the logical volumes that the card shows; nth is the card's number among those of its driver.
func PlacesOf(root string, c Card, nth int, disks []string) []Place {
	if c.Driver.Through == "" || len(c.Hosts) == 0 {
		return nil
	}
	node := ""
	if len(disks) > 0 {
		node = "/dev/" + disks[0]
	}
	first := 0
	switch c.Driver.Through {
	case "megaraid": // by the host, whether it shows a volume or not
		node = fmt.Sprintf("/dev/bus/%d", c.Hosts[0])
	case "3ware":
		node = fmt.Sprintf("/dev/twa%d", nth)
	case "areca":
		node, first = processor(root, c), 1
	case "cciss":
		if p := processor(root, c); p != "" {
			node = p
		}
	}
	if node == "" {
		return nil
	}
	var out []Place
	for n := first; n < first+c.Driver.Places; n++ {
		kind := fmt.Sprintf("%s,%d", c.Driver.Through, n)
		if c.Driver.Through == "aacraid" { // host, unit, number
			kind = fmt.Sprintf("aacraid,%d,0,%d", c.Hosts[0], n)
		}
		out = append(out, Place{n, node, kind})
	}
	return out
}

// processor finds the card's own device among those that it shows: Areca's is a processor, HP's a storage array
// controller (SPC-4, peripheral device types 03h and 0Ch).
func processor(root string, c Card) string {
	for _, h := range c.Hosts {
		found, _ := filepath.Glob(filepath.Join(root, "sys/bus/pci/devices", c.Address, fmt.Sprintf("host%d/target*/*/scsi_generic/sg*", h)))
		for _, sg := range found {
			if kind := text(filepath.Dir(filepath.Dir(sg)), "type"); kind == "3" || kind == "12" {
				return "/dev/" + filepath.Base(sg)
			}
		}
	}
	return ""
}
