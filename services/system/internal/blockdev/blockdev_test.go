package blockdev

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tree writes a sysfs of the given attributes; a key that ends in "@" is a symbolic link.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, "sys", strings.TrimSuffix(name, "@"))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if strings.HasSuffix(name, "@") {
			err = os.Symlink(text, path)
		} else {
			err = os.WriteFile(path, []byte(text), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func disk(files map[string]string, name, path string, attrs ...string) {
	files["block/"+name+"@"] = "../devices/" + path + "/block/" + name
	for i := 0; i < len(attrs); i += 2 {
		files["devices/"+path+"/block/"+name+"/"+attrs[i]] = attrs[i+1]
	}
}

func TestListDescribesEachKindOfDisk(t *testing.T) {
	files := map[string]string{}
	const ata, usb, scsi = "pci0000:00/0000:00:1f.2/ata3/host2/target2:0:0/2:0:0:0", "pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host6/target6:0:0/6:0:0:0", "pci0000:00/0000:00:07.0/host1/target1:0:2/1:0:2:0"
	disk(files, "sda", ata, "size", "2048\n", "diskseq", "9\n", "removable", "0\n", "ro", "0\n", "queue/rotational", "1\n", "dev", "8:0\n",
		"device/model", "WDC WD40PURZ    \n", "device/vendor", "ATA     \n", "device/rev", "80.0\n", "device/wwid", "naa.50014ee2b1234567\n", "device/vpd_pg80", "\x00\x80\x00\x10     WD-WCC7K1234",
		"sda1/partition", "1\n", "sda1/start", "64\n", "sda1/size", "128\n", "sda1/dev", "8:1\n", "sda1/holders/md127/x", "",
		"sda2/partition", "2\n", "sda2/start", "192\n", "sda2/size", "128\n", "sda2/dev", "8:2\n")
	files["devices/pci0000:00/0000:00:1f.2/ata3/ata_port/ata3/port_no"] = "2\n"
	disk(files, "sdb", usb, "size", "4096\n", "removable", "0\n", "device/model", "DataTraveler\x1b[2J\n", "device/vendor", "Kingston\n")
	files["devices/pci0000:00/0000:00:14.0/usb2/2-1/idVendor"] = "0951\n"
	files["devices/pci0000:00/0000:00:14.0/usb2/2-1/serial"] = "60A44C\n"
	disk(files, "sdc", scsi, "size", "8\n", "dev", "8:32\n", "device/model", "QEMU HARDDISK\n", "device/vendor", "QEMU\n")
	disk(files, "sdaa", "pci0000:00/0000:00:08.0/host1/target1:0:3/1:0:3:0", "size", "8\n", "device/wwid", "naa.50014ee2b1234567\n", "device/enclosure_device:Slot 07/x", "")
	disk(files, "vda", "pci0000:00/0000:00:05.0/virtio2", "size", "8\n", "serial", "data-1", "device/modalias", "virtio:d00000002v00001AF4\n")
	files["bus/pci/slots/5/address"] = "0000:00:05\n"
	disk(files, "nvme0n1", "pci0000:00/0000:00:06.0/nvme/nvme0", "size", "8\n", "wwid", "eui.0025385b71b00001\n", "device/serial", "S4EV  \n", "device/model", "Samsung SSD 970  \n", "device/firmware_rev", "2B2QEXE7\n")
	disk(files, "sr0", "pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0", "size", "100\n", "removable", "1\n", "device/model", "QEMU DVD-ROM\n")
	disk(files, "sdd", "pci0000:00/0000:00:09.0/host9/target9:0:0/9:0:0:0", "size", "0\n")
	disk(files, "loop0", "virtual", "size", "8\n")
	disk(files, "md0", "virtual", "size", "16\n", "md/level", "raid5\n", "md/uuid", "3f2a91c4-2222-3333-4444-555555555555\n", "queue/rotational", "1\n")
	root := tree(t, files)
	for name, text := range map[string]string{
		"proc/self/mountinfo": "36 35 8:32 / /backup rw - ext4 /dev/sdc rw\n37 35 0:5 / /dev rw - devtmpfs none rw\n",
		"proc/swaps":          "Filename Type Size Used Priority\n/dev/sda2 partition 64 0 -2\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := List(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []Disk{
		{Name: "md0", ID: "array-3f2a91c4-2222-3333-4444-555555555555", Model: "RAID 5", Serial: "RAID-3F2A91C4", Bus: "array", SizeBytes: 8192, Rotational: true},
		{Name: "sda", Seq: 9, Number: "8:0", ID: "naa.50014ee2b1234567", Model: "WDC WD40PURZ", Serial: "WD-WCC7K1234", WWN: "50014ee2b1234567", Firmware: "80.0", Bus: "sata", Slot: "port 2", Adapter: "0000:00:1f.2",
			SizeBytes: 1 << 20, Rotational: true, Parts: []Part{{"sda1", 64 * 512, 128 * 512, "8:1"}, {"sda2", 192 * 512, 128 * 512, "8:2"}}, Users: []User{{Holder, "md127"}, {Swap, ""}}},
		{Name: "sdb", ID: "usb-Kingston-DataTraveler-2J-60A44C", Model: "Kingston DataTraveler[2J", Serial: "60A44C", Bus: "usb", Slot: "USB port 2-1", Adapter: "0000:00:14.0", SizeBytes: 2 << 20, Removable: true},
		{Name: "sdc", Number: "8:32", ID: "path-0000-00-07.0-0-2-0", Model: "QEMU HARDDISK", Serial: "path-0000-00-07.0-0-2-0", Bus: "scsi", Slot: "channel 0, target 2, unit 0", Adapter: "0000:00:07.0", SizeBytes: 4096, Users: []User{{Mounted, "/backup"}}},
		{Name: "sr0", ID: "path-0000-00-1f.2-ata1-0-0-0", Model: "QEMU DVD-ROM", Serial: "path-0000-00-1f.2-ata1-0-0-0", Bus: "sata", Adapter: "0000:00:1f.2", SizeBytes: 51200, Removable: true, Optical: true},
		{Name: "vda", ID: "virtio-Virtio-disk-data-1", Model: "Virtio disk", Serial: "data-1", Bus: "virtio", Slot: "PCI slot 5", Adapter: "0000:00:05.0", SizeBytes: 4096},
		{Name: "sdaa", ID: "naa.50014ee2b1234567-path-0000-00-08.0-0-3-0", WWN: "50014ee2b1234567", Bus: "scsi", Slot: "bay Slot 07", Adapter: "0000:00:08.0", SizeBytes: 4096, Serial: "naa.50014ee2b1234567"},
		{Name: "nvme0n1", ID: "eui.0025385b71b00001", Model: "Samsung SSD 970", Serial: "S4EV", WWN: "0025385b71b00001", Firmware: "2B2QEXE7", Bus: "nvme", Slot: "PCI 0000:00:06.0", Adapter: "0000:00:06.0", SizeBytes: 4096},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Disk{}), cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

func TestListReadsThisMachine(t *testing.T) {
	if _, err := List("/"); err != nil {
		t.Error(err)
	}
}

var uevents = []struct {
	text string
	want Event
	ok   bool
}{
	{"add@/devices/pci0000:00/block/sda\x00ACTION=add\x00DEVPATH=/x\x00SUBSYSTEM=block\x00DEVNAME=sda\x00DEVTYPE=disk\x00SEQNUM=1\x00", Event{"add", "sda"}, true},
	{"remove@/devices/x\x00ACTION=remove\x00SUBSYSTEM=block\x00DEVNAME=cciss/c0d0\x00", Event{"remove", "cciss!c0d0"}, true},
	{"add@/devices/x\x00ACTION=add\x00SUBSYSTEM=net\x00DEVNAME=eth0\x00", Event{}, false},
	{"libudev\x00ACTION=add\x00SUBSYSTEM=block\x00DEVNAME=sda\x00", Event{}, false},
	{"add@/x\x00ACTION=add\x00SUBSYSTEM=block", Event{}, false},
	{"", Event{}, false},
}

func TestParseUevent(t *testing.T) {
	for _, c := range uevents {
		if got, ok := ParseUevent([]byte(c.text)); ok != c.ok || ok && got != c.want {
			t.Errorf("%q: %+v, %v", c.text, got, ok)
		}
	}
}

func FuzzParseUevent(f *testing.F) {
	for _, c := range uevents {
		f.Add([]byte(c.text))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if e, ok := ParseUevent(b); ok && (e.Action == "" || e.Name == "" || strings.ContainsAny(e.Name, "/\x00")) {
			t.Errorf("%q: %+v", b, e)
		}
	})
}

// TestListenHearsTheKernel asks the kernel to announce a disk again.
func TestListenHearsTheKernel(t *testing.T) {
	names, err := filepath.Glob("/sys/block/*/uevent")
	if err != nil || len(names) == 0 {
		t.Fatalf("no block devices: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	events, done := make(chan Event, 16), make(chan error, 1)
	go func() { done <- Listen(ctx, events) }()
	poke := time.NewTicker(50 * time.Millisecond)
	defer poke.Stop()
	for heard := false; !heard; {
		select {
		case e := <-events:
			heard = e.Action == "change" && e.Name == filepath.Base(filepath.Dir(names[0]))
		case err := <-done:
			t.Fatalf("stopped listening: %v", err)
		case <-poke.C: // Listen may not be bound yet
			if err := os.WriteFile(names[0], []byte("change"), 0o200); err != nil {
				t.Fatal(err)
			}
		case <-ctx.Done():
			t.Fatal("nothing heard")
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
