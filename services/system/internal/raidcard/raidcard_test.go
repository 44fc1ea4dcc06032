package raidcard

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	kernelconfig "vigie/kernel-config"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "sys", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func driver(t *testing.T, module string) Driver {
	t.Helper()
	i := slices.IndexFunc(Drivers, func(d Driver) bool { return d.Module == module })
	if i < 0 {
		t.Fatalf("no driver %s", module)
	}
	return Drivers[i]
}

func TestTheImageCarriesTheModulesOfTheTable(t *testing.T) {
	modules, err := kernelconfig.Modules("storage")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range Drivers {
		if !slices.Contains(modules, d.Module) {
			t.Errorf("%s is missing in kernel-config/modules/storage.list", d.Module)
		}
	}
	if !slices.Contains(modules, "sg") || !slices.Contains(modules, "ses") {
		t.Error("sg, by which smartctl passes through cards, or ses, which knows the bays, is missing")
	}
}

func TestCardsAreToldApart(t *testing.T) {
	root := tree(t, map[string]string{
		"bus/pci/drivers/megaraid_sas/0000:03:00.0/vendor":       "0x1000\n",
		"bus/pci/drivers/megaraid_sas/0000:03:00.0/device":       "0x005d\n",
		"bus/pci/drivers/megaraid_sas/0000:03:00.0/host2/x":      "",
		"bus/pci/drivers/megaraid_sas/module/x":                  "",
		"bus/pci/drivers/megaraid_sas/bind":                      "",
		"bus/pci/drivers/arcmsr/0000:01:00.0/vendor":             "0x17d3\n",
		"bus/pci/drivers/arcmsr/0000:01:00.0/device":             "0x1884\n",
		"bus/pci/drivers/mpt3sas/0000:05:00.0/vendor":            "0x1000\n",
		"bus/pci/drivers/mpt3sas/0000:05:00.0/device":            "0x0097\n",
		"bus/pci/drivers/ahci/0000:00:1f.2/vendor":               "0x8086\n",
		"bus/pci/drivers/mpt3sas/0000:05:00.0/host4/scsi_host/x": "",
	})
	got, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Card{
		{"0000:01:00.0", driver(t, "arcmsr"), "Areca, PCI id 17d3:1884", "17d3:1884", nil},
		{"0000:03:00.0", driver(t, "megaraid_sas"), "MegaRAID SAS-3 3108", "1000:005d", []int{2}},
		{"0000:05:00.0", driver(t, "mpt3sas"), "SAS 3008", "1000:0097", []int{4}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := List("/"); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

func TestVolumesSayWhatTheirCardTells(t *testing.T) {
	root := tree(t, map[string]string{
		"block/sda/device/raid_level":                  "RAID 5\n",
		"block/sdb/device/raid_devices/1:1:0:0/level":  "raid1\n",
		"block/sdb/device/raid_devices/1:1:0:0/state":  "degraded\n",
		"block/sdb/device/raid_devices/1:1:0:0/resync": "50000\n",
		"block/sdc/device/raid_level":                  "N/A\n",
		"block/sdd/device/model":                       "x",
	})
	for name, want := range map[string]Volume{
		"sda": {Level: "RAID 5"}, "sdb": {"raid1", "degraded", "50000"}, "sdc": {}, "sdd": {}, "none": {},
	} {
		if got := VolumeOf(root, name); got != want {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestDisksBehindCardsAreReached(t *testing.T) {
	root := tree(t, map[string]string{
		"bus/pci/devices/0000:01:00.0/host3/target3:0:16/3:0:16:0/type":               "3\n",
		"bus/pci/devices/0000:01:00.0/host3/target3:0:16/3:0:16:0/scsi_generic/sg5/x": "",
		"bus/pci/devices/0000:01:00.0/host3/target3:0:0/3:0:0:0/type":                 "0\n",
		"bus/pci/devices/0000:01:00.0/host3/target3:0:0/3:0:0:0/scsi_generic/sg4/x":   "",
	})
	for _, c := range []struct {
		module, address string
		hosts           []int
		nth             int
		disks           []string
		first           Place
		many            int
	}{
		{"megaraid_sas", "0000:03:00.0", []int{2}, 0, nil, Place{0, "/dev/bus/2", "megaraid,0"}, 64},
		{"3w-9xxx", "0000:04:00.0", []int{5}, 1, []string{"sdb"}, Place{0, "/dev/twa1", "3ware,0"}, 32},
		{"arcmsr", "0000:01:00.0", []int{3}, 0, []string{"sdb"}, Place{1, "/dev/sg5", "areca,1"}, 24},
		{"hpsa", "0000:06:00.0", []int{6}, 0, []string{"sdc", "sdd"}, Place{0, "/dev/sdc", "cciss,0"}, 64},
		{"aacraid", "0000:07:00.0", []int{7}, 0, []string{"sde"}, Place{0, "/dev/sde", "aacraid,7,0,0"}, 32},
		{"aacraid", "0000:07:00.0", []int{7}, 0, nil, Place{}, 0},
		{"mpt3sas", "0000:05:00.0", []int{4}, 0, []string{"sdf"}, Place{}, 0},
	} {
		got := PlacesOf(root, Card{Address: c.address, Driver: driver(t, c.module), Hosts: c.hosts}, c.nth, c.disks)
		if len(got) != c.many || len(got) > 0 && got[0] != c.first {
			t.Errorf("%s: %d places, the first %+v", c.module, len(got), append(got, Place{})[0])
		}
	}
}
