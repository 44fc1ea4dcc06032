// Package iso makes the one file that Vigie is handed out as: an ISO 9660 image that starts from a CD and, written to
// it as it is, from a USB stick, by BIOS and by UEFI with Secure Boot on.
//
//	            CD                                   USB stick
//	BIOS        El Torito image = GRUB               MBR code of GRUB → the same El Torito image
//	UEFI        El Torito EFI image = partition 2    partition 2 (FAT): shim → GRUB
//
// shim, GRUB (UEFI) and the kernel are signed by Microsoft's and Debian's keys and are used as Debian ships them. GRUB
// for BIOS has no signature; it is put together from Debian's modules, all that it needs inside, so that a scratched
// medium fails in one place only. Neither the script of GRUB nor the initramfs is covered by Secure Boot's signatures.
package iso

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vigie/image/internal/esp"
	"vigie/image/internal/tree"
)

// Label is the ISO's volume label.
const Label = "VIGIE"

// espKiB is the size of the EFI system partition: the loaders are some 4 MB.
const espKiB = 8 << 10

// SystemFile is where the system image is on the ISO. Live mode starts from it, and an installation copies it.
const SystemFile = "system.img"

// Parts is what an ISO is put together from.
type Parts struct {
	System, Manifest string // files
	Loaders          Loaders
}

// Loaders are the boot loaders.
type Loaders struct {
	Shim     string // shimx64.efi.signed
	GrubEFI  string // gcdx64.efi.signed
	GrubBIOS string // El Torito image; see GrubBIOS
	MBR      string // boot_hybrid.img
}

// Write makes the ISO at out, all times being when. Scratch is a folder for temporary files, which the caller removes.
func (p Parts) Write(ctx context.Context, out, scratch string, when time.Time) error {
	marker, err := marker(p.System)
	if err != nil {
		return err
	}
	config := []byte(grubConfig("/" + marker))

	efi := filepath.Join(scratch, "efi.img")
	// The signed GRUB for CDs looks for /boot/grub beside itself.
	volume := esp.Volume{KiB: espKiB, ID: "56494745", Label: "VIGIE-EFI", Files: []esp.File{
		{Path: "/EFI/BOOT/BOOTX64.EFI", From: p.Loaders.Shim},
		{Path: "/EFI/BOOT/grubx64.efi", From: p.Loaders.GrubEFI}, // the name that shim looks for
		{Path: "/boot/grub/grub.cfg", Text: config},
	}}
	if err := volume.Write(ctx, efi, when); err != nil {
		return err
	}
	var t tree.Tree
	t.Copy(SystemFile, 0o644, p.System)
	t.File("boot/grub/grub.cfg", 0o644, config)
	t.Copy(elTorito, 0o644, p.Loaders.GrubBIOS)
	t.Copy("manifest.json", 0o644, p.Manifest)
	t.File(marker, 0o644, nil)
	dir := filepath.Join(scratch, "iso")
	if err := t.Extract(dir, when); err != nil {
		return err
	}
	return master(ctx, dir, out, efi, p.Loaders.MBR, when)
}

const elTorito = "boot/grub/eltorito.img"

// master runs xorriso. The owners of all files are root's, the modes plain (-r).
func master(ctx context.Context, dir, out, efi, mbr string, when time.Time) error {
	if err := os.RemoveAll(out); err != nil {
		return fmt.Errorf("remove old ISO: %w", err)
	}
	cmd := exec.CommandContext(ctx, "xorriso", "-as", "mkisofs", "-quiet", "-r", "-J", "-V", Label, "-o", out,
		"-b", elTorito, "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", "--grub2-boot-info",
		"--grub2-mbr", mbr,
		"-append_partition", "2", "0xef", efi, "-appended_part_as_gpt",
		"-eltorito-alt-boot", "-e", "--interval:appended_partition_2:all::", "-no-emul-boot",
		"-partition_offset", "16", dir)
	cmd.Env = environment(when)
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("xorriso: %w: %s", err, text)
	}
	return nil
}

// environment makes the programs that write file systems take when for the present.
func environment(when time.Time) []string {
	return append(os.Environ(), "SOURCE_DATE_EPOCH="+strconv.FormatInt(when.Unix(), 10), "TZ=UTC", "LC_ALL=C")
}

// marker is the path of a file that only media of this very build have: GRUB looks for it, and cannot take another
// medium for ours.
func marker(files ...string) (string, error) {
	sum := sha256.New()
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return "", fmt.Errorf("hash the payload: %w", err)
		}
		_, err = io.Copy(sum, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", fmt.Errorf("hash the payload: %w", err)
		}
	}
	return "vigie/" + hex.EncodeToString(sum.Sum(nil)[:16]), nil
}

// biosModules is what GRUB needs on a BIOS machine: disks, partitions, our file system, our script's commands.
func biosModules() []string {
	return strings.Fields("biosdisk part_msdos part_gpt iso9660 squash4 loopback loadenv search search_fs_file normal configfile linux boot " +
		"echo test true sleep serial terminal memrw reboot minicmd")
}

// GrubBIOS makes the El Torito image of GRUB: mkimage runs the program grub-mkimage with given arguments, modules is
// the folder of GRUB's i386-pc modules.
func GrubBIOS(ctx context.Context, mkimage func(ctx context.Context, args ...string) error, modules, out string) error {
	args := append([]string{"-O", "i386-pc-eltorito", "-d", modules, "-p", "/boot/grub", "-o", out}, biosModules()...)
	if err := mkimage(ctx, args...); err != nil {
		return fmt.Errorf("make GRUB for BIOS: %w", err)
	}
	return nil
}
