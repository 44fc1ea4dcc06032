// Package initrd is the initramfs: init, the modules it needs before the root is there, and the root itself as one
// file. DESIGN.md ("Image") says what init does with them.
package initrd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"vigie/image/internal/kernel"
	"vigie/image/internal/tree"
	kernelconfig "vigie/kernel-config"
)

// RootFile is the root file system's squashfs in the initramfs.
const RootFile = "root.squashfs"

// Parts is what an initramfs is put together from.
type Parts struct {
	Init   string // our binary
	Root   string // squashfs
	Kernel *kernel.Kernel
}

// Fill puts the initramfs into a tree. Scratch is a folder for temporary files, which the caller removes after the tree
// is written.
func (p Parts) Fill(ctx context.Context, t *tree.Tree, scratch string) error {
	t.Copy("init", 0o755, p.Init)
	t.Copy(RootFile, 0o644, p.Root)
	for _, d := range []string{"dev", "proc", "sys", "run", "root"} {
		t.Dir(d, 0o755)
	}
	// The kernel opens it for init before anything is mounted.
	t.CharDevice("dev/console", 0o600, 5, 1)
	// The kernel asks for modules by this path from its first moment on.
	t.Symlink("sbin/modprobe", "../init")
	names, err := kernelconfig.Modules(kernelconfig.Early)
	if err != nil {
		return err
	}
	modules, err := p.Kernel.Select(names)
	if err != nil {
		return err
	}
	return p.Kernel.Add(ctx, t, "", modules, scratch)
}

// Write writes a tree as a zstd-compressed cpio archive, all times being when.
func Write(t *tree.Tree, out string, when time.Time) (err error) {
	f, err := os.Create(out)
	if err != nil {
		return fmt.Errorf("make initramfs: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	// One goroutine, so that the bytes do not depend on the number of processors. The window bounds the memory that the
	// kernel needs to unpack it. Most of it, the root, is compressed already.
	z, err := zstd.NewWriter(f, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedBetterCompression), zstd.WithWindowSize(1<<20))
	if err != nil {
		return fmt.Errorf("make initramfs: %w", err)
	}
	if err := t.WriteCPIO(z, when); err != nil {
		z.Close()
		return fmt.Errorf("make initramfs: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("make initramfs: %w", err)
	}
	return nil
}
