package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
	size := int64(2*float64(n)*float64(o.bitrate)/8*(o.duration.Seconds()+60)) + 8<<30
	if err := errors.Join(f.Truncate(size), f.Close()); err != nil {
		return "", nil, err
	}
	for _, args := range [][]string{{"mkfs.xfs", "-q", image}, {"mount", "-o", "loop,nodev,nosuid,noexec", image, path}} {
		if out, err := exec.CommandContext(ctx, args[0], args[1:]...).CombinedOutput(); err != nil {
			return "", nil, fmt.Errorf("%s: %w: %s", args[0], err, out)
		}
	}
	return path, func() error {
		if out, err := exec.Command("umount", path).CombinedOutput(); err != nil {
			return fmt.Errorf("umount: %w: %s", err, out)
		}
		return os.RemoveAll(o.dir)
	}, nil
}
