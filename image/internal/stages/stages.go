// Package stages makes the boot loaders of an installed machine, which the installer writes to a system disk: GRUB's two
// stages for BIOS, and the EFI partition with shim, GRUB and the script.
package stages

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vigie/image/internal/esp"
	"vigie/installer/layout"
	"vigie/installer/loader"
)

// Parts is what they are made from.
type Parts struct {
	Shim    string // shimx64.efi.signed
	GrubEFI string // gcdx64.efi.signed: the one that finds its script beside itself
	Modules string // the folder of GRUB's i386-pc modules, with its first stage
	// MakeImage runs grub-mkimage.
	MakeImage func(ctx context.Context, args ...string) error
}

// Make writes the files to a folder and returns them by the names that loader.Files has.
func (p Parts) Make(ctx context.Context, dir string, when time.Time) (map[string]string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make folder of boot loaders: %w", err)
	}
	files := map[string]string{
		loader.BootStage: filepath.Join(p.Modules, "boot.img"),
		loader.CoreStage: filepath.Join(dir, loader.CoreStage),
		loader.EFIStage:  filepath.Join(dir, loader.EFIStage),
	}
	args := append([]string{"-O", "i386-pc", "-d", p.Modules, "-p", loader.Prefix, "-o", files[loader.CoreStage]}, loader.Modules()...)
	if err := p.MakeImage(ctx, args...); err != nil {
		return nil, fmt.Errorf("make GRUB for BIOS: %w", err)
	}
	none, err := loader.Block()
	if err != nil {
		return nil, err
	}
	volume := esp.Volume{KiB: layout.EFIBytes >> 10, ID: "56494753", Label: "VIGIE-SYS", FAT32: true, Start: layout.EFIStart, Files: []esp.File{
		{Path: "/EFI/BOOT/BOOTX64.EFI", From: p.Shim},
		{Path: "/EFI/BOOT/grubx64.efi", From: p.GrubEFI}, // the name that shim looks for
		{Path: loader.ScriptFile, Text: loader.Script()},
		{Path: loader.CountFile, Text: none},
		{Path: loader.Slots0File, Text: none}, // the installer writes what is in these two
		{Path: loader.Slots1File, Text: none},
	}}
	return files, volume.Write(ctx, files[loader.EFIStage], when)
}
