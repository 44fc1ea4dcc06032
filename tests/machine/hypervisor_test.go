//go:build whole

package machine

import (
	"slices"
	"testing"
	"time"

	"vigie/image/vm"
	"vigie/internal/api"
	"vigie/tools/simcam/content"
	"vigie/tools/simcam/rtspcam"
	"vigie/tools/site"
)

// TestMachinesLikeThoseOfOtherHypervisors boots machines of the devices that VMware, VirtualBox and Hyper-V (generation 1)
// show to a guest, finds their disks, and records through their network cards. One of them has 512 MB of memory.
func TestMachinesLikeThoseOfOtherHypervisors(t *testing.T) {
	for name, c := range map[string]struct {
		nic    string
		buses  []vm.Bus
		memory int
	}{
		"VMware":     {"vmxnet3", []vm.Bus{vm.PVSCSI, vm.MPTSAS}, 0},
		"VirtualBox": {"e1000", []vm.Bus{vm.AHCI, vm.IDE}, 0},
		"Hyper-V":    {"tulip", []vm.Bus{vm.IDE}, 512},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := site.Config{Firmware: vm.BIOS, Chipset: vm.I440FX, Medium: vm.CD, NIC: c.nic, Buses: c.buses, MemoryMiB: c.memory,
				Options: []string{"vigie.format=blank"}, Cameras: []rtspcam.Config{{ID: "gate", Video: video(content.H264, 1, 500_000)}}}
			for range c.buses {
				cfg.DiskBytes = append(cfg.DiskBytes, 512<<20)
			}
			b := open(t, cfg)
			b.boot(t)
			b.setUp(t)
			b.recording(t)
			s, err := b.Status(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range c.buses {
				serial := "DATA" + string(rune('0'+i))
				if !slices.ContainsFunc(s.Disks, func(d api.Disk) bool { return d.Serial == serial && d.Use == api.DiskUseVolume }) {
					t.Errorf("%s is no volume: %+v", serial, s.Disks)
				}
			}
			b.goesOn(t, 2*time.Second)
			b.verify(t, "gate")
			b.powerOff(t)
		})
	}
}
