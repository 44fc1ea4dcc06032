package volume

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"vigie/internal/xfstest"
)

const id = "6f1c2a50-9d3e-4c8b-8a47-0123456789ab"

// loop attaches a sparse file of the given size as a block device.
func loop(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("losetup", "--find", "--show", path).Output()
	if err != nil {
		t.Fatalf("losetup: %v", err)
	}
	node := strings.TrimSpace(string(out))
	t.Cleanup(func() {
		if err := exec.Command("losetup", "--detach", node).Run(); err != nil {
			t.Errorf("detach %s: %v", node, err)
		}
	})
	return node
}

func mounted(t *testing.T, node string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "volumes", id)
	if err := Mount(node, path, MinSize, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = Unmount(path) })
	return path
}

func TestFormatMountPrepareAndComeBack(t *testing.T) {
	node := loop(t, 320*mib)
	var steps []string
	if err := Format(t.Context(), node, 0, id, false, func(s string) { steps = append(steps, s) }); err != nil {
		t.Fatal(err)
	}
	if len(steps) != 2 {
		t.Errorf("steps %q", steps)
	}
	path := mounted(t, node)
	fresh := Identity{ID: id, Name: "Gate", CreatedMs: 5}
	old := syscall.Umask(0o077)
	who, err := Prepare(path, id, fresh, true)
	syscall.Umask(old)
	if err != nil || who != fresh {
		t.Fatalf("got %+v, %v", who, err)
	}
	for name, want := range map[string]struct {
		mode     os.FileMode
		uid, gid uint32
	}{
		"vigie": {0o755, 0, 0}, "vigie/rec": {0o750, 901, 900}, "vigie/index": {0o700, 901, 900},
		"vigie/accounts": {0o700, 902, 900}, "vigie/machine": {0o700, 0, 0}, "vigie/volume.json": {0o644, 0, 0},
	} {
		info, err := os.Stat(filepath.Join(path, name))
		if err != nil {
			t.Fatal(err)
		}
		st := info.Sys().(*syscall.Stat_t)
		if info.Mode().Perm() != want.mode || st.Uid != want.uid || st.Gid != want.gid {
			t.Errorf("%s: %v %d:%d, want %v %d:%d", name, info.Mode().Perm(), st.Uid, st.Gid, want.mode, want.uid, want.gid)
		}
	}
	use, err := Check(path)
	if err != nil || use.SizeBytes < 200*mib || use.FreeBytes <= 0 || use.FreeBytes > use.SizeBytes || use.ReadOnly {
		t.Errorf("use %+v, %v", use, err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil || fs.Flags&(unix.ST_NODEV|unix.ST_NOSUID|unix.ST_NOEXEC|unix.ST_NOATIME) != unix.ST_NODEV|unix.ST_NOSUID|unix.ST_NOEXEC|unix.ST_NOATIME {
		t.Errorf("flags %x, %v", fs.Flags, err)
	}

	t.Run("mounting again is nothing", func(t *testing.T) {
		if err := Mount(node, path, MinSize, false); err != nil {
			t.Error(err)
		}
		if again, err := Prepare(path, id, Identity{ID: id, Name: "other"}, true); err != nil || again != fresh {
			t.Errorf("got %+v, %v", again, err)
		}
	})
	t.Run("a mounted disk is not formatted", func(t *testing.T) {
		if err := Format(t.Context(), node, 0, id, false, func(string) {}); !errors.Is(err, ErrInUse) {
			t.Errorf("got %v", err)
		}
		if _, err := Prepare(path, id, Identity{}, true); err != nil {
			t.Errorf("the volume suffered: %v", err)
		}
	})
	t.Run("read-only", func(t *testing.T) {
		if err := unix.Mount("", path, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		if use, err := Check(path); err != nil || !use.ReadOnly {
			t.Errorf("use %+v, %v", use, err)
		}
		if who, err := Prepare(path, id, Identity{}, true); err != nil || who != fresh {
			t.Errorf("got %+v, %v", who, err)
		}
	})
	t.Run("unmounted", func(t *testing.T) {
		if err := Unmount(path); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the folder is left: %v", err)
		}
		if err := Mount(node, path, MinSize, true); err != nil {
			t.Fatal(err)
		}
		if use, err := Check(path); err != nil || !use.ReadOnly {
			t.Errorf("write-protected: %+v, %v", use, err)
		}
	})
}

func TestAShutDownFileSystemIsNoticed(t *testing.T) {
	node := loop(t, 320*mib)
	if err := Format(t.Context(), node, 0, id, true, func(string) {}); err != nil {
		t.Fatal(err)
	}
	path := mounted(t, node)
	xfstest.GoDown(t, path, xfstest.LogLost)
	if _, err := Check(path); err == nil || !strings.Contains(err.Error(), "shut") {
		t.Errorf("got %v", err)
	}
}

func TestARefusedFormatChangesNothing(t *testing.T) {
	node := loop(t, 16*mib)
	if err := os.WriteFile(node, []byte("precious"), 0); err != nil {
		t.Fatal(err)
	}
	if err := Format(t.Context(), node, 0, id, false, func(string) {}); !errors.Is(err, ErrTooSmall) || !strings.Contains(err.Error(), "16 MiB") {
		t.Errorf("got %v", err)
	}
	b := make([]byte, 8)
	f, err := os.Open(node)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Read(b); err != nil || string(b) != "precious" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestFormatSaysWhatMkfsSays(t *testing.T) {
	err := Format(t.Context(), loop(t, 320*mib), 0, "no uuid", false, func(string) {})
	if err == nil || !strings.Contains(err.Error(), "no uuid") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Format(ctx, loop(t, 320*mib), 0, id, false, func(string) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestMountNamesWhatIsWrong(t *testing.T) {
	path := filepath.Join(t.TempDir(), id)
	if err := Mount(loop(t, 16*mib), path, 16*mib, false); err == nil {
		t.Error("zeros were mounted")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("an empty mount point is left")
	}
	if err := Mount("/dev/none", path, 0, false); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
