// Package facts reads what does not change while the machine runs (kernel, firmware, what the image was built from,
// when it started) and how much memory is free. It only reads; a fact that cannot be had is absent, never guessed.
package facts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vigie/internal/api"
)

// ManifestPath lists the packages of the image; its modification time is the image's build time.
const ManifestPath = "usr/share/vigie/manifest.json"

// Kernel returns the running kernel's release, such as 6.12.48+deb13-amd64.
func Kernel() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// Firmware tells by which firmware the machine under root ("/" but in tests) was booted.
func Firmware(root string) api.StatusFirmware {
	if _, err := os.Stat(filepath.Join(root, "sys/firmware/efi")); err == nil {
		return api.StatusFirmwareUefi
	}
	return api.StatusFirmwareBios
}

// Manifest is what the image says about itself.
type Manifest struct {
	Version  string        `json:"version"`
	Packages []api.Package `json:"packages"`
	Built    time.Time     `json:"-"`
}

// ReadManifest reads the image's manifest under root. Without one (a developer's host) it returns an error that is
// fs.ErrNotExist.
func ReadManifest(root string) (Manifest, error) {
	path := filepath.Join(root, ManifestPath)
	b, err := os.ReadFile(path)
	if err != nil {
		return Manifest{}, err
	}
	var m Manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return Manifest{}, fmt.Errorf("read %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return Manifest{}, err
	}
	m.Built = info.ModTime()
	return m, nil
}

// Started returns when the kernel started, by the clock as it is now.
func Started(now time.Time) (time.Time, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return time.Time{}, fmt.Errorf("read the time since boot: %w", err)
	}
	return now.Add(-time.Duration(ts.Nano())), nil
}

// Memory reads the machine's memory from /proc/meminfo under root.
func Memory(root string) (api.Memory, error) {
	f, err := os.Open(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return api.Memory{}, err
	}
	defer f.Close()
	var m api.Memory
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		key, rest, _ := strings.Cut(lines.Text(), ":")
		kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
		switch {
		case err != nil:
		case key == "MemTotal":
			m.TotalBytes = kib << 10
		case key == "MemAvailable":
			m.AvailableBytes = kib << 10
		}
	}
	if m.TotalBytes == 0 {
		return m, fmt.Errorf("read %s: %w", f.Name(), fs.ErrInvalid)
	}
	return m, lines.Err()
}
