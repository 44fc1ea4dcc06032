package iso

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strconv"
	"time"
)

// espKiB is the size of the EFI system partition: the loaders are some 4 MB.
const espKiB = 8 << 10

// writeESP makes the FAT file system that UEFI starts from. The signed GRUB for CDs looks for /boot/grub beside itself.
func writeESP(ctx context.Context, out string, l Loaders, config []byte, when time.Time) error {
	dir, err := os.MkdirTemp(filepath.Dir(out), "esp-")
	if err != nil {
		return fmt.Errorf("make EFI partition: %w", err)
	}
	configFile := filepath.Join(dir, "grub.cfg")
	if err := os.WriteFile(configFile, config, 0o644); err != nil {
		return fmt.Errorf("make EFI partition: %w", err)
	}
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("make EFI partition: %w", err)
	}
	// --invariant and the volume id: nothing random, nothing of now.
	steps := [][]string{
		{"mkfs.vfat", "--invariant", "-i", "56494745", "-n", "VIGIE-EFI", "-C", out, strconv.Itoa(espKiB)},
	}
	for _, d := range []string{"/EFI", "/EFI/BOOT", "/boot", "/boot/grub"} {
		steps = append(steps, []string{"mmd", "-i", out, "::" + d})
	}
	for _, f := range []struct{ to, from string }{
		{"/EFI/BOOT/BOOTX64.EFI", l.Shim},
		{"/EFI/BOOT/grubx64.efi", l.GrubEFI}, // the name that shim looks for
		{"/boot/grub/grub.cfg", configFile},
	} {
		steps = append(steps, []string{"mcopy", "-i", out, f.from, "::" + path.Clean(f.to)})
	}
	for _, s := range steps {
		cmd := exec.CommandContext(ctx, s[0], s[1:]...)
		cmd.Env = environment(when)
		if text, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make EFI partition: %s: %w: %s", s[0], err, text)
		}
	}
	return nil
}
