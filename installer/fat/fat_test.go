package fat

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// volumeWith is a FAT32 file system made by mkfs.vfat, with files put in by mtools.
func volumeWith(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	image := filepath.Join(dir, "esp")
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			t.Fatalf("%s %v: %v: %s", name, args, err, out)
		}
	}
	run("mkfs.vfat", "-F", "32", "-s", "1", "-C", image, "40960")
	run("mmd", "-i", image, "::/boot", "::/boot/grub")
	n := 0
	for name, content := range files {
		n++
		file := filepath.Join(dir, fmt.Sprint(n))
		if err := os.WriteFile(file, content, 0o644); err != nil {
			t.Fatal(err)
		}
		run("mcopy", "-i", image, file, "::"+name)
	}
	return image
}

func read(t *testing.T, image string, extents []Extent) []byte {
	t.Helper()
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []byte
	for _, e := range extents {
		b := make([]byte, e.Size)
		if _, err := f.ReadAt(b, e.Start); err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

func TestFilesAreWhereTheyAreSaidToBe(t *testing.T) {
	files := map[string][]byte{
		"/boot/grub/grubenv": bytes.Repeat([]byte("e"), 1024), "/boot/grub/slots0.env": bytes.Repeat([]byte("0"), 1024),
		"/boot/grub/grub.cfg": []byte("short"), "/large.bin": bytes.Repeat([]byte("large"), 100_000), "/empty": nil,
	}
	for i := range 40 { // more than a cluster's worth of names
		files[fmt.Sprintf("/boot/grub/more%d", i)] = []byte{byte(i)}
	}
	image := volumeWith(t, files)
	// A file in pieces: what was freed between others is used again.
	for _, args := range [][]string{{"mdel", "-i", image, "::/boot/grub/more3", "::/boot/grub/more30"}, {"mcopy", "-i", image, image[:len(image)-3] + "1", "::/again"}} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
	}
	delete(files, "/boot/grub/more3")
	delete(files, "/boot/grub/more30")
	f, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for name, want := range files {
		extents, size, err := Find(f, name)
		if err != nil || size != int64(len(want)) || !bytes.Equal(read(t, image, extents), want) {
			t.Errorf("%s: %v, %d bytes, %v", name, extents, size, err)
		}
	}
	for _, name := range []string{"/none", "/boot", "/boot/grub/more3", "/boot/none/grubenv", "/large.bin/x", ""} {
		if _, _, err := Find(f, name); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsNoFAT32IsRefused(t *testing.T) {
	if _, _, err := Find(bytes.NewReader(make([]byte, 4096)), "/x"); !errors.Is(err, ErrDamaged) {
		t.Errorf("zeros: %v", err)
	}
	image := filepath.Join(t.TempDir(), "fat16")
	if out, err := exec.Command("mkfs.vfat", "-F", "16", "-C", image, "20000").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Find(bytes.NewReader(b), "/x"); !errors.Is(err, ErrDamaged) {
		t.Errorf("FAT16: %v", err)
	}
}

// FuzzFind damages the tables and folders of a real file system.
func FuzzFind(f *testing.F) {
	image, err := os.ReadFile(volumeWith(f, map[string][]byte{"/boot/grub/grubenv": make([]byte, 1024)}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(11), []byte{0, 4})
	f.Add(uint32(13), []byte{2})
	f.Add(uint32(32*512), []byte{2, 0, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0})
	v, err := open(bytes.NewReader(image))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint32(v.data), bytes.Repeat([]byte{0xff}, 64))
	f.Fuzz(func(t *testing.T, at uint32, patch []byte) {
		b := patched{image, int64(at), patch}
		extents, size, err := Find(b, "/boot/grub/grubenv")
		if err != nil {
			return
		}
		for _, e := range extents {
			if e.Start < 0 || e.Size <= 0 {
				t.Errorf("%+v", e)
			}
			size -= e.Size
		}
		if size != 0 {
			t.Errorf("%d bytes are nowhere", size)
		}
	})
}

// patched is an image of which some bytes are others.
type patched struct {
	image []byte
	at    int64
	patch []byte
}

func (p patched) ReadAt(b []byte, off int64) (int, error) {
	n, err := bytes.NewReader(p.image).ReadAt(b, off)
	for i := range b[:n] {
		if j := off + int64(i) - p.at; j >= 0 && j < int64(len(p.patch)) {
			b[i] = p.patch[j]
		}
	}
	return n, err
}
