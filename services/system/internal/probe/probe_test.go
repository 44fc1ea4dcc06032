package probe

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// image makes a sparse file and runs a program on it, whose last argument is the file.
func image(t *testing.T, size int64, name string, args ...string) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if name != "" {
		if out, err := exec.Command(name, append(args, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	return f
}

func probed(t *testing.T, f *os.File) Result {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	res, err := Probe(f, info.Size())
	if err != nil {
		t.Fatal(err)
	}
	return res
}

const id = "6f1c2a50-9d3e-4c8b-8a47-0123456789ab"

func TestRealProgramsAreRecognised(t *testing.T) {
	for _, c := range []struct {
		size int64
		cmd  []string
		want Content
	}{
		{320 * mib, []string{"mkfs.xfs", "-q", "-L", "vigie", "-m", "uuid=" + id}, Content{"xfs", "XFS file system", "vigie", id}},
		{8 * mib, []string{"mkfs.ext4", "-q", "-L", "root", "-U", id}, Content{"ext4", "ext4 file system", "root", id}},
		{8 * mib, []string{"mkfs.ext2", "-q", "-U", id}, Content{"ext2", "ext2 file system", "", id}},
		{8 * mib, []string{"mkfs.ext3", "-q", "-U", id}, Content{"ext3", "ext3 file system", "", id}},
		{8 * mib, []string{"mkfs.vfat", "-n", "STICK", "-i", "1234ABCD"}, Content{"vfat", "FAT file system", "STICK", "1234-ABCD"}},
		{64 * mib, []string{"mkfs.vfat", "-F", "32", "-i", "1234ABCD"}, Content{"vfat", "FAT file system", "", "1234-ABCD"}},
		{8 * mib, []string{"mkswap", "-L", "sw", "-U", id}, Content{"swap", "Linux swap space", "sw", id}},
	} {
		t.Run(strings.Join(c.cmd[:2], " "), func(t *testing.T) {
			res := probed(t, image(t, c.size, c.cmd[0], c.cmd[1:]...))
			if res.Blank || len(res.Parts) != 0 || !slices.Equal(res.Contents, []Content{c.want}) {
				t.Errorf("got %+v", res)
			}
		})
	}
}

// TestAFATLabelIsThatOfTheRootDirectory: Windows leaves the one in the boot sector as it is.
func TestAFATLabelIsThatOfTheRootDirectory(t *testing.T) {
	for _, c := range []struct {
		size  int64
		width string
		at    int64 // of the label in the boot sector
	}{{4 * mib, "12", 43}, {16 * mib, "16", 43}, {64 * mib, "32", 71}} {
		f := image(t, c.size, "mkfs.vfat", "-F", c.width, "-n", "VIGIEANSWER")
		for _, boot := range []string{"NO NAME    ", "OLD NAME   "} {
			if _, err := f.WriteAt([]byte(boot), c.at); err != nil {
				t.Fatal(err)
			}
			if got := probed(t, f).Contents; len(got) != 1 || got[0].Label != "VIGIEANSWER" {
				t.Errorf("FAT%s, %q: %+v", c.width, boot, got)
			}
		}
	}
}

func TestOneFileSystemAfterAnotherLeavesTheLast(t *testing.T) {
	f := image(t, 320*mib, "mkfs.ext4", "-q")
	if out, err := exec.Command("mkfs.xfs", "-q", "-f", f.Name()).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if res := probed(t, f); len(res.Contents) != 1 || res.Contents[0].Kind != "xfs" {
		t.Errorf("got %+v", res)
	}
}

func sfdisk(t *testing.T, f *os.File, script string) {
	t.Helper()
	cmd := exec.Command("sfdisk", "-q", f.Name())
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
}

func TestPartitionsAreFoundAndLookedInto(t *testing.T) {
	xfs := image(t, 320*mib, "mkfs.xfs", "-q", "-L", "vigie", "-m", "uuid="+id)
	super := make([]byte, 4096)
	if _, err := xfs.ReadAt(super, 0); err != nil {
		t.Fatal(err)
	}
	f := image(t, 64*mib, "")
	sfdisk(t, f, "label: gpt\nstart=2048,size=20480\nstart=40960,size=20480\n")
	if _, err := f.WriteAt(super, 40960*512); err != nil {
		t.Fatal(err)
	}
	res := probed(t, f)
	if len(res.Parts) != 2 || res.Parts[1].Start != 40960*512 || res.Parts[1].Size != 20480*512 || res.Parts[1].Number != 2 {
		t.Fatalf("got %+v", res)
	}
	c, p, ok := res.Find(func(c Content) bool { return c.Kind == "xfs" })
	if !ok || p == nil || p.Number != 2 || c.UUID != id {
		t.Errorf("found %+v on %+v", c, p)
	}
	if got := res.Describe(); got != `GPT partition table, 2 partitions: XFS file system "vigie"` {
		t.Errorf("described as %q", got)
	}

	t.Run("only the backup left", func(t *testing.T) {
		if _, err := f.WriteAt(make([]byte, mib), 0); err != nil {
			t.Fatal(err)
		}
		if res := probed(t, f); res.Blank || len(res.Parts) != 2 || !strings.Contains(res.Describe(), "backup") {
			t.Errorf("got %+v", res)
		}
	})
	t.Run("primary and logical", func(t *testing.T) {
		f := image(t, 64*mib, "")
		sfdisk(t, f, "label: dos\nstart=2048,size=8192,type=83\nstart=12288,type=5\nstart=14336,size=8192\nstart=24576,size=8192\n")
		res := probed(t, f)
		var numbers []int
		for _, p := range res.Parts {
			numbers = append(numbers, p.Number)
		}
		if !slices.Equal(numbers, []int{1, 5, 6}) || res.Parts[2].Start != 24576*512 {
			t.Errorf("got %+v", res)
		}
	})
}

func TestBlankMeansZerosAtBothEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		off   int64
		blank bool
		words string
	}{
		{"all zero", -1, true, "nothing"},
		{"last byte", 4*mib - 1, false, "data of an unknown kind"},
		{"first MiB", mib - 1, false, "data of an unknown kind"},
		{"the middle is not read", 2 * mib, true, "nothing"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := image(t, 4*mib, "")
			if c.off >= 0 {
				if _, err := f.WriteAt([]byte{1}, c.off); err != nil {
					t.Fatal(err)
				}
			}
			if res := probed(t, f); res.Blank != c.blank || res.Describe() != c.words {
				t.Errorf("got %+v, %q", res, res.Describe())
			}
		})
	}
	if res, err := Probe(bytes.NewReader(nil), 0); err != nil || res.Blank {
		t.Errorf("a disk without size: %+v, %v", res, err)
	}
}

// badDisk fails wherever a window touches the bad byte.
type badDisk struct{ bad int64 }

var errIO = errors.New("input/output error")

func (b badDisk) ReadAt(p []byte, off int64) (int, error) {
	if off <= b.bad && b.bad < off+int64(len(p)) {
		return 0, errIO
	}
	clear(p)
	return len(p), nil
}

func TestABadSectorIsNeverTakenForZeros(t *testing.T) {
	for _, bad := range []int64{0, 4096, 900 << 10, 8*mib - 1} {
		if res, err := Probe(badDisk{bad}, 8*mib); !errors.Is(err, errIO) || res.Blank {
			t.Errorf("bad byte %d: %+v, %v", bad, res, err)
		}
	}
}
