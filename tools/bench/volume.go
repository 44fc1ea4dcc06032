package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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
	f, err := os.Create(image)
	if err != nil {
		return "", nil, err
	}
	// Twice what comes, and room that keeps the engine from making any; what is not written takes none.
	size := int64(2*float64(n)*float64(o.bitrate)/8*(o.duration.Seconds()+60))&^4095 + 8<<30
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return "", nil, err
	}
	if out, err := exec.CommandContext(ctx, "mkfs.xfs", "-q", image).CombinedOutput(); err != nil {
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
