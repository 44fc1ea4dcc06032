// Package rootfs is the root file system of the appliance: what is in it.
//
// Programs and libraries come from Debian packages by an explicit list; the shared libraries that they need are found
// in the packages and a missing one is an error. There is no package manager and no set-uid program in it, nor anything by the
// name of a shell: BusyBox is there, for the service shell, but nothing that looks for sh finds one.
// The root is read-only; what the running system writes is below /run, /tmp and /volumes.
package rootfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strings"

	"vigie/image/internal/aptroot"
	"vigie/image/internal/kernel"
	"vigie/image/internal/manifest"
	"vigie/image/internal/tree"
	"vigie/installer/loader"
	"vigie/installer/systemimage"
	kernelconfig "vigie/kernel-config"
)

// Parts is what a root file system is put together from.
type Parts struct {
	Packages    aptroot.Set
	Kernel      *kernel.Kernel
	Init, Vigie string // our binaries
	Decoder     Decoder
	Manifest    manifest.Manifest
	// Stages are the boot loaders of an installed machine, by the name that the installer finds them under; Trusted are the
	// keys of images that this one takes for an update.
	Stages  map[string]string
	Trusted []byte
}

// Decoder is the program that makes pictures of video, built from source: package decoder.
type Decoder struct{ Program, Licence string }

// Fill puts the root file system into a tree. Scratch is a folder for temporary files, which the caller removes after
// the tree is written.
func (p Parts) Fill(ctx context.Context, t *tree.Tree, scratch string) error {
	skeleton(t, p.Manifest.Version)
	t.Copy("usr/sbin/init", 0o755, p.Init)
	t.Symlink("usr/sbin/modprobe", "init")
	t.Copy("usr/bin/vigie", 0o755, p.Vigie)
	t.Copy("usr/libexec/vigie/ffmpeg", 0o755, p.Decoder.Program)
	t.Copy("usr/share/doc/ffmpeg/copyright", 0o644, p.Decoder.Licence)
	for name, file := range p.Stages {
		t.Copy(path.Join(strings.TrimPrefix(loader.StagesFolder, "/"), name), 0o644, file)
	}
	t.File(strings.TrimPrefix(systemimage.TrustedFile, "/"), 0o644, p.Trusted)
	if err := errors.Join(p.programs(t), p.licences(t)); err != nil {
		return err
	}
	if err := certificates(t, p.Packages["ca-certificates"].Dir); err != nil {
		return err
	}
	text, err := p.Manifest.JSON()
	if err != nil {
		return err
	}
	t.File(manifest.Path, 0o644, text)
	sysctl, err := kernelconfig.Sysctl()
	if err != nil {
		return err
	}
	t.File("usr/share/vigie/sysctl.conf", 0o644, sysctl)
	modules, err := p.modules()
	if err != nil {
		return err
	}
	return p.Kernel.Add(ctx, t, "usr", modules, scratch)
}

// modules are those of all classes: the early ones too, for what init has loaded must stay known to it.
func (p Parts) modules() ([]string, error) {
	classes, err := kernelconfig.Classes()
	if err != nil {
		return nil, err
	}
	var wanted []string
	for _, c := range classes {
		names, err := kernelconfig.Modules(c)
		if err != nil {
			return nil, err
		}
		wanted = append(wanted, names...)
	}
	return p.Kernel.Select(wanted)
}

// certificates makes the one file of trusted roots that programs read, as update-ca-certificates does.
func certificates(t *tree.Tree, dir string) error {
	names, err := filepath.Glob(filepath.Join(dir, "usr/share/ca-certificates/mozilla/*.crt"))
	if err != nil || len(names) == 0 {
		return fmt.Errorf("no certificates in the package ca-certificates")
	}
	sort.Strings(names)
	var all []byte
	for _, n := range names {
		text, err := os.ReadFile(n)
		if err != nil {
			return fmt.Errorf("read certificate: %w", err)
		}
		all = append(all, strings.TrimRight(string(text), "\n")+"\n"...)
	}
	t.File("etc/ssl/certs/ca-certificates.crt", 0o644, all)
	return nil
}
