// Package raidcard knows the RAID cards and SAS adapters that recorders are built with, tells them apart by driver and
// PCI id, and says how the disks behind them are reached. Cards are watched, not configured: an array on one is made
// in the card's own set-up or with its maker's program, and appears here as one disk, its logical volume.
//
// The table of drivers also says which kernel modules the image must carry (kernel-config/modules/storage.list; a test
// holds the two together).
//
// What a card says of its volumes differs from driver to driver: hpsa and smartpqi tell the level of each, mpt3sas'
// integrated RAID level and state, the others nothing without programs of their makers. The state of the disks behind
// comes from smartctl, which can pass through all of these. Everything is read from sysfs and does not touch a disk.
package raidcard

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Driver is a kernel driver of cards.
type Driver struct {
	Module string
	Name   string // of its cards, for people
	// Through is smartctl's name for passing through to the disks behind; empty: they show themselves, as disks of their own.
	Through string
	Places  int // how many disks are looked for
}

// Drivers are those that the image carries for this purpose.
var Drivers = []Driver{
	{"megaraid_sas", "MegaRAID (Broadcom, Dell PERC)", "megaraid", 64},
	{"mpt3sas", "SAS adapter (Broadcom)", "", 0},
	{"aacraid", "Adaptec", "aacraid", 32},
	{"hpsa", "Smart Array (HPE)", "cciss", 64},
	{"smartpqi", "SmartRAID (HPE, Microchip)", "cciss", 64},
	{"arcmsr", "Areca", "areca", 24},
	{"3w-9xxx", "3ware 9000", "3ware", 32},
}

// models are cards by PCI id (vendor:device), as far as the driver alone does not say what people call them.
var models = map[string]string{
	"1000:0060": "MegaRAID SAS 1078", "1000:0079": "MegaRAID SAS 2108", "1000:005b": "MegaRAID SAS 2208", "1000:005d": "MegaRAID SAS-3 3108",
	"1000:005f": "MegaRAID SAS-3 3008", "1000:0014": "MegaRAID Tri-Mode 3516", "1000:0016": "MegaRAID Tri-Mode 3508", "1000:10e2": "MegaRAID 12GSAS/PCIe 39xx",
	"1000:0072": "SAS 2008", "1000:0087": "SAS 2308", "1000:0097": "SAS 3008", "1000:00af": "SAS 3408", "1000:00ac": "SAS 3416",
	"103c:323a": "Smart Array G6", "103c:323b": "Smart Array Gen8", "103c:3239": "Smart Array Gen9", "9005:028f": "Smart Storage PQI",
	"9005:028b": "Adaptec Series 6", "9005:028c": "Adaptec Series 7", "9005:028d": "Adaptec Series 8",
	"13c1:1002": "3ware 9000", "13c1:1003": "3ware 9550SX", "13c1:1004": "3ware 9650SE", "13c1:1005": "3ware 9690SA",
}

// Card is one that is in the machine.
type Card struct {
	Address string // on the PCI bus
	Driver  Driver
	Model   string // for people
	ID      string // vendor:device
	Hosts   []int  // the kernel's numbers of it as a SCSI host
}

// List returns the cards in order of address. root is "/" but in tests.
func List(root string) ([]Card, error) {
	var out []Card
	for _, d := range Drivers {
		dir := filepath.Join(root, "sys/bus/pci/drivers", d.Module)
		entries, err := os.ReadDir(dir)
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				continue // its module was not needed
			}
			return nil, fmt.Errorf("list RAID cards: %w", err)
		}
		for _, e := range entries {
			if strings.Count(e.Name(), ":") == 2 {
				out = append(out, read(filepath.Join(dir, e.Name()), e.Name(), d))
			}
		}
	}
	slices.SortFunc(out, func(a, b Card) int { return strings.Compare(a.Address, b.Address) })
	return out, nil
}

func read(dir, address string, d Driver) Card {
	c := Card{Address: address, Driver: d, ID: strings.TrimPrefix(text(dir, "vendor"), "0x") + ":" + strings.TrimPrefix(text(dir, "device"), "0x")}
	c.Model = models[c.ID]
	if c.Model == "" {
		c.Model = fmt.Sprintf("%s, PCI id %s", d.Name, c.ID)
	}
	hosts, _ := filepath.Glob(filepath.Join(dir, "host*"))
	for _, h := range hosts {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(h), "host%d", &n); err == nil {
			c.Hosts = append(c.Hosts, n)
		}
	}
	slices.Sort(c.Hosts)
	return c
}

func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, string(b)))
}
