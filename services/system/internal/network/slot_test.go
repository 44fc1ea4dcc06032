package network

import (
	"os"
	"path/filepath"
	"testing"
)

// TestACardSaysWhereItIs: sysfs as kernels have it, of a card of two ports at one address, of one behind a bridge, of a virtual one,
// of one on USB, and of none.
func TestACardSaysWhereItIs(t *testing.T) {
	dir := t.TempDir()
	for name, device := range map[string]string{
		"eth0": "pci0000:00/0000:00:1c.0/0000:03:00.1", "eth1": "pci0000:00/0000:05:00.0", "eth2": "pci0000:00/0000:00:03.0/virtio1",
		"eth3": "pci0000:00/0000:00:14.0/usb1/1-2/1-2:1.0", "eth4": "platform/soc/eth", "bond0": "",
	} {
		at := filepath.Join(dir, "net", name)
		if err := os.MkdirAll(at, 0o755); err != nil {
			t.Fatal(err)
		}
		if device == "" {
			continue
		}
		if err := os.MkdirAll(filepath.Join(dir, device), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(dir, device), filepath.Join(at, "device")); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(at, "dev_port"), []byte(map[bool]string{true: "1\n", false: "0\n"}[name == "eth1"]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for name, want := range map[string]string{
		"eth0": "0000:03:00.1", "eth1": "0000:05:00.0 port 1", "eth2": "0000:00:03.0", "eth3": "0000:00:14.0", "eth4": "", "bond0": "", "gone": "",
	} {
		if got := slot(filepath.Join(dir, "net"), name); got != want {
			t.Errorf("%s is at %q, want %q", name, got, want)
		}
	}
}
