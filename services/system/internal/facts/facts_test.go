package facts

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"vigie/internal/api"
)

func write(t *testing.T, root, name, text string) string {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestManifestGivesPackagesAndBuildTime(t *testing.T) {
	root := t.TempDir()
	if _, err := ReadManifest(root); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("without a manifest: %v", err)
	}
	path := write(t, root, ManifestPath, `{"version":"1.2","packages":[{"name":"xfsprogs","version":"6.13","sha256":"00","arch":"amd64"}]}`)
	built := time.Unix(1_750_000_000, 0)
	if err := os.Chtimes(path, built, built); err != nil {
		t.Fatal(err)
	}
	m, err := ReadManifest(root)
	if err != nil || m.Version != "1.2" || !m.Built.Equal(built) || len(m.Packages) != 1 || m.Packages[0] != (api.Package{Name: "xfsprogs", Version: "6.13"}) {
		t.Errorf("got %+v, %v", m, err)
	}
	write(t, root, ManifestPath, `{`)
	if _, err := ReadManifest(root); err == nil {
		t.Error("a torn manifest is taken")
	}
}

func TestFirmwareAndMemory(t *testing.T) {
	root := t.TempDir()
	if got := Firmware(root); got != api.StatusFirmwareBios {
		t.Errorf("firmware %q", got)
	}
	write(t, root, "sys/firmware/efi/fw_platform_size", "64")
	if got := Firmware(root); got != api.StatusFirmwareUefi {
		t.Errorf("firmware %q", got)
	}
	write(t, root, "proc/meminfo", "MemTotal:        2048 kB\nMemFree:            1 kB\nMemAvailable:    1024 kB\nHugePages_Total:       0\n")
	if got, err := Memory(root); err != nil || got != (api.Memory{TotalBytes: 2 << 20, AvailableBytes: 1 << 20}) {
		t.Errorf("memory %+v, %v", got, err)
	}
	write(t, root, "proc/meminfo", "")
	if _, err := Memory(root); err == nil {
		t.Error("an empty meminfo is taken")
	}
	if m, err := Memory("/"); err != nil || m.AvailableBytes == 0 || m.AvailableBytes > m.TotalBytes {
		t.Errorf("this machine: %+v, %v", m, err)
	}
}

func TestStartedIsInThePast(t *testing.T) {
	now := time.Now()
	if got, err := Started(now); err != nil || !got.Before(now) {
		t.Errorf("got %v, %v", got, err)
	}
}
