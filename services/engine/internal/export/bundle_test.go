package export

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"vigie/services/engine/internal/cameratest"
)

// zipped writes a bundle.
func zipped(t *testing.T, a Archive, b *bundle) []byte {
	t.Helper()
	size, err := b.size(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if n, err := b.archive(t.Context(), a, &out, 0); err != nil || n != size || int64(out.Len()) != size {
		t.Fatalf("%d bytes, said %d, planned were %d: %v", out.Len(), n, size, err)
	}
	return out.Bytes()
}

// twoFiles is an export with a gap.
func twoFiles(t *testing.T) (*folder, *bundle) {
	v := cameratest.EncodeVideo(t, cameratest.VideoOptions{})
	a := newFolder(t)
	a.add(t, cameratest.Frames(epoch, v, nil, 75), false)
	a.add(t, cameratest.Frames(epoch.Add(5*time.Second), v, nil, 75), false)
	return a, planOf(t, a, 0, 10*time.Second, nil)
}

func TestOtherProgramsUnpackABundleAndItsChecksumsAreRight(t *testing.T) {
	a, b := twoFiles(t)
	file := zipped(t, a, b)
	dir := t.TempDir()
	path := filepath.Join(dir, "a.zip")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{{"unzip", "-q", path, "-d", dir}, {"sha256sum", "--quiet", "--strict", "-c", sumsName}, {"python3", "-c", "import zipfile, sys; sys.exit(zipfile.ZipFile(sys.argv[1]).testzip() is not None)", path}} {
		cmd := exec.CommandContext(t.Context(), c[0], c[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", c[0], err, out)
		}
	}
	for _, f := range b.files {
		content, err := os.ReadFile(filepath.Join(dir, f.file.name))
		if err != nil {
			t.Fatal(err)
		}
		judge(t, content, "a.mkv")
	}
	index, err := os.ReadFile(filepath.Join(dir, indexName))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"case 4711", "ann", "Door/1", b.files[1].file.name, "nothing is recorded just before", groups(b.key.Public().Fingerprint())} {
		if !strings.Contains(string(index), want) {
			t.Errorf("the index page does not say %q", want)
		}
	}
	if strings.Contains(string(index), strings.Repeat("0", 64)) {
		t.Error("the index page has no checksums")
	}
}

func TestAnyPartOfABundleIsTheSameAgain(t *testing.T) {
	a, b := twoFiles(t)
	all := zipped(t, a, b)
	for _, warm := range []bool{true, false} {
		for i := range 25 {
			from := int64(len(all)) * int64(i) / 25
			again := b
			if !warm {
				again = newBundle(b.plan, b.about, b.key, b.zone)
			}
			var out bytes.Buffer
			if _, err := again.archive(t.Context(), a, &out, from); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(out.Bytes(), all[from:]) {
				t.Fatalf("from %d on it is another (warm %v)", from, warm)
			}
		}
	}
}

// TestLargeBundlesAreZip64 looks at the frame of a bundle that nobody could write in a test.
func TestLargeBundlesAreZip64(t *testing.T) {
	_, b := twoFiles(t)
	for _, c := range b.files {
		c.file.clusters += 5 << 30
	}
	size, err := b.archive(t.Context(), nil, io.Discard, 0)
	if err != nil || size < 10<<30 {
		t.Fatal(size, err)
	}
	const tail = 1 << 20
	var out bytes.Buffer
	if _, err := b.archive(t.Context(), nil, &out, size-tail); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(&behind{bytes.NewReader(out.Bytes()), size - tail}, size)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b.files {
		if f := z.File[2*i]; f.Name != c.file.name || int64(f.UncompressedSize64) != c.file.size() {
			t.Errorf("%s has %d bytes", f.Name, f.UncompressedSize64)
		}
	}
}

// behind reads what lies behind an offset.
type behind struct {
	*bytes.Reader
	off int64
}

func (b *behind) ReadAt(p []byte, off int64) (int, error) {
	if off < b.off {
		return 0, fmt.Errorf("%d is not kept", off)
	}
	return b.Reader.ReadAt(p, off-b.off)
}
