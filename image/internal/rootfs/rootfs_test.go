package rootfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"vigie/image/internal/aptroot"
	"vigie/image/internal/squashfs"
	"vigie/image/internal/tree"
)

var when = time.Unix(1_700_000_000, 0).UTC()

func squash(t *testing.T) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "random name")
	if err := os.WriteFile(source, bytes.Repeat([]byte("content "), 100_000), 0o600); err != nil {
		t.Fatal(err)
	}
	var tr tree.Tree
	skeleton(&tr, "1.2.3")
	tr.Copy("usr/bin/program", 0o755, source)
	out := filepath.Join(t.TempDir(), "root.squashfs")
	if err := squashfs.Write(t.Context(), &tr, out, squashfs.Compressed, when); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestSameTreeSameSquashfs(t *testing.T) {
	one, err := os.ReadFile(squash(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("TZ", "Asia/Tokyo")
	two, err := os.ReadFile(squash(t))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one, two) {
		t.Error("two squashfs of one tree differ")
	}
}

func TestSquashfsHasModesOwnersAndTimesOfTheTree(t *testing.T) {
	cmd := exec.Command("unsquashfs", "-lln", squash(t))
	cmd.Env = append(os.Environ(), "TZ=UTC")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	for _, want := range []string{
		"drwxr-xr-x 0/0 2023-11-14 22:13 squashfs-root",
		"drwxrwxrwt 0/0 2023-11-14 22:13 squashfs-root/tmp",
		"drwx------ 0/0 2023-11-14 22:13 squashfs-root/root",
		"-rwxr-xr-x 0/0 2023-11-14 22:13 squashfs-root/usr/bin/program",
		"lrwxrwxrwx 0/0 2023-11-14 22:13 squashfs-root/sbin -> usr/sbin",
	} {
		found := slices.ContainsFunc(lines, func(line string) bool {
			f := strings.Fields(line) // mode, owner, size, date, time, path...
			return len(f) > 5 && strings.Join(append(f[:2:2], f[3:]...), " ") == want
		})
		if !found {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestSquashSaysWhyItFails(t *testing.T) {
	var tr tree.Tree
	tr.Copy("a", 0o644, "/nonexistent")
	if err := squashfs.Write(t.Context(), &tr, filepath.Join(t.TempDir(), "out"), squashfs.Compressed, when); err == nil || !strings.Contains(err.Error(), "/nonexistent") {
		t.Errorf("got %v", err)
	}
}

// TestLibraryClosure uses this machine's own programs: a Debian has dpkg-deb and its libraries.
func TestLibraryClosure(t *testing.T) {
	program, err := exec.LookPath("dpkg-deb")
	if err != nil {
		t.Fatal(err)
	}
	libs := libraries{found: map[string]string{}}
	for _, dir := range []string{"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu"} {
		if err := libs.scan(dir); err != nil {
			t.Fatal(err)
		}
	}
	needed, err := libs.closure([]string{program})
	if err != nil {
		t.Fatal(err)
	}
	// The loader is needed by the C library, not by the program itself.
	for _, want := range []string{"libc.so.6", "ld-linux-x86-64.so.2", "liblzma.so.5"} {
		if !slices.Contains(needed, want) {
			t.Errorf("%s is not among %v", want, needed)
		}
	}
	delete(libs.found, "liblzma.so.5")
	if _, err := libs.closure([]string{program}); err == nil || !strings.Contains(err.Error(), "liblzma.so.5") {
		t.Errorf("a missing library: %v", err)
	}
}

func TestUsersAreThoseOfTheDesign(t *testing.T) {
	for _, want := range []string{"root:x:0:0:", "engine:x:901:900:", "web:x:902:900:", "ntp:x:903:900:", "ssh:x:905:900:"} {
		if !strings.Contains("\n"+passwd, "\n"+want) {
			t.Errorf("no user %s", want)
		}
	}
	for line := range strings.Lines(passwd) {
		if !strings.HasSuffix(line, ":/usr/sbin/nologin\n") {
			t.Errorf("a user may log in: %s", line)
		}
	}
	if !strings.Contains(group, "\nvigie:x:900:\n") {
		t.Error("no group vigie")
	}
}

func TestCertificatesAreRequired(t *testing.T) {
	var tr tree.Tree
	if err := certificates(&tr, t.TempDir()); err == nil {
		t.Error("no error without certificates")
	}
}

func TestProgramsNeedTheirPackages(t *testing.T) {
	var tr tree.Tree
	if err := (Parts{Packages: aptroot.Set{}}).programs(&tr); err == nil || !strings.Contains(err.Error(), "xfsprogs") {
		t.Errorf("got %v", err)
	}
}

func TestLicencesFollowTheirPackages(t *testing.T) {
	own, borrowed := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(own, "usr/share/doc/gcc-14-base"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(own, "usr/share/doc/gcc-14-base/copyright"), []byte("GPL"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(borrowed, "usr/share/doc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("gcc-14-base", filepath.Join(borrowed, "usr/share/doc/libgcc-s1")); err != nil {
		t.Fatal(err)
	}
	set := aptroot.Set{"gcc-14-base": {Dir: own}, "libgcc-s1": {Dir: borrowed}}
	var tr tree.Tree
	if err := (Parts{Packages: set}).licences(&tr); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"usr/share/doc/gcc-14-base/copyright", "usr/share/doc/libgcc-s1"} {
		if !tr.Has(want) {
			t.Errorf("no %s", want)
		}
	}
	delete(set, "gcc-14-base")
	if err := (Parts{Packages: set}).licences(&tree.Tree{}); err == nil {
		t.Error("a licence that is nowhere is no error")
	}
}
