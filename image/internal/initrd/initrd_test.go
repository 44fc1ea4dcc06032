package initrd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/u-root/u-root/pkg/cpio"

	"vigie/image/internal/tree"
)

func write(t *testing.T) string {
	t.Helper()
	var tr tree.Tree
	tr.File("init", 0o755, bytes.Repeat([]byte("program "), 500_000))
	tr.File(RootFile, 0o644, []byte("squashfs"))
	tr.CharDevice("dev/console", 0o600, 5, 1)
	out := filepath.Join(t.TempDir(), "initrd.img")
	if err := Write(&tr, out, time.Unix(1_700_000_000, 0)); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameTreeSameInitramfs(t *testing.T) {
	one, err := os.ReadFile(write(t))
	if err != nil {
		t.Fatal(err)
	}
	two, err := os.ReadFile(write(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two initramfs of one tree differ")
	}
}

// TestAnotherZstdReadsIt uses the reference decoder with as little memory as the window promises.
func TestAnotherZstdReadsIt(t *testing.T) {
	plain, err := exec.Command("zstd", "-dcq", "--memory=1MB", write(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	archive, err := cpio.ArchiveFromReader(cpio.Newc.Reader(bytes.NewReader(plain)))
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]uint64{"init": cpio.S_IFREG | 0o755, RootFile: cpio.S_IFREG | 0o644, "dev": cpio.S_IFDIR | 0o755, "dev/console": cpio.S_IFCHR | 0o600} {
		if r, ok := archive.Get(name); !ok || r.Mode != mode {
			t.Errorf("%s: present %v, mode %o", name, ok, r.Mode)
		}
	}
}

func TestWriteFailsWithoutContent(t *testing.T) {
	var tr tree.Tree
	tr.Copy("init", 0o755, "/nonexistent")
	if err := Write(&tr, filepath.Join(t.TempDir(), "initrd.img"), time.Unix(0, 0)); err == nil {
		t.Error("no error")
	}
}
