package tree

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/cpio"
)

var when = time.Unix(1_700_000_000, 0)

// sample fills a tree from a folder whose modes and times are not those that the tree asks for.
func sample(t *testing.T) *Tree {
	t.Helper()
	dir := t.TempDir()
	source := filepath.Join(dir, "content")
	if err := os.WriteFile(source, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("content", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tr := &Tree{}
	tr.Copy("usr/bin/tool", 0o755, source)
	tr.Dir("tmp", 0o1777)
	tr.File("usr.d", 0o644, []byte("sorts between usr and usr/bin by bytes"))
	tr.Symlink("bin", "usr/bin")
	tr.CharDevice("dev/console", 0o600, 5, 1)
	tr.CopyAll("share", dir)
	return tr
}

type flat struct {
	Name, Content, Link string
	Mode                int64
	UID, GID            int
	When                int64
	Type                byte
	DevMajor, DevMinor  int64
}

func want() []flat {
	return []flat{
		{Name: "bin", Link: "usr/bin", Mode: 0o777, Type: tar.TypeSymlink},
		{Name: "dev/", Mode: 0o755, Type: tar.TypeDir},
		{Name: "dev/console", Mode: 0o600, Type: tar.TypeChar, DevMajor: 5, DevMinor: 1},
		{Name: "share/", Mode: 0o755, Type: tar.TypeDir},
		{Name: "share/content", Content: "content", Mode: 0o644, Type: tar.TypeReg},
		{Name: "share/link", Link: "content", Mode: 0o777, Type: tar.TypeSymlink},
		{Name: "tmp/", Mode: 0o1777, Type: tar.TypeDir},
		{Name: "usr/", Mode: 0o755, Type: tar.TypeDir},
		{Name: "usr/bin/", Mode: 0o755, Type: tar.TypeDir},
		{Name: "usr/bin/tool", Content: "content", Mode: 0o755, Type: tar.TypeReg},
		{Name: "usr.d", Content: "sorts between usr and usr/bin by bytes", Mode: 0o644, Type: tar.TypeReg},
	}
}

func TestTarHasModesOwnersAndTimesOfTheTree(t *testing.T) {
	var out bytes.Buffer
	if err := sample(t).WriteTar(&out, when); err != nil {
		t.Fatal(err)
	}
	var got []flat
	for r := tar.NewReader(&out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, flat{h.Name, string(content), h.Linkname, h.Mode, h.Uid, h.Gid, h.ModTime.Unix(), h.Typeflag, h.Devmajor, h.Devminor})
	}
	expected := want()
	for i := range expected {
		expected[i].When = when.Unix()
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

func TestCPIOHasTheSame(t *testing.T) {
	var out bytes.Buffer
	if err := sample(t).WriteCPIO(&out, when); err != nil {
		t.Fatal(err)
	}
	types := map[uint64]byte{cpio.S_IFDIR: tar.TypeDir, cpio.S_IFREG: tar.TypeReg, cpio.S_IFLNK: tar.TypeSymlink, cpio.S_IFCHR: tar.TypeChar}
	var got []flat
	inodes := map[uint64]bool{}
	err := cpio.ForEachRecord(cpio.Newc.Reader(bytes.NewReader(out.Bytes())), func(r cpio.Record) error {
		f := flat{Name: r.Name, Mode: int64(r.Mode & 0o7777), UID: int(r.UID), GID: int(r.GID), When: int64(r.MTime),
			Type: types[r.Mode&cpio.S_IFMT], DevMajor: int64(r.Rmajor), DevMinor: int64(r.Rminor)}
		if r.ReaderAt != nil {
			content, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			if err != nil {
				return err
			}
			f.Content = string(content)
		}
		if f.Type == tar.TypeSymlink {
			f.Link, f.Content = f.Content, ""
		}
		if f.Type == tar.TypeDir {
			f.Name += "/"
		}
		if inodes[r.Ino] {
			t.Errorf("%s: inode %d is used twice", r.Name, r.Ino)
		}
		inodes[r.Ino] = true
		got = append(got, f)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	expected := want()
	for i := range expected {
		expected[i].When = when.Unix()
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
}

func TestSameTreeSameBytes(t *testing.T) {
	for name, write := range map[string]func(*Tree, io.Writer, time.Time) error{"tar": (*Tree).WriteTar, "cpio": (*Tree).WriteCPIO} {
		var one, two bytes.Buffer
		if err := write(sample(t), &one, when); err != nil {
			t.Fatal(err)
		}
		if err := write(sample(t), &two, when); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(one.Bytes(), two.Bytes()) {
			t.Errorf("%s: two archives of one tree differ", name)
		}
	}
}

func TestTreeRefusesContradictions(t *testing.T) {
	for name, fill := range map[string]func(*Tree){
		"twice":          func(tr *Tree) { tr.File("a", 0o644, nil); tr.File("/a", 0o644, nil) },
		"file as folder": func(tr *Tree) { tr.File("a", 0o644, nil); tr.File("a/b", 0o644, nil) },
		"link as folder": func(tr *Tree) { tr.Symlink("a", "c"); tr.File("a/b", 0o644, nil) },
		"folder as file": func(tr *Tree) { tr.Dir("a", 0o755); tr.File("a", 0o644, nil) },
		"no source":      func(tr *Tree) { tr.Copy("a", 0o644, "/nonexistent") },
		"folder source":  func(tr *Tree) { tr.Copy("a", 0o644, "/") },
		"no folder":      func(tr *Tree) { tr.CopyAll("a", "/nonexistent") },
		"root":           func(tr *Tree) { tr.Dir("/", 0o755) },
	} {
		var tr Tree
		fill(&tr)
		if err := tr.WriteTar(io.Discard, when); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestExtract(t *testing.T) {
	var tr Tree
	tr.File("a/b", 0o640, []byte("x"))
	dir := filepath.Join(t.TempDir(), "out")
	if err := tr.Extract(dir, when); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"a": os.ModeDir | 0o755, "a/b": 0o640} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode || !info.ModTime().Equal(when) {
			t.Errorf("%s: %v %v", name, info.Mode(), info.ModTime())
		}
	}
	tr.Symlink("c", "a")
	if err := tr.Extract(filepath.Join(t.TempDir(), "out"), when); err == nil {
		t.Error("a symlink was extracted")
	}
}
