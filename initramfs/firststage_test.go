package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestInitramfsIsFreedButForTheRootImageAndOtherFileSystems(t *testing.T) {
	top := t.TempDir()
	for _, name := range []string{"init", "root.squashfs", "lib/modules/6/kernel/loop.ko.xz", "lib/root.squashfs", "dev/console"} {
		path := filepath.Join(top, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	mounted := filepath.Join(top, "newroot")
	if err := os.Mkdir(mounted, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", mounted, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Unmount(mounted, 0); err != nil {
			t.Error(err)
		}
	}()
	if err := os.WriteFile(filepath.Join(mounted, "passwd"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/etc", filepath.Join(top, "link")); err != nil {
		t.Fatal(err)
	}
	if err := freeInitramfs(top); err != nil {
		t.Error(err)
	}
	var left []string
	_ = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if !d.IsDir() {
			left = append(left, strings.TrimPrefix(path, top))
		}
		return err
	})
	if want := []string{"/newroot/passwd", "/root.squashfs"}; !slices.Equal(left, want) {
		t.Errorf("left %q, want %q", left, want)
	}
}

func TestModprobeWantsAName(t *testing.T) {
	var out strings.Builder
	for _, args := range [][]string{nil, {"-q", "--"}} {
		if status := modprobe(args, &out); status != 2 {
			t.Errorf("%q: status %d", args, status)
		}
	}
	if !strings.Contains(out.String(), "no module named") {
		t.Errorf("said %q", out.String())
	}
}
