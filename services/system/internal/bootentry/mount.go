package bootentry

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Machine is this machine's firmware.
func Machine() Firmware {
	const folder = "/sys/firmware/efi/efivars"
	const flags = unix.MS_REMOUNT | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	remount := func(flags uintptr) error {
		if err := unix.Mount("", folder, "", flags, ""); err != nil {
			return fmt.Errorf("variables of the firmware: %w", err)
		}
		return nil
	}
	return Firmware{Folder: folder, Unlock: func() (func() error, error) {
		return func() error { return remount(flags | unix.MS_RDONLY) }, remount(flags)
	}}
}
