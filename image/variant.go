package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vigie/image/internal/artefact"
	"vigie/installer/systemimage"
	kernelconfig "vigie/kernel-config"
)

// variant makes another system image of the kernel and the initramfs that were built: in its own eyes the system in it is the
// same version; its seal, by which updates go, says another one.
func (b *build) variant(ctx context.Context) (err error) {
	if b.to == "" || b.version == "" {
		return errors.New("name the file and the version of the variant: image variant -to file -version version")
	}
	key, err := artefact.Key(b.keyFile, filepath.Dir(b.cache))
	if err != nil {
		return err
	}
	f, err := os.Open(b.file("system.img"))
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	of, err := systemimage.Open(f, info.Size(), []ed25519.PublicKey{key.Public().(ed25519.PublicKey)})
	if err != nil {
		return fmt.Errorf("%s: %w", b.file("system.img"), err)
	}
	m := of.Manifest
	m.Version, m.BuiltS = b.version, m.Built().Add(b.later).Unix()
	if b.notesFile != "" {
		text, err := os.ReadFile(b.notesFile)
		if err != nil {
			return fmt.Errorf("release notes: %w", err)
		}
		m.Notes = string(text)
	}
	commandLine, err := kernelconfig.CommandLine()
	if err != nil {
		return err
	}
	return artefact.Parts{
		Kernel: b.file("vmlinuz"), Initrd: b.file("initrd.img"), CommandLine: strings.TrimSpace(commandLine + " " + b.options), Key: key, Manifest: m,
	}.Write(ctx, b.to, m.Built())
}
