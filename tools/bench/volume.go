package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// newVolume makes an empty folder to write n cameras to; discard removes it with all that is in it.
func newVolume(ctx context.Context, o options, n int) (path string, discard func() error, err error) {
	if info, err := os.Stat(o.dir); err == nil && !info.IsDir() {
		return "", nil, fmt.Errorf("%s is not a folder: choose another one with -dir", o.dir)
	}
	if err := errors.Join(os.RemoveAll(o.dir), os.MkdirAll(o.dir, 0o755)); err != nil {
		return "", nil, fmt.Errorf("empty the folder: %w", err)
	}
	path = filepath.Join(o.dir, "volume")
	if err := os.Mkdir(path, 0o755); err != nil {
		return "", nil, err
	}
	if !o.own {
		return path, func() error { return os.RemoveAll(o.dir) }, nil
	}
	image := filepath.Join(o.dir, "volume.img")
	// What comes, and room that keeps the engine from making any.
	size := int64(1.3*float64(n)*float64(o.bitrate)/8*(o.duration.Seconds()+30)) + 2<<30
	if err := fill(ctx, image, size); err != nil {
		return "", nil, err
	}
	if out, err := exec.CommandContext(ctx, "mkfs.xfs", "-q", "-K", image).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("mkfs.xfs: %w: %s", err, out)
	}
	// Directly: what the volume has synced would lie in this machine's memory once more, and come to the disk by the gigabyte.
	out, err := exec.CommandContext(ctx, "losetup", "--find", "--show", "--direct-io=on", image).Output()
	if err != nil {
		return "", nil, fmt.Errorf("losetup: %w", err)
	}
	loop := strings.TrimSpace(string(out))
	mounted, err := exec.CommandContext(ctx, "mount", "-o", "nodev,nosuid,noexec", loop, path).CombinedOutput()
	// From here on it lasts as long as the mount.
	if out, err := exec.Command("losetup", "--detach", loop).CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("losetup: %w: %s", err, out)
	}
	if err != nil {
		return "", nil, fmt.Errorf("mount: %w: %s", err, mounted)
	}
	return path, func() error {
		if out, err := exec.Command("umount", path).CombinedOutput(); err != nil {
			return fmt.Errorf("umount: %w: %s", err, out)
		}
		return os.RemoveAll(o.dir)
	}, nil
}

// fill writes a file whole, as a disk is: in one that grows as it is written to, each write and each flush would change
// the file system below, whose journal holds up everybody for a minute when it is full.
func fill(ctx context.Context, path string, size int64) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_EXCL|unix.O_DIRECT, 0o600)
	if err != nil {
		return err
	}
	const piece = 8 << 20
	zeros, err := unix.Mmap(-1, 0, piece, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS) // begins where a page does
	if err != nil {
		return errors.Join(err, f.Close())
	}
	defer unix.Munmap(zeros)
	for at := int64(0); at < size && err == nil; at += piece {
		if _, err = f.WriteAt(zeros, at); err == nil {
			err = ctx.Err()
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}
