package medium

import (
	"os"
	"path/filepath"
	"testing"

	"vigie/services/system/internal/probe"
)

func TestFind(t *testing.T) {
	c := func(kind, label string) []probe.Content { return []probe.Content{{Kind: kind, Label: label}} }
	part := func(n int, size int64, contents []probe.Content) probe.Part {
		return probe.Part{Number: n, Size: size, Contents: contents}
	}
	for _, x := range []struct {
		name string
		r    probe.Result
		kind string // "": none
		part int
	}{
		{"a stick without partitions", probe.Result{Contents: c("vfat", "STICK")}, "vfat", 0},
		{"the larger partition", probe.Result{Contents: c("gpt", ""), Parts: []probe.Part{part(1, 10, c("vfat", "EFI")), part(2, 100, c("exfat", "DATA")), part(3, 50, c("ntfs", ""))}}, "exfat", 2},
		{"nothing that can be written to", probe.Result{Contents: c("iso9660", "VIGIE")}, "", 0},
		{"a data volume", probe.Result{Contents: c("xfs", "vigie")}, "", 0},
		{"a volume beside something else", probe.Result{Parts: []probe.Part{part(1, 10, c("vfat", "")), part(2, 100, c("xfs", "vigie"))}}, "", 0},
		{"another XFS", probe.Result{Contents: c("xfs", "backup")}, "xfs", 0},
		{"a part of an array", probe.Result{Parts: []probe.Part{part(1, 10, c("vfat", "")), part(2, 100, c("md", ""))}}, "", 0},
		{"encrypted", probe.Result{Contents: c("luks", "")}, "", 0},
		{"blank", probe.Result{Blank: true}, "", 0},
	} {
		f, ok := Find(x.r)
		number := 0
		if ok && f.Part != nil {
			number = f.Part.Number
		}
		if ok != (x.kind != "") || ok && (f.Kind != x.kind || number != x.part) {
			t.Errorf("%s: %+v, %v", x.name, f, ok)
		}
	}
}

func TestTheUSBPortOfADiskIsSwitchedOff(t *testing.T) {
	root := t.TempDir()
	device := filepath.Join(root, "sys/devices/pci0000:00/0000:00:14.0/usb2/2-1")
	disk := filepath.Join(device, "2-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb")
	for _, d := range []string{disk, filepath.Join(root, "sys/block")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"idVendor", "remove"} {
		if err := os.WriteFile(filepath.Join(device, f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(disk, filepath.Join(root, "sys/block/sdb")); err != nil {
		t.Fatal(err)
	}
	if err := PowerOff(root, filepath.Join(root, "none"), "sdb"); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(filepath.Join(device, "remove")); err != nil || string(b) != "1" {
		t.Errorf("%q, %v", b, err)
	}
	if err := PowerOff(root, filepath.Join(root, "none"), "sdc"); err == nil {
		t.Error("a disk that is not there was stopped")
	}
}
