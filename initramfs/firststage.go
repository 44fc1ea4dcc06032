package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vigie/initramfs/internal/console"
	"vigie/initramfs/internal/guard"
	"vigie/initramfs/internal/mounts"
	"vigie/internal/version"

	"log/slog"
)

const (
	rootImage = "/root.squashfs" // in the initramfs
	newRoot   = "/newroot"
)

// firstStage runs in the initramfs and ends by becoming the second stage. It returns never: without a root there is
// nothing to fall back on but a restart.
func firstStage() {
	out := console.New(console.SinceBoot, os.Stderr)
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	var err error
	if panicked := guard.Run(log, "first stage", func() { err = enterRoot(&out) }); panicked != nil {
		err = panicked
	}
	out.Stepf("root", "the system cannot start: %v", err)
	restart(out)
}

// enterRoot execs /sbin/init of the root. *out becomes a better console on the way.
func enterRoot(out **console.Console) error {
	for _, m := range mounts.Table() {
		if !m.Early {
			continue
		}
		if err := m.Mount("/"); err != nil {
			return err
		}
	}
	quietKernel()
	(*out).Close(time.Second)
	*out = openConsole()
	(*out).Stepf("init", "Vigie %s, Linux %s", version.Version, kernelRelease())
	loader, err := openLoader()
	if err != nil {
		return err
	}
	for _, name := range []string{"loop", "squashfs"} {
		if err := loader.Load(name); err != nil {
			return err
		}
	}
	size, err := mountRoot()
	if err != nil {
		return err
	}
	(*out).Stepf("root", "%d MB, in memory, read-only", (size+1<<19)>>20)
	if err := os.Chdir(newRoot); err != nil {
		return err
	}
	for _, m := range mounts.Table() {
		if !m.Early {
			continue
		}
		if err := unix.Mount(m.Target, newRoot+m.Target, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s to the root: %w", m.Target, err)
		}
	}
	if err := freeInitramfs("/"); err != nil {
		(*out).Stepf("root", "some memory stays in use: %v", err)
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return fmt.Errorf("change root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	(*out).Flush(time.Second)
	return fmt.Errorf("start /sbin/init: %w", syscall.Exec("/sbin/init", []string{"/sbin/init"}, nil))
}

// mountRoot mounts the image on newRoot, through a loop device that reads it where it lies: in the initramfs' memory.
func mountRoot() (size int64, err error) {
	image, err := os.Open(rootImage)
	if err != nil {
		return 0, err
	}
	defer image.Close()
	info, err := image.Stat()
	if err != nil {
		return 0, err
	}
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return 0, err
	}
	defer control.Close()
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return 0, fmt.Errorf("free loop device: %w", err)
	}
	device := fmt.Sprintf("/dev/loop%d", number)
	loop, err := os.Open(device)
	if err != nil {
		return 0, err
	}
	defer loop.Close()
	config := unix.LoopConfig{Fd: uint32(image.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_READ_ONLY | unix.LO_FLAGS_AUTOCLEAR}}
	if err := unix.IoctlLoopConfigure(int(loop.Fd()), &config); err != nil {
		return 0, fmt.Errorf("set up %s: %w", device, err)
	}
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return 0, err
	}
	if err := unix.Mount(device, newRoot, "squashfs", unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return 0, fmt.Errorf("mount the root image: %w", err)
	}
	return info.Size(), nil
}

// freeInitramfs removes all files of the initramfs but the root image, which must stay: the root is read from it.
// It never crosses into another file system.
func freeInitramfs(top string) error {
	var st unix.Stat_t
	if err := unix.Lstat(top, &st); err != nil {
		return err
	}
	var errs []error
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			errs = append(errs, err)
			return nil
		}
		var here unix.Stat_t
		if err := unix.Lstat(path, &here); err != nil {
			errs = append(errs, err)
			return nil
		}
		switch {
		case here.Dev != st.Dev:
			return filepath.SkipDir
		case entry.IsDir(), filepath.Base(path) == filepath.Base(rootImage) && filepath.Dir(path) == filepath.Clean(top):
			return nil
		}
		errs = append(errs, os.Remove(path))
		return nil
	})
	return errors.Join(append(errs, err)...)
}

// openConsole opens the consoles that the kernel uses, or what init was started with.
func openConsole() *console.Console {
	active, _ := os.ReadFile("/sys/class/tty/console/active")
	devices := console.OpenDevices(string(active), "/dev", map[string]string{"tty0": linesSocket("screen"), "ttyS0": linesSocket("serial")})
	if len(devices) == 0 {
		devices = []io.Writer{os.Stderr}
	}
	return console.New(console.SinceBoot, devices...)
}

// quietKernel keeps the kernel's own messages off the console, all but critical ones; they stay in its log.
func quietKernel() {
	_ = os.WriteFile("/proc/sys/kernel/printk", []byte("3 4 1 3"), 0)
}

// restart is the last resort: time to read the console, then a restart.
func restart(out *console.Console) {
	const pause = 30 * time.Second
	out.Stepf("init", "restarting in %v", pause)
	time.Sleep(pause)
	out.Close(time.Second)
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	os.Exit(1) // the kernel panics and restarts by itself ("panic=10")
}
