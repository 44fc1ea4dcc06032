package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"vigie/image/internal/aptroot"
	"vigie/image/internal/artefact"
	"vigie/image/internal/decoder"
	"vigie/image/internal/gobuild"
	"vigie/image/internal/initrd"
	"vigie/image/internal/iso"
	"vigie/image/internal/kernel"
	"vigie/image/internal/manifest"
	"vigie/image/internal/rootfs"
	"vigie/image/internal/squashfs"
	"vigie/image/internal/stages"
	"vigie/image/internal/tree"
	"vigie/image/internal/vmdisk"
	"vigie/installer/systemimage"
	kernelconfig "vigie/kernel-config"
)

// limit is what the ISO may weigh: it must fit old CD media and slow lines many times over.
const limit = 150 << 20

// build is one build of the image.
type build struct {
	root, out, cache          string
	initPackage, vigiePackage string
	refresh                   bool
	keyFile, notesFile        string        // of a release; empty: none
	to, options               string        // of a variant
	later                     time.Duration // of a variant
	log                       *slog.Logger
	stdout                    io.Writer

	scratch string    // temporary files
	when    time.Time // the time that all files carry
	version string
	key     ed25519.PrivateKey // signs the system image
	notes   string
}

func (b *build) run(ctx context.Context) (err error) {
	started := time.Now()
	if err := b.identify(ctx); err != nil {
		return err
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("make output folder: %w", err)
	}
	if b.scratch, err = os.MkdirTemp(b.out, ".image-"); err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	defer os.RemoveAll(b.scratch)

	if b.key, err = artefact.Key(b.keyFile, filepath.Dir(b.cache)); err != nil {
		return err
	}
	if b.notesFile != "" {
		text, err := os.ReadFile(b.notesFile)
		if err != nil {
			return fmt.Errorf("release notes: %w", err)
		}
		b.notes = string(text)
	}
	packages, err := aptroot.New(b.cache, b.refresh, b.log).Packages(ctx, request())
	if err != nil {
		return err
	}
	source, program, err := b.ffmpeg(ctx)
	if err != nil {
		return err
	}
	k, err := openKernel(ctx, packages)
	if err != nil {
		return err
	}
	list := manifest.Manifest{Version: b.version, Kernel: k.Release, Built: b.when.Format(time.RFC3339)}
	for _, p := range packages {
		list.Packages = append(list.Packages, p.Package)
	}
	list.Packages = append(list.Packages, source.Package)
	ffmpeg := rootfs.Decoder{Program: program, Licence: filepath.Join(source.Dir, decoder.Licence)}
	if err := b.payload(ctx, packages, ffmpeg, k, list); err != nil {
		return err
	}
	if err := b.iso(ctx, packages); err != nil {
		return err
	}
	b.log.Info("writing disks for virtual machines")
	if err := (vmdisk.Parts{ISO: b.file("vigie.iso"), Version: b.version, Dir: b.out}).Write(ctx, b.when); err != nil {
		return err
	}
	return b.report(started)
}

// decoder makes the decoder alone.
func (b *build) decoder(ctx context.Context) error {
	_, program, err := b.ffmpeg(ctx)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(program)
	if err != nil {
		return fmt.Errorf("read the decoder: %w", err)
	}
	if err := os.MkdirAll(b.out, 0o755); err != nil {
		return fmt.Errorf("make output folder: %w", err)
	}
	// Under another name until it is whole: a running program cannot be written to, and need not be.
	if err := os.WriteFile(b.file(".ffmpeg"), text, 0o755); err != nil {
		return fmt.Errorf("write the decoder: %w", err)
	}
	return os.Rename(b.file(".ffmpeg"), b.file("ffmpeg"))
}

// ffmpeg returns the decoder's source and program.
func (b *build) ffmpeg(ctx context.Context) (source aptroot.Source, program string, err error) {
	if source, err = aptroot.New(b.cache, b.refresh, b.log).Source(ctx, decoder.Package); err != nil {
		return source, "", err
	}
	program, err = decoder.Build(ctx, source, filepath.Join(b.cache, "decoder"), b.log)
	return source, program, err
}

// request is every package that the image is made from.
func request() aptroot.Request {
	return aptroot.Request{
		Metas: []string{"linux-image-amd64"},
		Names: append(rootfs.Packages(),
			"shim-signed", "grub-efi-amd64-signed", "grub-pc-bin",
			// GRUB's own tool, and the libraries that it runs with.
			"grub-common", "liblzma5", "libdevmapper1.02.1"),
	}
}

// openKernel finds the kernel among the packages, and holds it to the series that the module lists are written for.
func openKernel(ctx context.Context, packages aptroot.Set) (*kernel.Kernel, error) {
	for name, p := range packages {
		if strings.HasPrefix(name, "linux-image-") {
			k, err := kernel.Open(ctx, p.Dir)
			if err == nil && !strings.HasPrefix(k.Release, "6.12.") {
				err = fmt.Errorf("kernel %s is not of the 6.12 series", k.Release)
			}
			return k, err
		}
	}
	return nil, fmt.Errorf("the package set has no kernel")
}

// identify finds out version and time of the source: of its last commit, unless SOURCE_DATE_EPOCH and VIGIE_VERSION
// say otherwise.
func (b *build) identify(ctx context.Context) error {
	seconds, err := envOr("SOURCE_DATE_EPOCH", func() (string, error) { return b.git(ctx, "log", "-1", "--format=%ct") })
	if err != nil {
		return err
	}
	epoch, err := strconv.ParseInt(seconds, 10, 64)
	if err != nil || epoch < 0 {
		return fmt.Errorf("SOURCE_DATE_EPOCH is %q, not a number of seconds", seconds)
	}
	b.when = time.Unix(epoch, 0).UTC()
	b.version, err = envOr("VIGIE_VERSION", func() (string, error) {
		commit, err := b.git(ctx, "describe", "--always", "--dirty", "--abbrev=10")
		return b.when.Format("2006.01.02") + "+" + commit, err
	})
	return err
}

func envOr(name string, otherwise func() (string, error)) (string, error) {
	if v := os.Getenv(name); v != "" {
		return v, nil
	}
	return otherwise()
}

func (b *build) git(ctx context.Context, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", b.root}, args...)...).Output()
	if err != nil {
		return "", fmt.Errorf("ask git about the source (or set SOURCE_DATE_EPOCH and VIGIE_VERSION): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// payload makes kernel and initramfs.
func (b *build) payload(ctx context.Context, packages aptroot.Set, ffmpeg rootfs.Decoder, k *kernel.Kernel, list manifest.Manifest) error {
	initBinary, vigieBinary := filepath.Join(b.scratch, "init"), filepath.Join(b.scratch, "vigie")
	for _, p := range []struct{ pkg, out string }{{b.initPackage, initBinary}, {b.vigiePackage, vigieBinary}} {
		b.log.Info("building program", "package", p.pkg)
		if err := (gobuild.Program{Package: p.pkg, Version: b.version}).Build(ctx, b.root, absolute(p.out)); err != nil {
			return err
		}
	}
	loaders, err := b.stages(ctx, packages)
	if err != nil {
		return err
	}
	trusted, err := systemimage.EncodeTrusted(b.key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	var root tree.Tree
	parts := rootfs.Parts{Packages: packages, Kernel: k, Init: initBinary, Vigie: vigieBinary, Decoder: ffmpeg, Manifest: list,
		Stages: loaders, Trusted: trusted}
	if err := parts.Fill(ctx, &root, b.scratch); err != nil {
		return err
	}
	b.log.Info("writing root file system")
	rootImage := filepath.Join(b.scratch, initrd.RootFile)
	if err := squashfs.Write(ctx, &root, rootImage, squashfs.Compressed, b.when); err != nil {
		return err
	}
	var initramfs tree.Tree
	if err := (initrd.Parts{Init: initBinary, Root: rootImage, Kernel: k}).Fill(ctx, &initramfs, b.scratch); err != nil {
		return err
	}
	if err := initrd.Write(&initramfs, b.file("initrd.img"), b.when); err != nil {
		return err
	}
	image, err := os.ReadFile(k.Image)
	if err != nil {
		return fmt.Errorf("read kernel: %w", err)
	}
	text, err := list.JSON()
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"vmlinuz": image, "vigie.manifest.json": text} {
		if err := os.WriteFile(b.file(name), content, 0o644); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
	}
	commandLine, err := kernelconfig.CommandLine()
	if err != nil {
		return err
	}
	b.log.Info("writing system image")
	return artefact.Parts{
		Kernel: b.file("vmlinuz"), Initrd: b.file("initrd.img"), CommandLine: commandLine, Key: b.key,
		Manifest: systemimage.Manifest{Product: systemimage.Product, Arch: systemimage.Architecture, Version: b.version, BuiltS: b.when.Unix(), Kernel: k.Release, Notes: b.notes},
	}.Write(ctx, b.file("system.img"), b.when)
}

// stages makes the boot loaders of an installed machine.
func (b *build) stages(ctx context.Context, packages aptroot.Set) (map[string]string, error) {
	return stages.Parts{
		Shim: shim(packages), GrubEFI: grubEFI(packages), Modules: biosModules(packages), MakeImage: mkimage(packages),
	}.Make(ctx, filepath.Join(b.scratch, "stages"), b.when)
}

func shim(packages aptroot.Set) string {
	return filepath.Join(packages["shim-signed"].Dir, "usr/lib/shim/shimx64.efi.signed")
}

func grubEFI(packages aptroot.Set) string {
	return filepath.Join(packages["grub-efi-amd64-signed"].Dir, "usr/lib/grub/x86_64-efi-signed/gcdx64.efi.signed")
}

func biosModules(packages aptroot.Set) string {
	return filepath.Join(packages["grub-pc-bin"].Dir, "usr/lib/grub/i386-pc")
}

func mkimage(packages aptroot.Set) func(ctx context.Context, args ...string) error {
	return func(ctx context.Context, args ...string) error {
		return packages.Run(ctx, "grub-common", "usr/bin/grub-mkimage", args...)
	}
}

func (b *build) iso(ctx context.Context, packages aptroot.Set) error {
	grub := filepath.Join(b.scratch, "eltorito.img")
	if err := iso.GrubBIOS(ctx, mkimage(packages), biosModules(packages), grub); err != nil {
		return err
	}
	b.log.Info("writing ISO")
	parts := iso.Parts{
		System: b.file("system.img"), Manifest: b.file("vigie.manifest.json"),
		Loaders: iso.Loaders{
			Shim: shim(packages), GrubEFI: grubEFI(packages), GrubBIOS: grub,
			MBR: filepath.Join(biosModules(packages), "boot_hybrid.img"),
		},
	}
	return parts.Write(ctx, b.file("vigie.iso"), b.scratch, b.when)
}

// report prints the sizes, and refuses an ISO that is too large.
func (b *build) report(started time.Time) error {
	var isoSize int64
	for _, name := range append([]string{"vigie.iso", "system.img", "vmlinuz", "initrd.img", "vigie.manifest.json"}, vmdisk.Names()...) {
		info, err := os.Stat(b.file(name))
		if err != nil {
			return fmt.Errorf("measure image: %w", err)
		}
		if name == "vigie.iso" {
			isoSize = info.Size()
		}
		fmt.Fprintf(b.stdout, "%-28s %7.1f MB\n", b.file(name), float64(info.Size())/1e6)
	}
	fmt.Fprintf(b.stdout, "version %s, built in %.0f s\n", b.version, time.Since(started).Seconds())
	if isoSize > limit {
		return fmt.Errorf("the ISO has %d bytes, more than the %d it may have", isoSize, limit)
	}
	return nil
}

func (b *build) file(name string) string { return filepath.Join(b.out, name) }

// absolute makes a path independent of the folder that a program runs in.
func absolute(name string) string {
	if abs, err := filepath.Abs(name); err == nil {
		return abs
	}
	return name
}
